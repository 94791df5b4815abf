"""Item embeddings: items used in the same stretch of a user's history lie close together."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.candidates.saved import SavedSource
from recsys_assets.candidates.spread import in_double, multiply, take_rows, unit_rows
from recsys_assets.config import Config

HALF_LIFE_EVENTS = 20.0


@dataclass(frozen=True)
class ItemEmbeddings(SavedSource):
    """Cosine of the mean vector of the user's recent items with each item's vector, shifted to be above zero.

    Attributes:
        vectors: items x dimensions, rows of length 1.
    """

    vectors: FloatArray

    def __call__(self, history: History, users: IntArray) -> FloatArray:
        """Users x items."""
        profiles = unit_rows(np.asarray(take_rows(history.recent(HALF_LIFE_EVENTS), users) @ self.vectors))
        scores = multiply(profiles, self._by_dimension)
        return np.where((np.abs(profiles).sum(axis=1) > 0)[:, None], scores + 1.0, 0).astype(np.float32)

    @cached_property
    def _by_dimension(self) -> NDArray[np.float64]:
        return in_double(self.vectors.T)


def fit_item_embeddings(history: History, catalogue: Catalogue, config: Config) -> ItemEmbeddings:
    """Vectors of items from what lies near what in people's histories."""
    return ItemEmbeddings(embed_items(history, config))


def embed_items(history: History, config: Config) -> FloatArray:
    """Items x dimensions, rows of length 1: truncated SVD of the shifted positive PMI of items within a window.

    Source: Levy & Goldberg, "Neural word embedding as implicit matrix factorization", 2014; singular values enter by
    their square root.
    """
    settings = config.candidates.item_embeddings
    counts = _count_neighbours(history, settings.window_events)
    dimensions = min(settings.dimensions, history.shape[1] - 1)
    if counts.nnz == 0 or dimensions < 1:
        return np.zeros((history.shape[1], 1), np.float32)
    coo = counts.tocoo()
    marginal = np.asarray(counts.sum(axis=1)).ravel()
    pmi = np.log(coo.data * marginal.sum() / (marginal[coo.row] * marginal[coo.col])) - np.log(settings.shift)
    positive = sparse.csr_matrix((np.maximum(pmi, 0), (coo.row, coo.col)), shape=counts.shape)
    positive.eliminate_zeros()
    if positive.nnz == 0:
        return np.zeros((history.shape[1], 1), np.float32)
    from sklearn.utils.extmath import randomized_svd  # the service does without sklearn

    left, values, _ = randomized_svd(positive.astype(np.float32), dimensions, n_iter=3, random_state=config.seed)
    return unit_rows(left * np.sqrt(values))


def _count_neighbours(history: History, window: int) -> sparse.csr_matrix:
    """Items x items, symmetric: how often two items lie within `window` items in a user's history; nearer is more."""
    order = np.lexsort([history.pairs[name] for name in ("item", "last_recency_rank", "user")])
    users, items = history.pairs["user"][order], history.pairs["item"][order]
    n_items = history.shape[1]
    counts = sparse.csr_matrix((n_items, n_items), dtype=np.float64)
    for gap in range(1, window + 1):
        same = users[gap:] == users[:-gap]
        rows, columns = items[:-gap][same], items[gap:][same]
        counts = counts + sparse.csr_matrix((np.full(len(rows), 1 / gap), (rows, columns)), shape=counts.shape)
    return (counts + counts.T).tocsr()
