"""How much the fusion counts in the ranker: what validation says, and nothing where there is none."""

from dataclasses import replace

import numpy as np
import pytest

from recsys_assets.evaluation.metrics import per_user_metrics
from recsys_assets.ranking.blend import FUSION_WEIGHTS, blend_with_fusion, mean_ndcg
from recsys_assets.ranking.rankers import rank_candidates


def with_fused(frame, fused):
    features = frame.features.copy()
    features[:, frame.feature_names.index("fused_score")] = fused
    return replace(frame, features=features)


def test_a_fusion_that_knows_the_answer_counts_as_much_as_it_can(ranker, learnable_frame) -> None:
    frame = learnable_frame(3)
    knowing = blend_with_fusion(ranker, with_fused(frame, frame.labels))
    assert knowing.fusion_weight == max(FUSION_WEIGHTS)
    wrong = blend_with_fusion(ranker, with_fused(frame, -frame.labels))
    assert wrong.fusion_weight == 0


def test_without_a_fusion_there_is_no_part_of_it(ranker, learnable_frame) -> None:
    names = ("score_popular", "other", "user_age")
    alone = replace(ranker, feature_names=names, fusion_weight=0.0)
    assert blend_with_fusion(alone, replace(learnable_frame(3), feature_names=names)) == alone
    assert alone.part_names == tuple(ranker.boosters)


def test_the_weight_scales_the_part(ranker, learnable_frame) -> None:
    frame = learnable_frame(3)
    scores = [replace(ranker, fusion_weight=weight).score(frame.features, frame.group) for weight in (0.0, 1.0, 3.0)]
    assert scores[2] - scores[0] == pytest.approx(3 * (scores[1] - scores[0]), abs=1e-9)


def test_mean_ndcg_is_that_of_the_report(ranker, learnable_frame) -> None:
    frame = learnable_frame(4)
    scores = ranker.score(frame.features, frame.group)
    lists = rank_candidates(ranker, frame, 10)
    expected = per_user_metrics(lists, frame.keys, 10)["ndcg"].to_numpy().mean()
    assert mean_ndcg(scores, frame.labels > 0, frame.group) == pytest.approx(expected, abs=1e-12)
    assert mean_ndcg(scores, np.zeros(len(scores), np.bool_), frame.group) == 0
