"""EASE: the closed-form linear autoencoder over items."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.content import describe_items
from recsys_assets.candidates.generate import Scorer
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.config import Config


def fit_ease(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """EASE on every interaction and on what describes the items."""
    return _fit(history.interactions, catalogue, config)


def fit_ease_liked(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """EASE on liked pairs only, where likes are fewer than interactions (ratings); else it would repeat `ease`."""
    if history.liked.nnz == history.interactions.nnz:
        return lambda users: np.zeros((len(users), history.shape[1]), np.float32)
    return _fit(history.liked, catalogue, config)


def _fit(interactions: sparse.csr_matrix, catalogue: Catalogue, config: Config) -> Scorer:
    """Scores x B with B = I - P diag(P)^-1 and P = (X'X + l I)^-1.

    Below the users X has a row for every term that describes items, as if each were one more user, who had the items
    that it describes: so items are also alike that look alike, which is all there is to go by for rare ones.
    The system is solved on whichever side of X is smaller: by the push-through identity
    P = (I - X'(XX' + l I)^-1 X) / l, which needs a matrix of rows only. Where both sides are above `max_side` the
    source stays empty: its dense matrix would not fit.
    Sources: Steck, "Embarrassingly shallow autoencoders for sparse data", 2019; Jeunen, Van Balen & Goethals,
    "Closed-form models for collaborative filtering with side-information", 2020 (CEASE).
    """
    settings = config.candidates.ease
    n_items = interactions.shape[1]
    active = interactions[np.flatnonzero(np.diff(interactions.indptr) > 0)]
    rows = sparse.vstack([active, _describing_rows(catalogue, config)], format="csr")
    if interactions.nnz == 0 or min(rows.shape) > settings.max_side:
        return lambda users: np.zeros((len(users), n_items), np.float32)
    if n_items <= rows.shape[0]:
        gram = (rows.T @ rows).toarray().astype(np.float32)
        inverse = _invert(gram, settings.regularization)
        weights = inverse / -np.diag(inverse)
        np.fill_diagonal(weights, 0)

        def score(users: IntArray) -> FloatArray:
            return np.asarray(interactions[users] @ weights, np.float32)

        return score

    inverse = _invert((rows @ rows.T).toarray().astype(np.float32), settings.regularization)
    # diag(P)_i = (1 - x_i' K^-1 x_i) / l; only pairs of rows that share item i count, so it stays sparse
    projected = np.empty(n_items, np.float64)
    columns = rows.tocsc()
    for item in range(n_items):
        its_rows = slice(columns.indptr[item], columns.indptr[item + 1])
        places, values = columns.indices[its_rows], columns.data[its_rows]
        projected[item] = values @ inverse[np.ix_(places, places)] @ values
    diagonal = np.maximum(1 - projected, 1e-6).astype(np.float32)

    def score_by_users(users: IntArray) -> FloatArray:
        own = interactions[users]
        explained = np.asarray((own @ rows.T) @ inverse) @ rows
        own_dense = own.toarray()
        return np.asarray(own_dense - (own_dense - explained) / diagonal, np.float32)

    return score_by_users


def _describing_rows(catalogue: Catalogue, config: Config) -> sparse.csr_matrix:
    """Terms x items: the tf-idf of the terms that describe most items, among those that describe more than one."""
    settings = config.candidates.ease
    terms = describe_items(catalogue.descriptions, config.candidates.content.title_weight).T.tocsr()
    n_described = np.diff(terms.indptr)
    most = np.argsort(-n_described, kind="stable")[: settings.terms]
    return np.float32(np.sqrt(settings.terms_weight)) * terms[np.sort(most[n_described[most] > 1])]


def _invert(gram: FloatArray, regularization: float) -> NDArray[np.float32]:
    gram[np.diag_indices_from(gram)] += regularization
    factor = cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    inverse = cho_solve(factor, np.eye(len(gram), dtype=np.float32), overwrite_b=True, check_finite=False)
    return np.asarray(inverse, np.float32)
