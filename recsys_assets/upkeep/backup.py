"""`recsys backup` and `recsys restore`: a home as one file, and back, every byte held against its checksum."""

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from recsys_assets import __version__
from recsys_assets.config import ACCEPTED_FILE, TUNED_FILE, Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import hash_file, sync_folder
from recsys_assets.locks import building_lock
from recsys_assets.logs import get_logger
from recsys_assets.publishing.switch import publishing_lock
from recsys_assets.sources.forgotten import demand_finished, write_forgotten
from recsys_assets.sources.inbox import REFUSED, list_inbox
from recsys_assets.sources.landing_area import copies_aside
from recsys_assets.upkeep.backups import Backup, enter_backup
from recsys_assets.upkeep.forget import take_over_tombstones
from recsys_assets.warehouse import open_warehouse

_LOGGER: Final = get_logger(__name__)
CONTENTS_FILE: Final = "backup.json"
# what a home is beside the complete files of its inbox: not locks, not the history of Dagster's runs, not reports that
# a command writes again
BACKED_UP: Final = (
    f"inbox/{REFUSED}",
    "landing",
    "quarantine",
    ACCEPTED_FILE,
    "warehouse.duckdb",
    "models",
    "fitted",
    "published",
    TUNED_FILE,
    "tuning.db",
    "forgotten.json",
    "certificates",
)
BYTES_AT_ONCE: Final = 1 << 20


class BackedUpFile(BaseModel):
    """One file: size in bytes, SHA-256 (hex), and its time, which for landed files is the order of loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    sha256: str
    modified_ns: int


class Contents(BaseModel):
    """`backup.json`, the first member of a backup.

    Attributes:
        created_at: UTC.
        version: of the project that wrote it.
        files: path inside the home -> what is known of the file.
        links: path inside the home -> where the link leads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    created_at: datetime
    version: str
    files: dict[str, BackedUpFile]
    links: dict[str, str]


def back_up(config: Config, target: Path, say: Callable[[str], None]) -> Contents:
    """Write the home into one tar file, while no build, load or publication changes it.

    The file appears under its name only when it is whole and on the disk.

    Raises:
        RecsysError: the target is there already or cannot be written, there is nothing to back up, or an erasure is
            not finished.
    """
    if target.exists():
        raise RecsysError(f"{target} is there already: a backup never replaces another; choose another name.")
    unfinished = target.with_name(f".{target.name}.unfinished")
    with ExitStack() as stack:
        stack.enter_context(building_lock(config, say))
        demand_finished(config)
        if config.landing_path.exists():
            stack.enter_context(copies_aside(config))
        if config.published_path.exists():
            stack.enter_context(publishing_lock(config))
        if config.warehouse_path.exists():
            stack.enter_context(open_warehouse(config)).execute("CHECKPOINT")  # all is in the file, and nobody else's
        contents = describe_home(config)
        if not contents.files:
            raise RecsysError(f"There is nothing in {config.home} to back up.")
        say(f"{len(contents.files):,} files, {_count_bytes(contents) / 1e6:,.1f} MB")
        try:
            with unfinished.open("wb") as file:
                _write_tar(file, config.home, contents)
                file.flush()
                os.fsync(file.fileno())
            # before it is there: a list with one too many misleads nobody
            enter_backup(config, Backup(path=target.resolve(), created_at=contents.created_at))
            os.replace(unfinished, target)
            sync_folder(target.parent)
        except OSError as error:
            raise RecsysError(f"{target} cannot be written: {error.strerror}.") from None
        finally:
            unfinished.unlink(missing_ok=True)
    _LOGGER.info("home_backed_up", path=str(target), files=len(contents.files), bytes=_count_bytes(contents))
    return contents


def describe_home(config: Config) -> Contents:
    """What of the home a backup holds, as it is now."""
    files, links = {}, {}
    for path in _walk(config):
        name = path.relative_to(config.home).as_posix()
        if path.is_symlink():
            links[name] = os.readlink(path)
        else:
            status = path.stat()
            files[name] = BackedUpFile(size=status.st_size, sha256=hash_file(path), modified_ns=status.st_mtime_ns)
    return Contents(created_at=datetime.now(UTC), version=__version__, files=files, links=links)


