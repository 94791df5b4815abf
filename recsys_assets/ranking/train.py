"""Training of the ranker's parts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from recsys_assets.config import Config
from recsys_assets.ranking.frame import RankingFrame
from recsys_assets.ranking.ranker import FUSED, Ranker
from recsys_assets.settings import TreesConfig

# objective -> what its early stopping watches
OBJECTIVES = {"lambdarank": "ndcg", "rank_xendcg": "ndcg", "binary": "binary_logloss"}


@dataclass(frozen=True)
class TrainingPlan:
    """What the validation cutoff decided, used again when later cutoffs join the training data.

    Attributes:
        n_trees: objective -> number of trees.
        fusion_weight: how much the fusion of the sources counts beside the boosters.
    """

    n_trees: dict[str, int]
    fusion_weight: float = 0.0


def train_with_validation(rows: RankingFrame, validation: RankingFrame, config: Config) -> tuple[Ranker, TrainingPlan]:
    """Train on the training cutoffs, stopping each objective where it is best on the validation cutoff.

    The fusion counts `ranking.fusion_queries` / queries times a booster: with few users to learn from, boosters vary
    much with the draw, and the fusion's few weights do not.
    """
    boosters = _train_all(config, lambda name: _train(name, rows, config, validation=validation))
    n_trees = {name: max(1, booster.best_iteration) for name, booster in boosters.items()}
    fusion_weight = config.ranking.fusion_queries / max(1, len(rows.group))
    return Ranker(rows.feature_names, boosters, fusion_weight), TrainingPlan(n_trees, fusion_weight)


def refit(rows: RankingFrame, plan: TrainingPlan, config: Config) -> Ranker:
    """Train on later cutoffs too, with the number of trees that is decided already."""
    boosters = _train_all(config, lambda name: _train(name, rows, config, n_trees=plan.n_trees[name]))
    return Ranker(rows.feature_names, boosters, plan.fusion_weight)


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
        "feature_contri": [0.0 if name == FUSED else 1.0 for name in rows.feature_names],
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
