"""Files that are whole or not there, and one writer at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys_assets.errors import RecsysError


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` in one step: a reader, and a killed process, leave the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


@contextmanager
def only_one(lock: Path, command: str) -> Iterator[None]:
    """Hold a lock file while the block runs; the end of the process frees it, however it ends.

    Raises:
        RecsysError: another process holds it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RecsysError(f"Another `{command}` is running on {lock.parent}: wait until it ends.") from None
        yield
