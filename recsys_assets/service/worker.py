"""What uvicorn starts in each process of `recsys serve`."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fastapi import FastAPI

UNUSED: Final = ("pandas", "sklearn")


class WithoutUnused(MetaPathFinder):
    """To an import of what the service does not use it is as if it were not installed."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Refuse those, and leave all others to the next finder."""
        if name.partition(".")[0] in UNUSED:
            raise ModuleNotFoundError(f"The service does without {name}.", name=name)


def create_worker() -> "FastAPI":
    """The application, in a process of its own.

    LightGBM imports pandas and scikit-learn wherever they are installed, and goes without where they are not: 100 MiB.
    """
    sys.meta_path.insert(0, WithoutUnused())
    from recsys_assets.service.app import create_app

    return create_app()
