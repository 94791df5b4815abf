"""LightGBM by itself.

It loads pandas and scikit-learn wherever they are installed, for interfaces that nobody uses here: a second of every
process that scores, and 130 MiB of every worker of the service.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _as_if_not_installed(*packages: str) -> Iterator[None]:
    loaded = {name: sys.modules[name] for name in packages if name in sys.modules}
    sys.modules.update(dict.fromkeys(packages))  # type: ignore[arg-type]  # None: importing it says that it is not there
    try:
        yield
    finally:
        for name in packages:
            del sys.modules[name]
        sys.modules.update(loaded)


with _as_if_not_installed("pandas", "sklearn"):
    import lightgbm as lgb

__all__ = ["lgb"]
