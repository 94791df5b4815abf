"""Lock files: one process at a time, and nobody's any more when that process ends, however it ends."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from recsys_assets.config import Config
from recsys_assets.errors import BusyError

SECONDS_BETWEEN_TRIES = 0.1
BUILD_LOCK = "build.lock"

_held_here: set[Path] = set()  # build locks of this process: a run within `recsys build` goes on under its lock


@contextmanager
def hold_lock(
    path: Path, busy: str, *, wait_seconds: float = 0.0, when_waiting: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold a lock file while the block runs.

    Args:
        path: of the file; it and its folder are made if they are not there.
        busy: what to say when another process still holds it in the end: one sentence.
        wait_seconds: how long to wait for that process.
        when_waiting: called once if there is somebody to wait for.

    Raises:
        BusyError: `busy`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    is_first_try = True
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise BusyError(busy) from None
                if is_first_try:
                    when_waiting()
                is_first_try = False
                time.sleep(SECONDS_BETWEEN_TRIES)
        yield


def build_lock_path(config: Config) -> Path:
    """The lock file of builds."""
    return config.home / BUILD_LOCK


@contextmanager
def building_lock(
    config: Config, say: Callable[[str], None] = lambda _: None, *, wait_seconds: float = float("inf")
) -> Iterator[None]:
    """Hold the home against builds; a process that holds it already goes on at once.

    Args:
        config: which home.
        say: tells a person who has to wait.
        wait_seconds: how long to wait; by default for as long as it takes.

    Raises:
        BusyError: another process still holds it after `wait_seconds`.
    """
    path = build_lock_path(config)
    if path in _held_here:
        yield
        return

    def when_waiting() -> None:
        say("  waiting for another build on this home to end ...")

    busy = "A build is at work on this home: try again when it has ended."
    with hold_lock(path, busy, wait_seconds=wait_seconds, when_waiting=when_waiting):
        _held_here.add(path)
        try:
            yield
        finally:
            _held_here.discard(path)


def is_idle(config: Config) -> bool:
    """Whether no build holds the home, and none waits for it: one that waits would take it in the second looked at."""
    for pause in (SECONDS_BETWEEN_TRIES * 10, 0.0):
        try:
            with building_lock(config, wait_seconds=0):
                pass
        except BusyError:
            return False
        time.sleep(pause)
    return True


def only_one(path: Path, command: str) -> AbstractContextManager[None]:
    """Hold a lock file that lets a command run once at a time.

    Raises:
        BusyError: another process runs it.
    """
    return hold_lock(path, f"Another `{command}` is running on {path.parent}: wait until it ends.")
