"""Scores that spread from a user's items to their neighbours."""

from dataclasses import dataclass

from scipy import sparse

from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.candidates.saved import SavedSource
from recsys_assets.candidates.spread import spread


@dataclass(frozen=True)
class Neighbours(SavedSource):
    """The sum of item-to-item scores over the user's items.

    Attributes:
        scores: items x items, from the row's item to the column's.
        half_life_events: of `History.recent`, which weighs the user's items; 0: all her interactions count alike.
    """

    scores: sparse.csr_matrix
    half_life_events: float

    def __call__(self, history: History, users: IntArray) -> FloatArray:
        """Users x items."""
        profiles = history.recent(self.half_life_events) if self.half_life_events else history.interactions
        return spread(profiles, users, self.scores)
