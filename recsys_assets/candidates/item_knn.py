"""Item-kNN: items whose users are the users of the user's items."""

import numpy as np
from implicit.nearest_neighbours import all_pairs_knn, bm25_weight
from scipy import sparse

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.generate import Scorer
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.candidates.kept import KeptScorer
from recsys_assets.config import Config


def fit_item_knn(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """BM25-weighted item neighbours (implicit's), summed over the user's items with her recent ones first.

    Source: Jannach & Ludewig, "When recurrent neural networks meet the neighborhood", 2017, for the recency weights.
    """
    settings = config.candidates.item_knn
    if history.interactions.nnz == 0:
        return lambda users: np.zeros((len(users), history.shape[1]), np.float32)
    weighted = bm25_weight(history.interactions.T, K1=settings.k1, B=settings.b).T.tocsr()
    neighbours = all_pairs_knn(weighted, settings.neighbours, num_threads=config.threads, show_progress=False).tocsr()
    neighbours = sparse.csr_matrix(neighbours, dtype=np.float32)
    neighbours.setdiag(0)
    recent = history.recent(settings.half_life_events)

    def score(users: IntArray) -> FloatArray:
        return np.asarray((recent[users] @ neighbours).toarray(), np.float32)

    parts = {"data": neighbours.data, "indices": neighbours.indices, "indptr": neighbours.indptr}
    return KeptScorer(score, {"item_ids": history.item_ids, **parts})
