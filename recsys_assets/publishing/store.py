"""Bundles in an object store (S3, GCS, Azure, a folder), so that services on other machines follow.

`objects/<sha256>` holds a file of a bundle, `manifests/<build_id>.json` a bundle's manifest, and `current.json` says
which bundle is in use and what its manifest's checksum is. It is written last, so whoever reads it finds a whole
bundle: one that is half uploaded is nobody's.
"""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pydantic import ValidationError

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import sync_folder
from recsys_assets.logs import get_logger
from recsys_assets.publishing.bundle import seal
from recsys_assets.publishing.manifest import MANIFEST_FILE, Manifest, read_manifest, verify_bundle
from recsys_assets.publishing.retention import UNFINISHED_PREFIX, apply_retention
from recsys_assets.publishing.switch import current_bundle, list_builds, publishing_lock, switch_to

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_LOGGER: Final = get_logger(__name__)
CURRENT: Final = "current.json"
MANIFESTS: Final = "manifests"
OBJECTS: Final = "objects"
RETRIES: Final = 3
BUILD_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]*")


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        build_id: of the bundle in use.
        n_files: that were uploaded, and
        n_bytes: how much that was.
        n_removed: objects and manifests of bundles that are here no more.
    """

    build_id: str
    n_files: int
    n_bytes: int
    n_removed: int


def push_bundles(config: Config) -> Pushed:
    """Make the store hold the bundles of this home, and no others; files that are there are not sent again.

    Killed anywhere, the store's bundle in use stays whole, and the next push goes on.

    Raises:
        RecsysError: nothing is published, a bundle is damaged, or the store does not answer.
    """
    with publishing_lock(config):
        return push_locked(config)


def push_locked(config: Config) -> Pushed:
    """The same for who holds the published folder: an erasure, which ends when the store has followed."""
    store = _open_store(config)
    current = current_bundle(config)
    if current is None:
        raise RecsysError("Nothing is published yet, so there is nothing to push: run `recsys build`.")
    folders = {manifest.build_id: config.published_path / manifest.build_id for manifest in list_builds(config)}
    manifests = {build_id: verify_bundle(folder) for build_id, folder in folders.items()}
    with _told("written to"):
        there = _list(store)
        n_files = n_bytes = 0
        for build_id, manifest in manifests.items():
            for name, entry in manifest.files.items():
                if (place := f"{OBJECTS}/{entry.sha256}") not in there:
                    store.put(place, folders[build_id] / name)
                    there.add(place)
                    n_files, n_bytes = n_files + 1, n_bytes + entry.size
            store.put(f"{MANIFESTS}/{build_id}.json", (folders[build_id] / MANIFEST_FILE).read_bytes())
        content = (current / MANIFEST_FILE).read_bytes()
        in_use = {"build_id": current.name, "manifest_sha256": hashlib.sha256(content).hexdigest()}
        store.put(CURRENT, json.dumps(in_use).encode())
        kept = {f"{OBJECTS}/{entry.sha256}" for manifest in manifests.values() for entry in manifest.files.values()}
        kept |= {f"{MANIFESTS}/{build_id}.json" for build_id in manifests}
        gone = sorted(there - kept)
        if gone:
            store.delete(gone)
    _LOGGER.info("bundles_pushed", build_id=current.name, files=n_files, bytes=n_bytes, removed=len(gone))
    return Pushed(current.name, n_files, n_bytes, len(gone))


def pull_bundle(config: Config) -> Manifest | None:
    """Put the store's bundle into use here.

    Returns:
        its manifest; None where it was in use before.

    Raises:
        RecsysError: the store does not answer or holds no bundle, what it holds is damaged, or this home makes bundles
            of its own.
    """
    if config.warehouse_path.exists():
        raise RecsysError(f"{config.home} makes its own bundles: pull into a home of its own (RECSYS_HOME).")
    store = _open_store(config)
    with publishing_lock(config):
        with _told("read from"):
            manifest, content = _read_in_use(store)
        final = config.published_path / manifest.build_id
        is_there = (final / MANIFEST_FILE).exists() and (final / MANIFEST_FILE).read_bytes() == content
        was_in_use = is_there and current_bundle(config) == final
        if not is_there:
            aside = config.published_path / f"{UNFINISHED_PREFIX}{manifest.build_id}"
            shutil.rmtree(aside, ignore_errors=True)
            unfinished = aside / manifest.build_id
            unfinished.mkdir(parents=True)
            with _told("read from"):
                for name, entry in manifest.files.items():
                    _download(store, f"{OBJECTS}/{entry.sha256}", _inside(unfinished, name))
            (unfinished / MANIFEST_FILE).write_bytes(content)
            verify_bundle(unfinished)
            seal(unfinished)
            if final.exists():  # an erasure wrote it anew under its name
                os.replace(final, aside / "before")
            os.replace(unfinished, final)
            sync_folder(config.published_path)
        if not was_in_use:
            switch_to(config, manifest.build_id)
        _set_aside_what_is_gone(config, store)  # an erasure may have changed an old bundle alone
    apply_retention(config)
    if was_in_use:
        return None
    _LOGGER.info("bundle_pulled", build_id=manifest.build_id)
    return read_manifest(final)


def follow_store(config: Config, every_seconds: float, say: Callable[[str], None]) -> NoReturn:
    """Pull again and again; what goes wrong is told once, until it goes well again."""
    told = None
    while True:
        try:
            manifest, fault = pull_bundle(config), None
        except RecsysError as error:
            manifest, fault = None, str(error)
        if manifest is not None:
            say(f"In use: bundle {manifest.build_id}")
        if fault is not None and fault != told:
            _LOGGER.error("bundle_not_pulled", reason=fault)
            say(f"! {fault}")
        told = fault
        time.sleep(every_seconds)


def _open_store(config: Config) -> "ObjectStore":
    if config.store.url is None:
        raise RecsysError("Configuration: store.url says where bundles go, s3://bucket/folder say; set it.")
    if find_spec("obstore") is None:
        raise RecsysError("An object store needs its client: pip install 'recsys-assets[store]'.")
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    settings: dict[str, Any] = {"mkdir": True}
    if not config.store.url.startswith("file:"):
        seconds = config.store.timeout_seconds
        settings = {
            **config.store.options,
            "client_options": {"allow_http": config.store.allow_http, "timeout": f"{seconds:g}s"},
            "retry_config": {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=seconds * RETRIES)},
        }
    try:
        return from_url(config.store.url, **settings)
    except (BaseError, OSError, ValueError, TypeError) as error:
        raise RecsysError(f"Configuration: store.url {config.store.url} is not usable: {_first_line(error)}.") from None


def _set_aside_what_is_gone(config: Config, store: "ObjectStore") -> None:
    """Bundles that the store has no more, or has otherwise since an erasure, go: `apply_retention` removes them."""
    for manifest in list_builds(config):
        folder = config.published_path / manifest.build_id
        with _told("read from"):
            try:
                there = bytes(store.get(f"{MANIFESTS}/{manifest.build_id}.json").bytes())
            except FileNotFoundError:
                there = b""
        if there != (folder / MANIFEST_FILE).read_bytes():
            os.replace(folder, config.published_path / f"{UNFINISHED_PREFIX}{manifest.build_id}")


def _list(store: "ObjectStore") -> set[str]:
    """What is ours in the store; what else lies there is somebody else's."""
    return {str(found["path"]) for prefix in (OBJECTS, MANIFESTS) for some in store.list(prefix) for found in some}


