"""Popularity: what most people want, over several memories."""

import numpy as np
from scipy import sparse

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.generate import Scorer
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.config import Config


def fit_popular(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """Items by their number of users."""
    return _same_for_all(catalogue, "n_users")


def fit_popular_decayed_slow(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """Items by events, each counting half after the slow half-life (in events, a share of the history)."""
    return _same_for_all(catalogue, "decayed_events_slow")


def fit_popular_decayed_fast(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """Items by events, each counting half after the fast half-life (in events, a share of the history)."""
    return _same_for_all(catalogue, "decayed_events_fast")


def fit_popular_in_category(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """Slowly decayed popularity, weighted by the share of the user's events in the item's categories.

    Only the user's `categories_per_user` strongest categories count, so that the lists differ from overall popularity.
    """
    strongest = _keep_largest(catalogue.category_shares, config.candidates.popular.categories_per_user)
    popularity = _popularity(catalogue, "decayed_events_slow")

    def score(users: IntArray) -> FloatArray:
        affinity = (strongest[users] @ catalogue.categories.T).toarray()
        return np.asarray(affinity * popularity, np.float32)

    return score


def _same_for_all(catalogue: Catalogue, column: str) -> Scorer:
    popularity = _popularity(catalogue, column)
    return lambda users: np.tile(popularity, (len(users), 1))


def _popularity(catalogue: Catalogue, column: str) -> FloatArray:
    return catalogue.features[column].fill_null(0).to_numpy().astype(np.float32)


def _keep_largest(matrix: sparse.csr_matrix, n: int) -> sparse.csr_matrix:
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    place = np.arange(len(rows)) - matrix.indptr[rows]
    kept = order[place < n]
    return sparse.csr_matrix((matrix.data[kept], (rows[kept], matrix.indices[kept])), shape=matrix.shape)
