"""EASE: the closed-form linear autoencoder over items."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.generate import Scorer
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.config import Config


def fit_ease(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """EASE on every interaction."""
    return _fit(history.interactions, config)


def fit_ease_liked(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """EASE on liked pairs only, where likes are fewer than interactions (ratings); else it would repeat `ease`."""
    if history.liked.nnz == history.interactions.nnz:
        return lambda users: np.zeros((len(users), history.shape[1]), np.float32)
    return _fit(history.liked, config)


def _fit(interactions: sparse.csr_matrix, config: Config) -> Scorer:
    """Scores x B with B = I - P diag(P)^-1 and P = (X'X + l I)^-1.

    The system is solved on whichever side of X is smaller: by the push-through identity
    P = (I - X'(XX' + l I)^-1 X) / l, which needs a matrix of users only. Where both sides are above `max_side` the
    source stays empty: its dense matrix would not fit.
    Source: Steck, "Embarrassingly shallow autoencoders for sparse data", 2019.
    """
    settings = config.candidates.ease
    n_users, n_items = interactions.shape
    if interactions.nnz == 0 or min(n_users, n_items) > settings.max_side:
        return lambda users: np.zeros((len(users), n_items), np.float32)
    active = np.flatnonzero(np.diff(interactions.indptr) > 0)
    rows = interactions[active]
    if n_items <= len(active):
        gram = (rows.T @ rows).toarray().astype(np.float32)
        inverse = _invert(gram, settings.regularization)
        weights = inverse / -np.diag(inverse)
        np.fill_diagonal(weights, 0)

        def score(users: IntArray) -> FloatArray:
            return np.asarray(interactions[users] @ weights, np.float32)

        return score

    inverse = _invert((rows @ rows.T).toarray().astype(np.float32), settings.regularization)
    # diag(P)_i = (1 - x_i' K^-1 x_i) / l; only pairs of users that share item i count, so it stays sparse
    projected = np.empty(n_items, np.float64)
    columns = rows.tocsc()
    for item in range(n_items):
        users_of_item = columns.indices[columns.indptr[item] : columns.indptr[item + 1]]
        projected[item] = inverse[np.ix_(users_of_item, users_of_item)].sum(dtype=np.float64)
    diagonal = np.maximum(1 - projected, 1e-6).astype(np.float32)

    def score_by_users(users: IntArray) -> FloatArray:
        own = interactions[users]
        explained = np.asarray((own @ rows.T) @ inverse) @ rows
        own_dense = own.toarray()
        return np.asarray(own_dense - (own_dense - explained) / diagonal, np.float32)

    return score_by_users


def _invert(gram: FloatArray, regularization: float) -> NDArray[np.float32]:
    gram[np.diag_indices_from(gram)] += regularization
    factor = cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    inverse = cho_solve(factor, np.eye(len(gram), dtype=np.float32), overwrite_b=True, check_finite=False)
    return np.asarray(inverse, np.float32)
