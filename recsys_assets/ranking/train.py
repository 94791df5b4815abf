"""Training of the ranker's parts."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys_assets.config import Config
from recsys_assets.ranking.boosting import lgb
from recsys_assets.ranking.frame import RankingFrame
from recsys_assets.ranking.ranker import FUSED, Ranker
from recsys_assets.settings import TreesConfig

# bins do not depend on an objective's leaves, so no feature is left out for having too few rows for one
BINNING = {"force_row_wise": True, "feature_pre_filter": False}
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
    boosters = _train_all(rows, config, validation=validation)
    n_trees = {name: max(1, booster.best_iteration) for name, booster in boosters.items()}
    fusion_weight = config.ranking.fusion_queries / max(1, len(rows.group))
    return Ranker(rows.feature_names, boosters, fusion_weight), TrainingPlan(n_trees, fusion_weight)


def refit(rows: RankingFrame, plan: TrainingPlan, config: Config) -> Ranker:
    """Train on later cutoffs too, with the number of trees that is decided already."""
    boosters = _train_all(rows, config, n_trees=plan.n_trees)
    return Ranker(rows.feature_names, boosters, plan.fusion_weight)


def _train_all(
    rows: RankingFrame,
    config: Config,
    *,
    validation: RankingFrame | None = None,
    n_trees: Mapping[str, int] | None = None,
) -> dict[str, lgb.Booster]:
    """One thread an objective.

    Two threads within one booster are only 1.3 times faster, and several times slower than one where they share a core
    with something else. Finding the features' bins takes as long as half of a booster's trees, so it is done once.
    """
    binned = _bin(rows, config)
    judged = _bin(validation, config, reference=binned) if validation else None
    # all data are made before the first booster starts: LightGBM has one number of threads for the whole process, and a
    # booster under which it changes reads beyond its buffers
    data = {objective: _label(binned, objective, rows) for objective in OBJECTIVES}
    valid = {name: [_label(judged, name, validation)] if judged and validation else [] for name in OBJECTIVES}
    settings = config.ranking

    def train(objective: str) -> lgb.Booster:
        return lgb.train(
            _parameters(objective, rows, config),
            data[objective],
            num_boost_round=n_trees[objective] if n_trees else settings.max_trees,
            valid_sets=valid[objective],
            callbacks=[lgb.early_stopping(settings.early_stopping_trees, first_metric_only=True, verbose=False)]
            if validation
            else [],
        )

    with ThreadPoolExecutor(config.threads) as pool:
        # the binary one, which has the most trees, first: or it would keep one thread busy when the other is done
        running = {objective: pool.submit(train, objective) for objective in reversed(OBJECTIVES)}
        return {objective: running[objective].result() for objective in OBJECTIVES}


def _parameters(objective: str, rows: RankingFrame, config: Config) -> dict[str, Any]:
    settings = config.ranking
    trees: TreesConfig = getattr(settings.objectives, objective)
    return BINNING | {
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
        "verbosity": -1,
    }


def _bin(rows: RankingFrame, config: Config, reference: lgb.Dataset | None = None) -> lgb.Dataset:
    """The features in bins, without labels: what all objectives share."""
    parameters = BINNING | {"num_threads": config.threads, "verbosity": -1}
    names = list(rows.feature_names)
    return lgb.Dataset(rows.features, feature_name=names, reference=reference, params=parameters).construct()


def _label(binned: lgb.Dataset, objective: str, rows: RankingFrame) -> lgb.Dataset:
    """All rows, with what the objective learns from."""
    data = binned.subset(list(range(len(rows.keys)))).construct()
    if objective == "binary":
        return data.set_label((rows.labels > 0).astype(np.int32))
    return data.set_label(rows.labels).set_group(rows.group)
