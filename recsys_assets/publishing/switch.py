"""Which bundle is in use: the link `published/current`, moved in one atomic step under one lock."""

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import sync_folder
from recsys_assets.locks import hold_lock
from recsys_assets.logs import get_logger
from recsys_assets.publishing.manifest import Manifest, read_manifest, verify_bundle
from recsys_assets.warehouse import LOCK_WAIT_SECONDS

_LOGGER: Final = get_logger(__name__)
CURRENT_LINK: Final = "current"
LOCK_FILE: Final = ".lock"


def publishing_lock(config: Config, wait_seconds: float = LOCK_WAIT_SECONDS) -> AbstractContextManager[None]:
    """Hold the published folder against other writers; readers never need it.

    The operating system lets go of the lock when its process dies, so what a holder finds half done is nobody's.

    Raises:
        RecsysError: another process still holds it after `wait_seconds`.
    """
    busy = "Another process is publishing: try again when it has finished."
    return hold_lock(config.published_path / LOCK_FILE, busy, wait_seconds=wait_seconds)


def current_bundle(config: Config) -> Path | None:
    """The folder of the bundle in use, by its own name and not by the link; None before the first build.

    Raises:
        RecsysError: the link leads nowhere.
    """
    link = config.published_path / CURRENT_LINK
    if not link.is_symlink():
        return None
    path = link.resolve()
    if not path.is_dir():
        raise RecsysError(f"The published bundle {path.name} is gone: run `recsys rollback BUILD` or `recsys build`.")
    return path


def list_builds(config: Config) -> list[Manifest]:
    """The bundles that are there, the oldest first; see `list_damaged` for those whose manifest cannot be read."""
    manifests = [found for found in _find_bundles(config).values() if isinstance(found, Manifest)]
    return sorted(manifests, key=lambda manifest: (manifest.created_at, manifest.build_id))


def list_damaged(config: Config) -> dict[str, str]:
    """Folder name -> what is wrong with it, for each bundle whose manifest cannot be read."""
    return {name: str(found) for name, found in _find_bundles(config).items() if isinstance(found, RecsysError)}


def _find_bundles(config: Config) -> dict[str, Manifest | RecsysError]:
    bundles: dict[str, Manifest | RecsysError] = {}
    for path in sorted(config.published_path.glob("[!.]*")):
        if path.is_dir() and not path.is_symlink():
            try:
                bundles[path.name] = read_manifest(path)
            except RecsysError as error:
                bundles[path.name] = error
    return bundles


def switch_to(config: Config, build_id: str) -> None:
    """Point `current` at a bundle. Whoever opens it sees the bundle before or this one, and nothing between."""
    published = config.published_path
    new_link = published / f".{CURRENT_LINK}"
    new_link.unlink(missing_ok=True)
    new_link.symlink_to(build_id, target_is_directory=True)
    os.replace(new_link, published / CURRENT_LINK)
    sync_folder(published)


def rollback(config: Config, build_id: str | None = None) -> Manifest:
    """Put an earlier bundle back into use, after comparing its files with their checksums.

    Args:
        config: the configuration.
        build_id: the bundle; by default the newest of those older than the current one.

    Returns:
        The manifest of the bundle that is in use now.

    Raises:
        RecsysError: there is no such bundle, or it is damaged; the current one stays.
    """
    with publishing_lock(config):
        builds = [manifest.build_id for manifest in list_builds(config)]
        chosen = _previous(config, builds) if build_id is None else build_id
        if chosen not in builds and chosen not in list_damaged(config):
            there = f"there are: {', '.join(builds)}" if builds else "nothing is published yet"
            raise RecsysError(f"There is no bundle '{chosen}' in the published folder; {there}.")
        manifest = verify_bundle(config.published_path / chosen)
        before = (config.published_path / CURRENT_LINK).resolve().name
        switch_to(config, chosen)
        _LOGGER.info("bundle_rolled_back", build_id=chosen, build_id_before=before)
        return manifest


def _previous(config: Config, builds: list[str]) -> str:
    current = current_bundle(config)
    if current is None or current.name not in builds:
        raise RecsysError("Nothing is published yet, so there is nothing to roll back to: run `recsys build`.")
    older = builds[: builds.index(current.name)]
    if not older:
        raise RecsysError(f"Bundle {current.name} is the oldest there is, so there is none before it to roll back to.")
    return older[-1]
