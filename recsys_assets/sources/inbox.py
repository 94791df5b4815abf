"""The inbox: where other systems drop files, and from where runs land them.

`$RECSYS_HOME/inbox/<table>/<any name>`, or `inbox/<table>.<kind>` as `recsys load` takes it. A file is complete when
nothing has changed about it for `sources.inbox_settle_seconds`; hidden files and names that end in .part or .tmp are
not looked at. A complete file is moved aside, landed, and removed; one that cannot be taken is kept in
`inbox/refused/`, with a sentence beside it.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError, StorageError
from recsys_assets.files import replace_file, sync_folder
from recsys_assets.sources.contract import TABLES, Table
from recsys_assets.sources.formats import InputFile
from recsys_assets.sources.landing import land_files
from recsys_assets.sources.landing_area import LandedFile

_ASIDE: Final = ".taking"
REFUSED: Final = "refused"
_WHY: Final = ".why.txt"
_UNFINISHED: Final = (".part", ".tmp", ".crdownload", ".filepart", ".partial")


@dataclass(frozen=True)
class InboxFile:
    """A file, or a folder that does not belong there, in the inbox.

    Attributes:
        path: where it lies.
        table: what its name says that it belongs to; None if that is no table.
        is_complete: whether nothing has changed about it for long enough.
        state: what changes whenever the file does, or another takes its place.
        changed_at: the last change, in seconds since 1970.
    """

    path: Path
    table: Table | None
    is_complete: bool
    state: str
    changed_at: float


@dataclass(frozen=True)
class Taken:
    """What became of the inbox: landed files, and refused ones with the sentence that says why."""

    landed: tuple[LandedFile, ...]
    refused: tuple[tuple[Path, str], ...]


def list_inbox(config: Config, now: datetime) -> list[InboxFile]:
    """What lies in the inbox, in the order of loading (by table as in the contract, then by name)."""
    found = [_look_at(path, table, config, now) for table, path in _entries(config.inbox_path)]
    places = {table.name: place for place, table in enumerate(TABLES.values())}
    return sorted(found, key=lambda file: (places[file.table.name] if file.table else -1, str(file.path)))


def count_refused(config: Config) -> int:
    """How many refused files wait for a person."""
    return sum(not path.name.endswith(_WHY) for path in (config.inbox_path / REFUSED).glob("*"))


def take_inbox(config: Config, now: datetime) -> Taken:
    """Land every complete file of the inbox, one by one, so that one that is refused holds up no other.

    Killed anywhere, the next call goes on: a file is in the inbox, aside in it, or landed. One process at a time.

    Raises:
        StorageError: the landing folder cannot be written; what is not landed yet stays in the inbox.
    """
    for file in list_inbox(config, now):
        if file.is_complete:
            _move_aside(config, file, now)
    landed: list[LandedFile] = []
    refused: list[tuple[Path, str]] = []
    for path in sorted((config.inbox_path / _ASIDE).glob("*/*")):
        table = TABLES.get(path.parent.name)
        try:
            landed += land_files(config, [_as_input(path, table)])
            path.unlink()
        except StorageError:
            raise
        except RecsysError as error:
            refused.append((_refuse(config, path, str(error)), str(error)))
    return Taken(tuple(landed), tuple(refused))


def _entries(inbox: Path) -> Iterator[tuple[Table | None, Path]]:
    if not inbox.is_dir():
        return
    for path in inbox.iterdir():
        table = TABLES.get(path.name.split(".")[0].lower())
        if path.name == REFUSED or _is_unfinished(path):
            continue
        if table is not None and path.is_dir():
            yield from ((table, inner) for inner in path.iterdir() if not _is_unfinished(inner))
        else:
            yield table, path


def _is_unfinished(path: Path) -> bool:
    return path.name.startswith((".", "_")) or path.name.lower().endswith(_UNFINISHED)


def _look_at(path: Path, table: Table | None, config: Config, now: datetime) -> InboxFile:
    try:
        found = path.stat()
    except FileNotFoundError:  # renamed or removed by its sender meanwhile
        return InboxFile(path, table, is_complete=False, state="gone", changed_at=now.timestamp())
    # a copy that keeps its original's time (cp -p) still shows in the time of the last change of the entry
    changed_at = max(found.st_mtime, found.st_ctime)
    is_complete = now.timestamp() - changed_at >= config.sources.inbox_settle_seconds
    state = f"{found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
    return InboxFile(path, table, is_complete, state, changed_at)


def _move_aside(config: Config, file: InboxFile, now: datetime) -> None:
    """Move a file where its sender no longer writes, unless it changed since it was looked at."""
    if not file.path.exists() or _look_at(file.path, file.table, config, now).state != file.state:
        return
    folder = config.inbox_path / _ASIDE / (file.table.name if file.table else "unknown")
    folder.mkdir(parents=True, exist_ok=True)
    os.replace(file.path, _free_name(folder, file.path.name))


def _as_input(path: Path, table: Table | None) -> InputFile:
    if table is None:
        raise RecsysError(
            f"{path.name} bears no table's name: put it into inbox/events/, items/, users/ or impressions/."
        )
    if path.is_dir():
        raise RecsysError(f"{path.name} is a folder: move its files up into {table.name}/.")
    file = InputFile(table, path, path.name)
    _ = file.format  # refuses a name that stands for none
    return file


def _refuse(config: Config, path: Path, sentence: str) -> Path:
    """Keep a file, with its sentence beside it; returns its new place."""
    folder = config.inbox_path / REFUSED
    folder.mkdir(exist_ok=True)
    kept = _free_name(folder, path.name)
    replace_file(kept.with_name(kept.name + _WHY), f"{sentence}\n".encode())
    os.replace(path, kept)
    sync_folder(folder)
    return kept


def _free_name(folder: Path, name: str) -> Path:
    """The name in a folder, with a number before it if it is taken: the end of a name tells the format."""
    taken = (folder / f"{number}_{name}" for number in range(2, 1_000_000))
    return folder / name if not (folder / name).exists() else next(path for path in taken if not path.exists())
