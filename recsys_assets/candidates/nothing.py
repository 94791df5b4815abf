"""A source that has nothing to say: too little to learn from, or too much for its method."""

from dataclasses import dataclass

import numpy as np

from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.candidates.saved import SavedSource


@dataclass(frozen=True)
class Nothing(SavedSource):
    """No candidate for anybody."""

    def __call__(self, history: History, users: IntArray) -> FloatArray:
        """Zeros."""
        return np.zeros((len(users), history.shape[1]), np.float32)
