"""Training of the ranker's parts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from recsys_assets.config import Config, TreesConfig
from recsys_assets.ranking.frame import RankingFrame
from recsys_assets.ranking.ranker import Ranker

# objective -> what its early stopping watches
OBJECTIVES = {"lambdarank": "ndcg", "rank_xendcg": "ndcg", "binary": "binary_logloss"}
WEIGHT_STEPS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class TrainingPlan:
    """What the validation cutoff decided, used again when later cutoffs join the training data.

    Attributes:
        n_trees: objective -> number of trees.
        source_weights: feature name of a source's score -> weight.
    """

    n_trees: dict[str, int]
    source_weights: dict[str, float]


def train_with_validation(
    rows: RankingFrame, validation: RankingFrame, config: Config, source_weights: dict[str, float] | None = None
) -> tuple[Ranker, TrainingPlan]:
    """Train on the training cutoffs, stopping each objective where it is best on the validation cutoff.

    `source_weights` are those of `choose_source_weights` for the same rows, where they are known already.
    """
    boosters = _train_all(config, lambda name: _train(name, rows, config, validation=validation))
    weights = choose_source_weights(rows) if source_weights is None else source_weights
    plan = TrainingPlan({name: max(1, booster.best_iteration) for name, booster in boosters.items()}, weights)
    return Ranker(rows.feature_names, boosters, weights), plan


def refit(rows: RankingFrame, plan: TrainingPlan, config: Config) -> Ranker:
    """Train on later cutoffs too, with the number of trees and the source weights that are decided already."""
    boosters = _train_all(config, lambda name: _train(name, rows, config, n_trees=plan.n_trees[name]))
    return Ranker(rows.feature_names, boosters, plan.source_weights)


def _train_all(config: Config, train: Callable[[str], lgb.Booster]) -> dict[str, lgb.Booster]:
    """One thread an objective.

    Two threads within one booster are only 1.3 times faster, and several times slower than one where they share a core
    with something else.
    """
    with ThreadPoolExecutor(config.threads) as pool:
        return dict(zip(OBJECTIVES, pool.map(train, OBJECTIVES), strict=True))


def _train(
    objective: str,
    rows: RankingFrame,
    config: Config,
    *,
    validation: RankingFrame | None = None,
    n_trees: int | None = None,
) -> lgb.Booster:
    settings = config.ranking
    trees: TreesConfig = getattr(settings.objectives, objective)
    parameters = {
        "objective": objective,
        "metric": OBJECTIVES[objective],
        "num_leaves": trees.num_leaves,
        "min_data_in_leaf": trees.min_data_in_leaf,
        "learning_rate": settings.learning_rate,
        "feature_fraction": settings.feature_share,
        "ndcg_eval_at": [10],
        "lambdarank_truncation_level": settings.truncation_level,
        "lambda_l2": settings.lambda_l2,
        "seed": config.seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = _dataset(objective, rows)
    if validation is None:
        return lgb.train(parameters, data, num_boost_round=n_trees or settings.max_trees)
    return lgb.train(
        parameters,
        data,
        num_boost_round=settings.max_trees,
        valid_sets=[_dataset(objective, validation, reference=data)],
        callbacks=[lgb.early_stopping(settings.early_stopping_trees, first_metric_only=True, verbose=False)],
    )


def _dataset(objective: str, rows: RankingFrame, reference: lgb.Dataset | None = None) -> lgb.Dataset:
    labels = (rows.labels > 0).astype(np.int32) if objective == "binary" else rows.labels
    return lgb.Dataset(
        rows.features,
        labels,
        group=None if objective == "binary" else rows.group,
        feature_name=list(rows.feature_names),
        reference=reference,
        free_raw_data=True,
    )


def choose_source_weights(rows: RankingFrame) -> dict[str, float]:
    """Weights of the sources' scores by coordinate search for NDCG@10 on the training rows, from equal weights."""
    names = [name for name in rows.feature_names if name.startswith("score_")]
    columns = rows.features[:, [rows.feature_names.index(name) for name in names]].astype(np.float64)
    weights = np.ones(len(names))
    fused = columns @ weights
    best = mean_ndcg(fused, rows, k=10)
    for _ in range(2):
        for index in range(len(names)):
            for step in WEIGHT_STEPS:
                tried = fused + (step - weights[index]) * columns[:, index]
                value = mean_ndcg(tried, rows, k=10)
                if value > best + 1e-6:
                    best, fused, weights[index] = value, tried, step
    return dict(zip(names, weights.tolist(), strict=True))


def mean_ndcg(scores: NDArray[np.float64], rows: RankingFrame, k: int) -> float:
    """Mean binary NDCG@k over the users of a frame who have relevant rows (0 without any); ties by row order.

    The ideal is that of the frame's own relevant rows: what is not among the candidates lowers nothing here.
    """
    qid = rows.qid
    order = np.lexsort((-scores, qid))
    starts = np.repeat(np.concatenate([[0], np.cumsum(rows.group)[:-1]]), rows.group)
    place = np.arange(len(qid)) - starts
    relevant = rows.labels[order] > 0
    gains = np.where(relevant & (place < k), 1 / np.log2(place + 2), 0)
    dcg = np.bincount(qid[order], weights=gains, minlength=len(rows.group))
    n_relevant = np.bincount(qid, weights=rows.labels > 0, minlength=len(rows.group)).astype(int)
    ideal = np.concatenate([[0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])[np.minimum(n_relevant, k)]
    return float((dcg[n_relevant > 0] / ideal[n_relevant > 0]).mean()) if (n_relevant > 0).any() else 0.0
