"""Lock files: one process at a time, and nobody's any more when that process ends, however it ends."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError

SECONDS_BETWEEN_TRIES = 0.1
BUILD_LOCK = "build.lock"


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
        RecsysError: `busy`.
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
                    raise RecsysError(busy) from None
                if is_first_try:
                    when_waiting()
                is_first_try = False
                time.sleep(SECONDS_BETWEEN_TRIES)
        yield


def building_lock(config: Config, say: Callable[[str], None]) -> AbstractContextManager[None]:
    """Hold the home against builds, for as long as it takes; `say` tells a person who has to wait."""

    def when_waiting() -> None:
        say("  waiting for another build on this home to end ...")

    busy = "Another build is at work on this home."
    return hold_lock(config.home / BUILD_LOCK, busy, wait_seconds=float("inf"), when_waiting=when_waiting)


def only_one(path: Path, command: str) -> AbstractContextManager[None]:
    """Hold a lock file that lets a command run once at a time.

    Raises:
        RecsysError: another process runs it.
    """
    return hold_lock(path, f"Another `{command}` is running on {path.parent}: wait until it ends.")
