"""Files that are whole or not there, and one writer at a time."""

import os
from contextlib import AbstractContextManager
from pathlib import Path

from recsys_assets.locks import hold_lock


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` in one step: a reader, and a killed process, leave the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def only_one(lock: Path, command: str) -> AbstractContextManager[None]:
    """Hold a lock file while the block runs.

    Raises:
        RecsysError: another process holds it.
    """
    return hold_lock(lock, f"Another `{command}` is running on {lock.parent}: wait until it ends.")
