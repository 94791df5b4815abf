"""Ctrl-C where half a step would leave a mess: it waits for the end of the step."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interrupt_held() -> Iterator[None]:
    """Hold an interrupt (SIGINT) until the block has ended. The block is a decorator too; main thread only.

    For calls of libraries that an interrupt in their midst makes print tracebacks of their own, as SQLAlchemy does.

    Raises:
        KeyboardInterrupt: at the end of the block, if one came within.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:  # as in a shell's background: there is nothing to hold
        yield
        return
    held: list[Any] = []
    signal.signal(signal.SIGINT, lambda *_: held.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        raise KeyboardInterrupt
