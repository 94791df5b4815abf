"""Training: the same text twice, weights and NDCG by hand."""

from math import log2

import numpy as np
import pytest

from recsys_assets.config import load_config
from recsys_assets.ranking.ranker import Ranker
from recsys_assets.ranking.train import OBJECTIVES, choose_source_weights, mean_ndcg, refit, train_with_validation


def texts(ranker: Ranker) -> dict[str, str]:
    return {name: booster.model_to_string() for name, booster in ranker.boosters.items()}


def test_the_same_rows_and_seed_give_the_same_text(learnable_frame, quick_settings) -> None:
    config = load_config(quick_settings)
    models = [
        train_with_validation(learnable_frame(1), learnable_frame(2), used)
        for used in (config, config, config.model_copy(update={"threads": 2}))
    ]
    assert texts(models[0][0]) == texts(models[1][0]) == texts(models[2][0])
    assert models[0][1] == models[1][1] == models[2][1]


def test_refit_keeps_to_the_plan(learnable_frame, quick_settings) -> None:
    config = load_config(quick_settings)
    ranker, plan = train_with_validation(learnable_frame(1), learnable_frame(2), config)
    assert set(plan.n_trees) == set(OBJECTIVES)
    assert all(1 <= n_trees <= 6 for n_trees in plan.n_trees.values())
    again = refit(learnable_frame(3), plan, config)
    assert {name: booster.num_trees() for name, booster in again.boosters.items()} == plan.n_trees
    assert again.source_weights == plan.source_weights == ranker.source_weights
    assert texts(again) == texts(refit(learnable_frame(3), plan, config))
    assert texts(again) != texts(ranker)


def test_it_learns(learnable_frame, ranker) -> None:
    unseen = learnable_frame(9)
    scores = ranker.score(unseen.features, unseen.group)
    chance = np.random.default_rng(0).random(len(scores))
    assert mean_ndcg(scores, unseen, 10) > mean_ndcg(chance, unseen, 10) + 0.1


@pytest.mark.parametrize(
    ("labels", "scores", "k", "expected"),
    [
        ([[1, 0, 2]], [3, 2, 1], 10, (1 + 1 / 2) / (1 + 1 / log2(3))),  # places 1 and 3; the grade does not matter
        ([[1, 0, 2]], [3, 2, 1], 2, 1 / (1 + 1 / log2(3))),
        ([[1, 0, 2]], [3, 1, 2], 2, 1.0),
        ([[0, 1]], [5, 5], 10, 1 / log2(3)),  # a tie goes by row order
        ([[0, 1], [0, 0]], [2, 1, 1, 1], 10, 1 / log2(3)),  # nothing relevant: not in the mean
        ([[0, 1], [1]], [2, 1, 0], 10, (1 / log2(3) + 1) / 2),
        ([[0, 1]], [2, 1], 1, 0.0),
        ([[0], [0]], [1, 1], 10, 0.0),
    ],
)
def test_mean_ndcg_by_hand(make_frame, labels, scores, k, expected) -> None:
    assert mean_ndcg(np.array(scores, float), make_frame(labels), k) == pytest.approx(expected, abs=1e-12)


def test_source_weights_by_hand(make_frame) -> None:
    # the relevant row is second and good about it, the other bad: at equal weights they tie, and the first row wins
    good_and_bad = np.array([[0, 1, 7], [1, 0, 7]], np.float32)
    good_first = make_frame([[0, 1]], good_and_bad, ("score_good", "score_bad", "user_age"))
    assert choose_source_weights(good_first) == {"score_good": 2.0, "score_bad": 1.0}
    bad_first = make_frame([[0, 1]], good_and_bad[:, [1, 0, 2]], ("score_bad", "score_good", "user_age"))
    assert choose_source_weights(bad_first) == {"score_bad": 0.0, "score_good": 1.0}


def test_source_weights_stay_equal_where_nothing_helps(make_frame) -> None:
    frame = make_frame([[1, 0]], np.array([[1, 1], [0, 0]], np.float32), ("score_a", "score_b"))
    assert choose_source_weights(frame) == {"score_a": 1.0, "score_b": 1.0}
