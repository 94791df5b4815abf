"""ALS: matrix factorisation for implicit feedback."""

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.generate import Scorer
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.candidates.kept import KeptScorer
from recsys_assets.config import Config


def fit_als(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """ALS (of `implicit`) on liked pairs; scores are dot products, shifted to be above zero.

    Source: Hu, Koren & Volinsky, "Collaborative filtering for implicit feedback datasets", 2008.
    """
    settings = config.candidates.als
    liked = history.liked
    if liked.nnz == 0:
        return lambda users: np.zeros((len(users), history.shape[1]), np.float32)
    with threadpool_limits(1, "blas"):  # implicit's own threads do the work, BLAS threads beneath them get in the way
        model = AlternatingLeastSquares(
            factors=min(settings.factors, *history.shape),
            regularization=settings.regularization,
            alpha=settings.alpha,
            iterations=settings.iterations,
            num_threads=config.threads,
            random_state=config.seed,
        )
        model.fit(liked, show_progress=False)
    has_likes = np.diff(liked.indptr) > 0

    def score(users: IntArray) -> FloatArray:
        scores = np.asarray(model.user_factors[users] @ model.item_factors.T, np.float32)
        scores -= scores.min(axis=1, keepdims=True) - 1e-6
        scores[~has_likes[users]] = 0
        return scores

    return KeptScorer(
        score,
        {
            "user_ids": history.user_ids,
            "item_ids": history.item_ids,
            "user_factors": model.user_factors,
            "item_factors": model.item_factors,
        },
    )
