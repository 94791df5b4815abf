"""The landing folder: names of landed files, their order, and copies in the making.

`$RECSYS_HOME/landing/<table>/<16 hex digits of sha256>__<name>` is complete from the moment it has that name: copies
are made aside, in `.incoming`, and renamed. All files of one landing bear its time as their own, so that a warehouse
that is built anew from the folder loads them in the order in which they came.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.locks import hold_lock
from recsys_assets.sources.contract import TABLES, Table

_LOCK_FILE: Final = ".lock"
_ASIDE: Final = ".incoming"
_HASH_DIGITS: Final = 16
_LONGEST_NAME: Final = 200  # bytes: file systems allow 255, and the hash stands before it


@dataclass(frozen=True)
class LandedFile:
    """A file in the landing folder.

    Attributes:
        table: its table of the contract.
        file_name: the name that it had in the folder it came from.
        path: where it lies now.
        is_new: False if a file of the same content was there before; `path` is then that one's.
        rows_left_out: how many rows of forgotten users were cut out when it was landed.
    """

    table: Table
    file_name: str
    path: Path
    is_new: bool = False
    rows_left_out: int = 0

    @property
    def batch(self) -> str:
        """What names all files of its landing: the time, to the millisecond, no two landings being closer."""
        seconds, rest = divmod(self.path.stat().st_mtime_ns, 1_000_000_000)
        return f"{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%S}.{rest // 1_000_000:03}"


def list_landed(config: Config) -> list[LandedFile]:
    """All landed files in the order of loading: by table as in the contract, time of landing, name.

    Raises:
        RecsysError: something lies there that was not landed.
    """
    found: list[LandedFile] = []
    for table in TABLES.values():
        paths = [path for path in (config.landing_path / table.name).glob("*") if not path.name.startswith(".")]
        for path in sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name.partition("__")[2], path.name)):
            digits, parting, file_name = path.name.partition("__")
            if not parting or len(digits) != _HASH_DIGITS:
                raise RecsysError(
                    f"{path} was not put there by `recsys load`: move it to a folder of its own and load that."
                )
            found.append(LandedFile(table, file_name, path))
    return found


def landed_path(config: Config, table: Table, file_name: str, file_id: str) -> Path:
    """The place of a file with this content."""
    name = file_name if len(file_name.encode()) <= _LONGEST_NAME else file_name[-_LONGEST_NAME // 4 :]
    return config.landing_path / table.name / f"{file_id[:_HASH_DIGITS]}__{name}"


def has_content(path: Path, file_id: str) -> bool:
    """Whether the name of a landed file says that it has this content."""
    return path.name.startswith(f"{file_id[:_HASH_DIGITS]}__")


def next_landing_time(config: Config) -> int:
    """Now, in ns since 1970, but later than every landing so far, whatever the clock says."""
    times = (path.stat().st_mtime_ns for path in config.landing_path.glob("*/*__*"))
    return max(time.time_ns(), max(times, default=0) + 1_000_000)


@contextmanager
def copies_aside(config: Config) -> Iterator[Path]:
    """An empty folder for copies in the making, of one process at a time; what is left in it at the end is removed."""
    aside = config.landing_path / _ASIDE
    with landing_lock(config):
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def remove_leftovers(config: Config) -> None:
    """Remove copies that a dead process left; one that is at work keeps its own."""
    if not (config.landing_path / _ASIDE).exists():
        return
    with suppress(RecsysError), landing_lock(config, wait_seconds=0):
        shutil.rmtree(config.landing_path / _ASIDE, ignore_errors=True)


def landing_lock(config: Config, wait_seconds: float = float("inf")) -> AbstractContextManager[None]:
    """Hold the landing folder against other processes that change it."""
    busy = "Another process is landing files."
    return hold_lock(config.landing_path / _LOCK_FILE, busy, wait_seconds=wait_seconds)
