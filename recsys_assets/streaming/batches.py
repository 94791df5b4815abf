"""The batches of one partition on their way to the inbox, and how far it has been read.

`$RECSYS_HOME/stream/<topic>-<partition>/` is one process's for as long as it holds `.lock` there. A batch is written
beside `position.json` first; it counts from the moment when that file says so, and only then goes to
`$RECSYS_HOME/inbox/<table>/stream-<topic>-<partition>-<first offset>-<last offset>.jsonl`. So after a kill a batch
either counts, and is moved by the next process, or does not, and is read again. The broker is told how far we are for
its own tools alone: nothing here asks it.
"""

import json
import os
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError, StorageError
from recsys_assets.files import replace_file, sync_folder
from recsys_assets.locks import hold_lock

PREFIX: Final = "stream-"
_POSITION_FILE: Final = "position.json"
_OFFSET_DIGITS: Final = 20


class PartitionBatches:
    """One partition, held against other processes.

    Args:
        config: which home.
        topic: its name.
        partition: its number.
        table: of the contract, whose rows the messages are.
        wait_seconds: for another process that holds the partition.

    Raises:
        BusyError: that process still holds it.
        StorageError: the folder cannot be written.

    Attributes:
        next_offset: of the first message that does not count yet; None: nothing was ever read.
    """

    def __init__(self, config: Config, topic: str, partition: int, table: str, wait_seconds: float = 0.0) -> None:
        self._name = f"{topic}-{partition}"
        self._folder = config.stream_path / self._name
        self._inbox = config.inbox_path / table
        busy = f"Another `recsys stream` reads partition {partition} of {topic} into this home."
        with ExitStack() as lock:
            try:
                lock.enter_context(hold_lock(self._folder / ".lock", busy, wait_seconds=wait_seconds))
                self._inbox.mkdir(parents=True, exist_ok=True)
                self.next_offset = self._read_position(config, table)
                self._finish_left()
            except OSError as error:
                raise self._no_room(error) from None
            self._lock = lock.pop_all()

    def close(self) -> None:
        """Let others read the partition."""
        self._lock.close()

    def write(self, lines: Sequence[str], first: int, last: int) -> Path:
        """Write the messages of these offsets; when this returns they are in the inbox, for good.

        Raises:
            StorageError: they are not, and do not count.
        """
        name = f"{PREFIX}{self._name}-{first:0{_OFFSET_DIGITS}}-{last:0{_OFFSET_DIGITS}}.jsonl"
        try:
            replace_file(self._folder / name, "".join(f"{line}\n" for line in lines).encode())
            sync_folder(self._folder)
            replace_file(self._folder / _POSITION_FILE, json.dumps({"next_offset": last + 1}).encode())
            sync_folder(self._folder)
            self.next_offset = last + 1
            return self._move(self._folder / name)
        except OSError as error:
            raise self._no_room(error) from None

    def _read_position(self, config: Config, table: str) -> int | None:
        path = self._folder / _POSITION_FILE
        try:
            return int(json.loads(path.read_bytes())["next_offset"])
        except FileNotFoundError:  # the first time here, or a home that was restored: its files say how far they go
            return _last_in_home(config, table, self._name)
        except (ValueError, KeyError, TypeError):
            raise RecsysError(
                f'{path} is damaged: write {{"next_offset": N}} there, N being the offset to go on from, or remove '
                "the file to go on after the last message in the landing folder."
            ) from None

    def _finish_left(self) -> None:
        """Move what counts and was not moved, and remove what does not count, half written or whole."""
        for path in self._folder.glob(f".{PREFIX}*"):
            path.unlink()
        for path in sorted(self._folder.glob(f"{PREFIX}*.jsonl")):
            last = int(path.stem.rpartition("-")[2])
            if self.next_offset is not None and last < self.next_offset:
                self._move(path)
            else:
                path.unlink()

    def _move(self, path: Path) -> Path:
        target = self._inbox / path.name
        os.replace(path, target)
        sync_folder(self._inbox)
        return target

    def _no_room(self, error: OSError) -> StorageError:
        return StorageError(
            f"What was read cannot be written to {self._folder} ({error.strerror}): make room there, and start "
            "`recsys stream` again; it goes on where it was."
        )


def unlanded_bytes(config: Config) -> int:
    """How much was read and is not landed yet."""
    sizes = 0
    for path in config.inbox_path.glob(f"*/{PREFIX}*.jsonl"):
        try:
            sizes += path.stat().st_size
        except FileNotFoundError:  # landed meanwhile
            continue
    return sizes


def _last_in_home(config: Config, table: str, name: str) -> int | None:
    """The offset after the last one in files of the inbox and the landing folder, looked at in the order they move."""
    pattern = re.compile(rf"{re.escape(PREFIX + name)}-\d{{{_OFFSET_DIGITS}}}-(\d{{{_OFFSET_DIGITS}}})\.jsonl$")
    folders = (config.inbox_path, config.landing_path)
    found = (pattern.search(path.name) for folder in folders for path in sorted(folder.rglob(f"*{PREFIX}{name}-*")))
    return max((int(match[1]) + 1 for match in found if match), default=None)
