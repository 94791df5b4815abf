"""Training: the same text twice, and that it learns."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys_assets.config import load_config
from recsys_assets.evaluation.metrics import per_user_metrics
from recsys_assets.ranking.ranker import Ranker
from recsys_assets.ranking.train import OBJECTIVES, refit, train_with_validation


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
    assert texts(again) == texts(refit(learnable_frame(3), plan, config))
    assert texts(again) != texts(ranker)


def test_it_learns(learnable_frame, ranker) -> None:
    unseen = learnable_frame(9)
    labels = unseen.keys.filter(unseen.keys["relevance_label"] > 0)

    def ndcg(scores: NDArray[np.float64]) -> float:
        lists = unseen.keys.with_columns(pl.Series("score", scores)).sort("user_id", "score", descending=[False, True])
        ranked = lists.with_columns(pl.int_range(1, pl.len() + 1).over("user_id").alias("rank"))
        return per_user_metrics(ranked, labels, 10)["ndcg"].to_numpy().mean()

    chance = np.random.default_rng(0).random(len(unseen.keys))
    assert ndcg(ranker.score(unseen.features, unseen.group)) > ndcg(chance) + 0.1


def test_the_fusion_counts_less_the_more_users_there_are_to_learn_from(learnable_frame, quick_settings) -> None:
    frame = learnable_frame(1)
    half = frame.take(frame.qid < 30)
    weights = []
    for rows in (half, frame):
        ranker, plan = train_with_validation(rows, learnable_frame(2), load_config(quick_settings))
        weights.append(ranker.fusion_weight)
        assert (
            plan.fusion_weight == ranker.fusion_weight == refit(frame, plan, load_config(quick_settings)).fusion_weight
        )
    assert weights == [1.0, 0.5]


def test_no_booster_splits_on_the_fused_score(ranker) -> None:
    assert ranker.splits()["fused_score"] == 0
    assert ranker.splits()["score_popular"] > 0
