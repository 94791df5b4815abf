"""User-kNN: items of the users whose items are most like the user's."""

import numpy as np
from scipy import sparse
from sklearn.preprocessing import normalize

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.generate import Scorer, best_places
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.config import Config

CELLS_AT_ONCE = 10_000_000  # of users x users, float32: 40 MB


def fit_user_knn(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """The sum of the cosines of the `neighbours` nearest users over their items.

    The work grows with the square of the number of users: above `max_users` the source stays empty. Source: Herlocker
    et al., "An algorithmic framework for performing collaborative filtering", 1999, for implicit feedback.
    """
    interactions = history.interactions
    if interactions.nnz == 0 or history.shape[0] > config.candidates.user_knn.max_users:
        return lambda users: np.zeros((len(users), history.shape[1]), np.float32)
    vectors = normalize(interactions).astype(np.float32)
    others = sparse.csr_matrix(vectors.T)
    step = max(1, CELLS_AT_ONCE // history.shape[0])

    def score(users: IntArray) -> FloatArray:
        scores = np.empty((len(users), history.shape[1]), np.float32)
        for start in range(0, len(users), step):
            some = users[start : start + step]
            nearest = _keep_nearest(vectors[some] @ others, some, config.candidates.user_knn.neighbours)
            scores[start : start + step] = (nearest @ interactions).toarray()
        return scores

    return score


def _keep_nearest(cosines: sparse.csr_matrix, users: IntArray, n: int) -> sparse.csr_matrix:
    """Each row's n largest values, without the user's own; ties go to the user_id that comes first."""
    dense = np.asarray(cosines.toarray(), np.float32)
    dense[np.arange(len(users)), users] = 0
    best = best_places(dense, n)
    rows = np.repeat(np.arange(len(users)), best.shape[1])
    values = np.take_along_axis(dense, best, axis=1).ravel()
    kept = sparse.csr_matrix((values, (rows, best.ravel())), shape=dense.shape)
    kept.eliminate_zeros()
    return kept