def _read_in_use(store: "ObjectStore") -> tuple[Manifest, bytes]:
    """The manifest of the store's bundle in use, and its bytes; it names a folder, and no way out of one."""
    try:
        in_use = json.loads(bytes(store.get(CURRENT).bytes()))
        build_id, checksum = str(in_use["build_id"]), in_use["manifest_sha256"]
        content = bytes(store.get(f"{MANIFESTS}/{build_id}.json").bytes())
    except FileNotFoundError:
        why = "is store.url right, and did the machine that builds `recsys push`?"
        raise RecsysError(f"The store holds no bundle: {why}") from None
    except (ValueError, KeyError, TypeError):
        raise RecsysError(f"The store's {CURRENT} is damaged: `recsys push` writes it anew.") from None
    if hashlib.sha256(content).hexdigest() != checksum:
        raise RecsysError(f"The store's bundle {build_id} has another manifest than it should: push again.")
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError:
        raise RecsysError(f"The store's bundle {build_id} is of another version than this one reads.") from None
    if manifest.build_id != build_id or not BUILD_ID.fullmatch(build_id):
        raise RecsysError(f"The store's bundle {build_id} bears no name of a bundle: push again.")
    return manifest, content


def _download(store: "ObjectStore", place: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        for chunk in store.get(place).stream():
            file.write(chunk)


def _inside(folder: Path, name: str) -> Path:
    """The place of a file of a manifest, which must not lead out of the bundle."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts:
        raise RecsysError(f"The store's bundle holds the file {name}, which lies outside of it.")
    return folder / name


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Errors of the store become a sentence."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (FileNotFoundError, BaseError) as error:
        raise RecsysError(f"The store cannot be {what}: {_first_line(error)}") from None


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
