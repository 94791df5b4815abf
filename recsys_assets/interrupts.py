"""Ctrl-C where Dagster's way of it would leave a mess."""

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


@contextmanager
def interrupt_as_python_has_it() -> Iterator[None]:
    """Let SIGINT and SIGTERM in the block raise KeyboardInterrupt, in place of what Dagster has them raise.

    For calls of libraries that tidy up at that and at nothing else, as dbt does. A signal that ends the process or is
    ignored stays so. Main thread only.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handled = {number: handler for number, handler in before.items() if callable(handler)}
    for number in handled:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
