"""Item-kNN: items whose users are the users of the user's items."""

import numpy as np
from implicit.nearest_neighbours import all_pairs_knn, bm25_weight
from scipy import sparse

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.generate import Scorer
from recsys_assets.candidates.history import History
from recsys_assets.candidates.neighbours import Neighbours
from recsys_assets.candidates.nothing import Nothing
from recsys_assets.config import Config
from recsys_assets.settings import Bm25Config


def fit_item_knn(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """BM25-weighted item neighbours (implicit's), summed over what the user liked with her recent items first.

    Source: Jannach & Ludewig, "When recurrent neural networks meet the neighborhood", 2017, for the recency weights.
    """
    settings = config.candidates.item_knn
    return _fit(history, settings, settings.half_life_events, config)


def fit_item_knn_plain(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """BM25-weighted item neighbours (implicit's), summed over all items of the user alike."""
    return _fit(history, config.candidates.item_knn_plain, 0, config)


def _fit(history: History, settings: Bm25Config, half_life_events: float, config: Config) -> Scorer:
    if history.interactions.nnz == 0:
        return Nothing()
    weighted = bm25_weight(history.interactions.T, K1=settings.k1, B=settings.b).T.tocsr()
    neighbours = all_pairs_knn(weighted, settings.neighbours, num_threads=config.threads, show_progress=False).tocsr()
    neighbours = sparse.csr_matrix(neighbours, dtype=np.float32)
    neighbours.setdiag(0)
    return Neighbours(neighbours, half_life_events)