def restore(config: Config, source: Path, tombstones: Path | None = None) -> Contents:
    """Make the home from a backup. It appears in one step, whole, or not at all.

    Args:
        config: where the home is to be.
        source: what `back_up` wrote.
        tombstones: `forgotten.json` of the home as it was last: those users are then to be swept by `finish_erasure`,
            and until then nothing is loaded or built.

    Raises:
        RecsysError: the home holds something already, or the backup is damaged; the home is as before.
    """
    home = config.home
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise RecsysError(f"{home} holds something already: restore into a home that is empty (RECSYS_HOME names it).")
    unfinished = home.with_name(f".{home.name}.restoring")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        contents = _read_tar(source, unfinished)
        if tombstones is not None:
            restored = config.model_copy(update={"home": unfinished})
            write_forgotten(restored, take_over_tombstones(restored, tombstones, datetime.now(UTC)))
        if home.exists():
            home.rmdir()
        os.replace(unfinished, home)
        sync_folder(home.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    _LOGGER.info("home_restored", path=str(source), files=len(contents.files), bytes=_count_bytes(contents))
    return contents


def _count_bytes(contents: Contents) -> int:
    return sum(file.size for file in contents.files.values())


def _walk(config: Config) -> Iterator[Path]:
    """Files and links of BACKED_UP in a fixed order, without locks, copies in the making and unfinished bundles.

    Of the inbox those that nobody writes any more: posted events and messages of a stream among them.
    """
    home = config.home
    waiting = (file.path for file in list_inbox(config, datetime.now(UTC)) if file.is_complete and file.path.is_file())
    yield from sorted(waiting)
    for name in BACKED_UP:
        path = home / name
        if path.is_dir():
            for found in sorted(path.rglob("*")):
                is_hidden = any(part.startswith(".") for part in found.relative_to(home).parts)
                if not is_hidden and (found.is_symlink() or found.is_file()):
                    yield found
        elif path.is_file():
            yield path


def _write_tar(file: io.BufferedWriter, home: Path, contents: Contents) -> None:
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        text = contents.model_dump_json(indent=1).encode()
        member = tarfile.TarInfo(CONTENTS_FILE)
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
        for name in (*contents.files, *contents.links):
            tar.add(home / name, arcname=name, recursive=False)


def _read_tar(source: Path, folder: Path) -> Contents:
    """Unpack a backup into a folder, every file held against its checksum."""
    damaged = f"Backup {source} is damaged"
    try:
        with tarfile.open(source, mode="r:") as tar:
            first = tar.next()
            listed = tar.extractfile(first) if first is not None and first.name == CONTENTS_FILE else None
            if listed is None:
                raise RecsysError(f"{source} is no backup of Recsys Assets: it does not begin with {CONTENTS_FILE}.")
            contents = Contents.model_validate_json(listed.read())
            awaited = {**contents.files}
            while (member := tar.next()) is not None:
                _unpack(tar, member, folder, awaited, contents, damaged)
    except (tarfile.TarError, EOFError, ValidationError) as error:
        raise RecsysError(f"{damaged}: {str(error).splitlines()[0]}.") from None
    except OSError as error:
        raise RecsysError(f"Backup {source} cannot be restored: {error.strerror or error}.") from None
    if awaited:
        raise RecsysError(f"{damaged}: {min(awaited)} is missing.")
    for name, leads_to in contents.links.items():
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(leads_to, target_is_directory=True)
    for path in [folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())]:
        sync_folder(path)
    return contents


def _unpack(
    tar: tarfile.TarFile,
    member: tarfile.TarInfo,
    folder: Path,
    awaited: dict[str, BackedUpFile],
    contents: Contents,
    damaged: str,
) -> None:
    if member.issym() and member.name in contents.links:
        return  # made from the list, when all files are there
    expected = awaited.pop(member.name, None)
    content = tar.extractfile(member) if member.isfile() else None
    target = (folder / member.name).resolve()
    if expected is None or content is None or not target.is_relative_to(folder.resolve()):
        raise RecsysError(f"{damaged}: it holds {member.name}, which its {CONTENTS_FILE} does not name.")
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("wb") as file:
        while piece := content.read(BYTES_AT_ONCE):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != expected.sha256:
        raise RecsysError(f"{damaged}: {member.name} is not the file that was backed up.")
    target.chmod(member.mode & 0o777)
    os.utime(target, ns=(expected.modified_ns, expected.modified_ns))
