"""A log file that several processes append to, and that is put aside when it is full."""

import fcntl
import os
from pathlib import Path


def append(path: Path, text: str, max_bytes: int, kept_files: int) -> None:
    """Append whole lines; they neither tear nor get lost, whatever other processes append and put aside meanwhile.

    Writers take turns by a lock on the file itself, which the operating system lets go of when its process dies. A
    full file is renamed to `<name>.1`, the one before to `<name>.2`, up to `kept_files`; what is older is removed.

    Args:
        path: of the file; it and its folder are made if they are not there.
        text: one line or more, each with its end.
        max_bytes: a file is full when `text` would make it longer; a longer text gets a file of its own.
        kept_files: how many full files stay, at least 1.

    Raises:
        OSError: the file cannot be written.
    """
    content = text.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not _is_at(path, descriptor):
                continue  # another process put it aside between open and lock
            size = os.fstat(descriptor).st_size
            if size and size + len(content) > max_bytes:
                _put_aside(path, kept_files)
                continue
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                content = b"\n" + content  # a process was killed, or the disk was full, in the middle of its line
            while content:
                content = content[os.write(descriptor, content) :]
            return
        finally:
            os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _put_aside(path: Path, kept_files: int) -> None:
    """Make room at `.1`. A kill between two renames leaves a gap, which the next call fills: no file is lost."""
    places = [path.with_name(f"{path.name}.{number}") for number in range(1, kept_files + 1)]
    gap = next((number for number, place in enumerate(places) if not place.exists()), kept_files - 1)
    for number in range(gap, 0, -1):
        os.replace(places[number - 1], places[number])
    os.replace(path, places[0])
    for place in path.parent.glob(f"{path.name}.*"):
        if place not in places:  # more were kept before the setting was lowered
            place.unlink(missing_ok=True)
