"""Segments: files of whole lines that grow on the disk, and go to the inbox when they are old or large enough.

`$RECSYS_HOME/service/events/<worker>/<table>-<sequence>.jsonl` is a worker's for as long as it holds `<worker>/.lock`.
A segment that nobody has open is complete but for its last line: one without an end was never acknowledged, and is cut
off before the file is moved to `$RECSYS_HOME/inbox/<table>/service-<worker>-<sequence>.jsonl`.
"""

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from recsys_assets.config import Config
from recsys_assets.errors import BusyError, RecsysError, StorageError
from recsys_assets.files import sync_file, sync_folder
from recsys_assets.locks import hold_lock
from recsys_assets.logs import get_logger

MAX_WORKERS: Final = 1000
_LOGGER: Final = get_logger(__name__)
_LOCK_FILE: Final = ".lock"
_SUFFIX: Final = ".jsonl"


class Segment:
    """A file being written; its first `size` bytes are on the disk, and are whole lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.opened_at = time.monotonic()
        self._file = path.open("xb", buffering=0)
        sync_folder(path.parent)

    def append(self, content: bytes) -> None:
        """Write whole lines and wait for the disk.

        Raises:
            OSError: the segment must be closed: what it holds beyond `size` is cut off then.
        """
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) :]
        os.fsync(self._file.fileno())
        self.size += len(content)

    def close(self) -> None:
        """Cut off what was not acknowledged, as far as the disk lets, and write no more."""
        with self._file, suppress(OSError):
            self._file.truncate(self.size)
            if not self.size:
                self.path.unlink()


class Segments:
    """The folder of one worker, and its open segments, one a table; for one thread.

    Raises:
        StorageError: the folder cannot be written.
        RecsysError: there are too many workers.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._open: dict[str, Segment] = {}
        self._last_sequence = 0
        self._looked_at = float("-inf")
        self._lock = ExitStack()
        try:
            self.folder = self._take_folder()
        except OSError as error:
            raise StorageError(f"{config.posted_path} cannot be written: {error.strerror}.") from None

    def _take_folder(self) -> Path:
        for number in range(1, MAX_WORKERS + 1):
            folder = self._config.posted_path / str(number)
            with suppress(BusyError):
                self._lock.enter_context(hold_lock(folder / _LOCK_FILE, "taken"))
                sync_folder(folder.parent)
                return folder
        raise RecsysError(f"{MAX_WORKERS} workers hold {self._config.posted_path}: stop some of them.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for table in [*self._open]:
                self._open.pop(table).close()
            self._complete_left(self.folder)
        finally:
            self._lock.close()

    def append(self, table: str, lines: Sequence[str]) -> None:
        """Write lines of a table; when this returns they are on the disk.

        Raises:
            StorageError: they are not.
        """
        try:
            segment = self._open.get(table) or self._begin(table)
            segment.append("".join(f"{line}\n" for line in lines).encode())
        except OSError as error:
            if table in self._open:
                self._open.pop(table).close()
            raise StorageError(
                f"What was posted cannot be written to {self.folder} ({error.strerror}): make room there, and post "
                "it again."
            ) from None

    def move_due(self) -> None:
        """Move to the inbox what is large or old enough, and now and then what dead workers left.

        What cannot be moved, for want of room say, stays for the next time.
        """
        limits, now = self._config.service, time.monotonic()
        due = [
            table
            for table, segment in self._open.items()
            if segment.size >= limits.segment_bytes or now - segment.opened_at >= limits.segment_seconds
        ]
        for table in due:
            self._open.pop(table).close()
        if due or now - self._looked_at >= limits.segment_seconds:
            self._looked_at = now
            self.move_left()

    def move_left(self) -> None:
        """Move to the inbox every segment that nobody has open: this worker's own, and those of dead ones."""
        for folder in sorted(self._config.posted_path.iterdir()):
            if folder == self.folder:
                self._complete_left(folder)
            elif folder.is_dir():
                with suppress(BusyError), hold_lock(folder / _LOCK_FILE, "at work"):
                    self._complete_left(folder)

    def _begin(self, table: str) -> Segment:
        # a time, so that a name does not come again when the files of a worker before are long landed
        self._last_sequence = max(time.time_ns() // 1000, self._last_sequence + 1)
        seconds, micros = divmod(self._last_sequence, 1_000_000)
        sequence = f"{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%S}.{micros:06}"
        self._open[table] = Segment(self.folder / f"{table}-{sequence}{_SUFFIX}")
        return self._open[table]

    def _complete_left(self, folder: Path) -> None:
        in_use = {segment.path for segment in self._open.values()}
        for path in sorted(folder.glob(f"*-*{_SUFFIX}")):
            if path not in in_use:
                try:
                    _complete(self._config, path)
                except OSError as error:
                    _LOGGER.warning("segment_not_moved", path=str(path), error=error.strerror)


def unlanded(config: Config) -> list[Path]:
    """Segments of events that were moved to the inbox and are not landed yet, the latest first."""
    inbox = config.inbox_path / "events"
    return sorted(inbox.glob(f"service-*-*{_SUFFIX}"), key=lambda path: path.name.split("-")[2], reverse=True)


def _complete(config: Config, path: Path) -> None:
    """Cut off a line without an end, and move the rest to the inbox; an empty segment is removed."""
    content = path.read_bytes()
    size = content.rfind(b"\n") + 1
    if size < len(content):
        os.truncate(path, size)
        _LOGGER.warning("torn_line_cut", path=str(path), bytes=len(content) - size)
    if not size:
        path.unlink()
        return
    sync_file(path)
    table, sequence = path.stem.split("-")
    target = config.inbox_path / table / f"service-{path.parent.name}-{sequence}{_SUFFIX}"
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)
    sync_folder(target.parent)
    sync_folder(path.parent)
    _LOGGER.info("segment_moved", file_name=target.name, table=table, bytes=size)
