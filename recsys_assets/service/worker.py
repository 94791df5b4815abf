"""What uvicorn starts in each process of `recsys serve`."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fastapi import FastAPI

UNUSED: Final = "pandas"


class WithoutUnused(MetaPathFinder):
    """To an import of what the service does not use it is as if it were not installed."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Refuse it, and leave all others to the next finder."""
        if name.partition(".")[0] == UNUSED:
            raise ModuleNotFoundError(f"The service does without {name}.", name=name)


def create_worker() -> "FastAPI":
    """The application, in a process of its own.

    DuckDB imports pandas wherever it is installed, and goes without where it is not: 40 MiB.
    """
    sys.meta_path.insert(0, WithoutUnused())
    from recsys_assets.service.app import create_app

    return create_app()
