"""Files and folders as the disk holds them: what they are, whole or not there, and there after a crash."""

import hashlib
import os
from pathlib import Path
from typing import Final

PIECE: Final = 131_072  # bytes, a tenth of a millisecond


def hash_file(path: Path) -> str:
    """SHA-256 (hex) of a file's content; whoever waits for the processor gets it after every piece."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
            os.sched_yield()
    return found.hexdigest()


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` in one step: a reader, and a killed process, leave the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def sync_file(path: Path) -> None:
    """Make a file's content durable (fsync)."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable (fsync)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
