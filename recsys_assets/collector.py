"""Python's collector of cycles, kept from the half a million objects of libraries that stay until the process ends.

It looks at all of them in each of its full rounds, a quarter of a second each time: several while they are loaded, and
six when the process ends.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Collect nothing within the block; what there is at its end is never looked at again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def before_the_end() -> None:
    """Look at nothing when the process ends: its memory goes with it."""
    gc.freeze()
