"""User-kNN: items of the users whose items are most like the user's."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.generate import IndexArray, Scorer, best_places
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.candidates.nothing import Nothing
from recsys_assets.candidates.saved import SavedSource
from recsys_assets.candidates.spread import row_of, spread_row
from recsys_assets.config import Config

CELLS_AT_ONCE = 10_000_000  # of users x users, float32: 40 MB


@dataclass(frozen=True)
class UserKnn(SavedSource):
    """The sum of the cosines of the `neighbours` nearest users over their items.

    Attributes:
        known: the history whose users are the neighbours.
        neighbours: how many.
    """

    known: History
    neighbours: int

    def __call__(self, history: History, users: IntArray) -> FloatArray:
        """Users x items."""
        others = self.known.derived("directions_by_item", lambda: sparse.csr_matrix(_directions(self.known).T))
        if len(users) == 1:
            items, _ = row_of(history.interactions, int(users[0]))
            cosines = spread_row(items, _lengths_to_one(np.array([len(items)])), others)[None, :]
            (nearest,), (values,) = self._nearest(cosines, history.user_ids[users])
            return spread_row(nearest, values, self.known.interactions)[None, :]
        scores = np.empty((len(users), history.shape[1]), np.float32)
        step = max(1, CELLS_AT_ONCE // max(1, self.known.shape[0]))
        for start in range(0, len(users), step):
            some = users[start : start + step]
            cosines = np.asarray((_directions(history)[some] @ others).toarray(), np.float32)
            nearest, values = self._nearest(cosines, history.user_ids[some])
            ends = np.arange(0, nearest.size + 1, nearest.shape[1])
            weights = sparse.csr_matrix((values.ravel(), nearest.ravel(), ends), shape=cosines.shape)
            scores[start : start + step] = (weights @ self.known.interactions).toarray()
        return scores

    def _nearest(self, cosines: FloatArray, user_ids: NDArray[np.str_]) -> tuple[IndexArray, FloatArray]:
        """Each row's largest values, but the user's own, and their places; ties go to the user_id that comes first."""
        known = self.known.user_ids
        own = np.minimum(np.searchsorted(known, user_ids), len(known) - 1)
        is_known = known[own] == user_ids
        cosines[np.flatnonzero(is_known), own[is_known]] = 0
        best = best_places(cosines, self.neighbours)
        return best, np.take_along_axis(cosines, best, axis=1)


def fit_user_knn(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """Neighbours among all users with the same history.

    The work grows with the square of the number of users: above `max_users` the source stays empty. Source: Herlocker
    et al., "An algorithmic framework for performing collaborative filtering", 1999, for implicit feedback.
    """
    settings = config.candidates.user_knn
    if history.interactions.nnz == 0 or history.shape[0] > settings.max_users:
        return Nothing()
    return UserKnn(history, settings.neighbours)


def _directions(history: History) -> sparse.csr_matrix:
    """Users x items, rows of length 1."""

    def make() -> sparse.csr_matrix:
        directions = history.interactions.copy()
        directions.data = _lengths_to_one(np.diff(directions.indptr))
        return directions

    return history.derived("directions", make)


def _lengths_to_one(counts: NDArray[np.integer]) -> FloatArray:
    """The values of rows of so many equal ones whose length is 1."""
    return np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
