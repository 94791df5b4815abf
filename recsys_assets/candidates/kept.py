"""A scorer that leaves its arrays in the bundle, for whoever wants them elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys_assets.candidates.generate import Scorer
from recsys_assets.candidates.history import FloatArray, IntArray

ARRAYS_FILE = "model.npz"


@dataclass(frozen=True)
class KeptScorer:
    """`score` with the arrays behind it; `np.load` reads them without pickle."""

    score: Scorer
    arrays: dict[str, NDArray[Any]]

    def __call__(self, users: IntArray) -> FloatArray:
        """The scores of `score`."""
        return self.score(users)

    def save(self, folder: Path) -> None:
        """Write `model.npz` into `folder`."""
        np.savez(folder / ARRAYS_FILE, allow_pickle=False, **self.arrays)
