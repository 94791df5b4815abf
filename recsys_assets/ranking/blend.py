"""How much the fusion of the sources counts beside the ranker's boosters."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recsys_assets.ranking.frame import RankingFrame
from recsys_assets.ranking.ranker import FUSED, Ranker, combine_parts, user_scale

FUSION_WEIGHTS = (0.0, 0.5, 1.0, 2.0, 4.0)  # in boosters, of which there are three
K = 10


def blend_with_fusion(ranker: Ranker, validation: RankingFrame) -> Ranker:
    """The ranker with the weight of the fusion that is best on validation; of equal ones, the smallest.

    With few users to learn from, boosters vary much with the draw and the fusion's few weights do not.
    """
    if FUSED not in ranker.feature_names:
        return ranker
    blended = replace(ranker, fusion_weight=1.0)
    values = blended.part_values(validation.features)
    mean, deviation = (np.repeat(scale, validation.group, axis=0) for scale in user_scale(values, validation.group))
    is_relevant = validation.labels > 0

    def judge(weight: float) -> float:
        scores = combine_parts(values, mean, deviation, replace(blended, fusion_weight=weight).part_weights)
        return mean_ndcg(scores, is_relevant, validation.group)

    return replace(ranker, fusion_weight=max(FUSION_WEIGHTS, key=judge))


def mean_ndcg(scores: NDArray[np.float64], is_relevant: NDArray[np.bool_], group: NDArray[np.int64]) -> float:
    """Mean NDCG at K over the users (with contiguous rows) who have a relevant row; ties go to the earlier row."""
    user = np.repeat(np.arange(len(group)), group)
    order = np.lexsort((-scores, user))  # within a user, since users' rows stay where they are
    place = np.arange(len(scores)) - np.repeat(np.cumsum(group) - group, group)
    discounts = np.where(place < K, 1 / np.log2(place + 2), 0.0)
    gains = np.bincount(user, weights=discounts * is_relevant[order], minlength=len(group))
    ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, K + 2)))])
    n_relevant = np.bincount(user, weights=is_relevant, minlength=len(group)).astype(np.int64)
    has_any = n_relevant > 0
    return float((gains[has_any] / ideal[np.minimum(n_relevant[has_any], K)]).mean()) if has_any.any() else 0.0
