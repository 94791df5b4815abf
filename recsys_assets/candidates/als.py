"""ALS: matrix factorisation for implicit feedback."""

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.generate import Scorer, score_block
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.candidates.kept import KeptScorer
from recsys_assets.config import Config

JUDGED_LENGTH = 100
JUDGING_USERS = 1_000


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


def choose_als(history: History, catalogue: Catalogue, config: Config, relevant: sparse.csr_matrix) -> Config:
    """The configuration with the settings of ALS, of its own and its alternatives', whose lists find most.

    Mean recall at JUDGED_LENGTH over at most JUDGING_USERS users decides; without anything relevant nothing changes.

    Args:
        history: of a cutoff whose labels may be looked at: the first training cutoff.
        catalogue: of the same.
        config: with the alternatives.
        relevant: users x items, above 0 where relevant.
    """
    own = config.candidates.als
    users = history.users_to_serve[np.diff(relevant.indptr)[history.users_to_serve] > 0]
    if not own.alternatives or len(users) == 0:
        return config
    users = np.sort(np.random.default_rng(config.seed).permutation(users)[:JUDGING_USERS])
    n_relevant = np.asarray(relevant[users].sum(axis=1)).ravel()

    def judge(candidate: Config) -> float:
        listed = score_block(history, catalogue, fit_als(history, catalogue, candidate), users, JUDGED_LENGTH)
        found = np.asarray(relevant[users[listed.row], listed.item]).ravel()
        return float((np.bincount(listed.row, weights=found, minlength=len(users)) / n_relevant).mean())

    others = (own.model_copy(update=vars(alternative)) for alternative in own.alternatives)
    candidates = [
        config.model_copy(update={"candidates": config.candidates.model_copy(update={"als": als})})
        for als in (own, *others)
    ]
    return max(candidates, key=judge)
