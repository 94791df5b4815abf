"""EASE: the closed-form linear autoencoder over items."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import get_lapack_funcs

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.content import describe_items
from recsys_assets.candidates.generate import Scorer
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.candidates.nothing import Nothing
from recsys_assets.candidates.saved import SavedSource
from recsys_assets.candidates.spread import take_rows
from recsys_assets.config import Config


@dataclass(frozen=True)
class Ease(SavedSource):
    """What the weights make of a user's items.

    Attributes:
        weights: items x items, from the row's item to the column's.
        of_liked: whether liked items count, or every interaction.
    """

    weights: FloatArray
    of_liked: bool

    def __call__(self, history: History, users: IntArray) -> FloatArray:
        """Users x items."""
        return np.asarray(take_rows(_profiles(history, self.of_liked), users) @ self.weights, np.float32)


@dataclass(frozen=True)
class EaseByRows(SavedSource):
    """The same without a matrix of items by items, where those learnt from are fewer than the items.

    Attributes:
        rows: those x items.
        inverse: of their products, those x those.
        diagonal: of the inverse of items by items, times the regularization.
        of_liked: whether liked items count, or every interaction.
    """

    rows: sparse.csr_matrix
    inverse: FloatArray
    diagonal: FloatArray
    of_liked: bool

    def __call__(self, history: History, users: IntArray) -> FloatArray:
        """Users x items."""
        own = take_rows(_profiles(history, self.of_liked), users)
        explained = np.asarray((own @ self._by_item) @ self.inverse) @ self.rows
        own_dense = own.toarray()
        return np.asarray(own_dense - (own_dense - explained) / self.diagonal, np.float32)

    @cached_property
    def _by_item(self) -> sparse.csr_matrix:
        return self.rows.T.tocsr()


def fit_ease(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """EASE on every interaction and on what describes the items."""
    return _fit(history, catalogue, config, of_liked=False)


def fit_ease_liked(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """EASE on liked pairs only, where likes are fewer than interactions (ratings); else it would repeat `ease`."""
    if history.liked.nnz == history.interactions.nnz:
        return Nothing()
    return _fit(history, catalogue, config, of_liked=True)


def _profiles(history: History, of_liked: bool) -> sparse.csr_matrix:
    return history.liked if of_liked else history.interactions


def _fit(history: History, catalogue: Catalogue, config: Config, *, of_liked: bool) -> Scorer:
    """Scores x B with B = I - P diag(P)^-1 and P = (X'X + l I)^-1.

    Below the users X has a row for every term that describes items, as if each were one more user, who had the items
    that it describes: so items are also alike that look alike, which is all there is to go by for rare ones.
    The system is solved on whichever side of X is smaller: by the push-through identity
    P = (I - X'(XX' + l I)^-1 X) / l, which needs a matrix of rows only. Where both sides are above `max_side` the
    source stays empty: its dense matrix would not fit.
    Sources: Steck, "Embarrassingly shallow autoencoders for sparse data", 2019; Jeunen, Van Balen & Goethals,
    "Closed-form models for collaborative filtering with side-information", 2020 (CEASE).
    """
    settings, interactions = config.candidates.ease, _profiles(history, of_liked)
    n_items = interactions.shape[1]
    active = interactions[np.flatnonzero(np.diff(interactions.indptr) > 0)]
    rows = sparse.vstack([active, _describing_rows(catalogue, config)], format="csr")
    if interactions.nnz == 0 or min(rows.shape) > settings.max_side:
        return Nothing()
    if n_items <= rows.shape[0]:
        gram = (rows.T @ rows).toarray().astype(np.float32)
        inverse = _invert(gram, settings.regularization)
        # by rows: of a matrix by columns every product with a sparse one would make a copy
        weights = np.ascontiguousarray(inverse / -np.diag(inverse))
        np.fill_diagonal(weights, 0)
        return Ease(weights, of_liked)

    inverse = _invert((rows @ rows.T).toarray().astype(np.float32), settings.regularization)
    # diag(P)_i = (1 - x_i' K^-1 x_i) / l; only pairs of rows that share item i count, so it stays sparse
    projected = np.empty(n_items, np.float64)
    columns = rows.tocsc()
    for item in range(n_items):
        its_rows = slice(columns.indptr[item], columns.indptr[item + 1])
        places, values = columns.indices[its_rows], columns.data[its_rows]
        projected[item] = values @ inverse[np.ix_(places, places)] @ values
    return EaseByRows(rows, np.ascontiguousarray(inverse), np.maximum(1 - projected, 1e-6).astype(np.float32), of_liked)


def _describing_rows(catalogue: Catalogue, config: Config) -> sparse.csr_matrix:
    """Terms x items: the tf-idf of the terms that describe most items, among those that describe more than one."""
    settings = config.candidates.ease
    terms = describe_items(catalogue.descriptions, config.candidates.content.title_weight).T.tocsr()
    n_described = np.diff(terms.indptr)
    most = np.argsort(-n_described, kind="stable")[: settings.terms]
    return np.float32(np.sqrt(settings.terms_weight)) * terms[np.sort(most[n_described[most] > 1])]


def _invert(gram: FloatArray, regularization: float) -> NDArray[np.float32]:
    """The inverse of `gram`, symmetric, with the regularization added to its diagonal.

    LAPACK's own inversion from the Cholesky factor: solving for the identity takes three times the work.
    """
    gram[np.diag_indices_from(gram)] += regularization
    potrf, potri = get_lapack_funcs(("potrf", "potri"), (gram,))
    factor, is_not_positive = potrf(gram, lower=True, clean=True)
    if is_not_positive:
        raise np.linalg.LinAlgError(f"The leading minor {is_not_positive} of a gram matrix is not positive.")
    inverse, _ = potri(factor, lower=True, overwrite_c=True)  # its lower triangle
    inverse += np.tril(inverse, -1).T
    return np.asarray(inverse.T, np.float32)  # the same, and by rows
