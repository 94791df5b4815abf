"""Popularity: what most people want, over several memories."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.candidates.saved import SavedSource
from recsys_assets.candidates.spread import spread, spread_row
from recsys_assets.config import Config

SHARE_DECIMALS = 12  # those of the warehouse's sums: shares that are equal there tie here


@dataclass(frozen=True)
class Popular(SavedSource):
    """The same for all: each item's popularity."""

    popularity: FloatArray

    def __call__(self, history: History, users: IntArray) -> FloatArray:
        """Users x items."""
        return np.tile(self.popularity, (len(users), 1))


@dataclass(frozen=True)
class PopularInCategory(SavedSource):
    """Each item's popularity, weighted by the share of the user's events in the item's categories.

    Attributes:
        popularity: of each item.
        categories: items x categories, 1 where the item has it.
        categories_per_user: how many of a user's strongest count, so that the lists differ from overall popularity.
    """

    popularity: FloatArray
    categories: sparse.csr_matrix
    categories_per_user: int

    def __call__(self, history: History, users: IntArray) -> FloatArray:
        """Users x items."""
        if history.shape[0] == 1:
            shares = shares_of_one(history, self._divided)
            names = np.argsort(-shares, kind="stable")[: self.categories_per_user]
            return spread_row(names, shares[names], self._by_category).astype(np.float32)[None, :] * self.popularity
        strongest = history.derived("strongest_categories", lambda: self._find_strongest(history))
        return spread(strongest, users, self._by_category) * self.popularity

    @cached_property
    def _by_category(self) -> sparse.csr_matrix:
        return self.categories.T.tocsr()

    @cached_property
    def _divided(self) -> sparse.csr_matrix:
        return divide_among_names(self.categories)

    def _find_strongest(self, history: History) -> sparse.csr_matrix:
        return _keep_largest(shares_of_taste(history, self._divided), self.categories_per_user).astype(np.float32)


def fit_popular(history: History, catalogue: Catalogue, config: Config) -> Popular:
    """Items by their number of users."""
    return Popular(_popularity(catalogue, "n_users"))


def fit_popular_decayed_slow(history: History, catalogue: Catalogue, config: Config) -> Popular:
    """Items by events, each counting half after the slow half-life (in events, a share of the history)."""
    return Popular(_popularity(catalogue, "decayed_events_slow"))


def fit_popular_decayed_fast(history: History, catalogue: Catalogue, config: Config) -> Popular:
    """Items by events, each counting half after the fast half-life (in events, a share of the history)."""
    return Popular(_popularity(catalogue, "decayed_events_fast"))


def fit_popular_in_category(history: History, catalogue: Catalogue, config: Config) -> PopularInCategory:
    """Slowly decayed popularity within the user's strongest categories."""
    return PopularInCategory(
        _popularity(catalogue, "decayed_events_slow"),
        catalogue.categories,
        config.candidates.popular.categories_per_user,
    )


def divide_among_names(names: sparse.csr_matrix) -> sparse.csr_matrix:
    """Items x names (categories, or creators), 1 where the item has it -> float64, each row divided by its sum."""
    divided = names.astype(np.float64).tocsr(copy=True)
    divided.data /= np.repeat(np.diff(divided.indptr), np.diff(divided.indptr))
    return divided


def shares_of_taste(history: History, divided: sparse.csr_matrix) -> sparse.csr_matrix:
    """Users x names, float64: the share of her weight, each item's divided among its names.

    The same as `share` of `features.user_category_shares` and `features.user_creator_shares`, to 1e-12.
    """
    of_user = sparse.csr_matrix(_tastes(history) @ divided)
    lengths = np.diff(of_user.indptr)
    totals = np.bincount(np.repeat(np.arange(len(lengths)), lengths), weights=of_user.data, minlength=len(lengths))
    of_user.data = np.round(of_user.data / np.repeat(np.where(totals > 0, totals, 1), lengths), SHARE_DECIMALS)
    of_user.eliminate_zeros()
    of_user.sort_indices()
    return of_user


def shares_of_one(history: History, divided: sparse.csr_matrix) -> NDArray[np.float64]:
    """The same of the one user of a history, one value a name."""
    sums = spread_row(history.pairs["item"], _counts(history), divided)
    return np.asarray(np.round(sums / (sums.sum() or 1), SHARE_DECIMALS))


def _tastes(history: History) -> sparse.csr_matrix:
    """Users x items, float64: weights, but for what was disliked."""
    pairs = history.pairs
    indptr = np.concatenate([[0], np.cumsum(np.bincount(pairs["user"], minlength=history.shape[0]))])
    return sparse.csr_matrix((_counts(history), pairs["item"], indptr), shape=history.shape)


def _counts(history: History) -> NDArray[np.float64]:
    """What each pair counts in a user's taste."""
    pairs = history.pairs
    return np.where(pairs["is_disliked"], 0.0, np.maximum(pairs["weight"], 0.0))


def _popularity(catalogue: Catalogue, column: str) -> FloatArray:
    return catalogue.features[column].fill_null(0).to_numpy().astype(np.float32)


def _keep_largest(matrix: sparse.csr_matrix, n: int) -> sparse.csr_matrix:
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    place = np.arange(len(rows)) - matrix.indptr[rows]
    kept = order[place < n]
    return sparse.csr_matrix((matrix.data[kept], (rows[kept], matrix.indices[kept])), shape=matrix.shape)
