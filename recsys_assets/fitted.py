"""`fitted/<name>/`: the rating models and candidate sources in use, as files that bundles copy."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from recsys_assets.config import Config

UNFINISHED = ".unfinished"


@runtime_checkable
class Savable(Protocol):
    """A fitted model that can be kept in a format that runs no code when it is read."""

    def save(self, folder: Path) -> None:
        """Write the model into `folder`, which exists and is empty."""


def replace_fitted(config: Config, models: Mapping[str, Savable | None]) -> None:
    """Replace what is kept under each name of `models`; None keeps nothing under it."""
    for name, model in models.items():
        unfinished, final = config.fitted_path / UNFINISHED, config.fitted_path / name
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        if model is not None:
            model.save(unfinished)
        shutil.rmtree(final, ignore_errors=True)
        if model is not None:
            os.replace(unfinished, final)
        shutil.rmtree(unfinished, ignore_errors=True)
