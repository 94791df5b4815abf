"""The rankers of one build: the one that validation judges, the one that the report judges, the published one."""

from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import polars as pl

from recsys_assets.config import Config
from recsys_assets.ranking.frame import RankingFrame, build_ranking_frame
from recsys_assets.ranking.ranker import Ranker
from recsys_assets.ranking.train import TrainingPlan, refit, train_with_validation
from recsys_assets.ranking.training_frame import read_training_frame

MIN_TRAINING_USERS = 20


@dataclass(frozen=True)
class TrainedRankers:
    """What training left.

    Attributes:
        ranker: for live scoring, trained on all labelled cutoffs; None where there was too little to learn from.
        plan: what the validation cutoff decided; None likewise.
        lists: `cutoff` (validation, test), `user_id`, `item_id`, `score`, `rank`: the ranker's best items for every
            user with labels, each list made by a ranker that saw only earlier cutoffs.
        note: one sentence on what was done.
    """

    ranker: Ranker | None
    plan: TrainingPlan | None
    lists: pl.DataFrame
    note: str


def train_rankers(
    connection: duckdb.DuckDBPyConnection,
    config: Config,
    cutoffs_by_role: dict[str, list[str]],
    say: Callable[[str], None],
) -> TrainedRankers:
    """Train for validation, then with the validation cutoff for test, then with the test cutoff for live."""
    training, validation, test = (cutoffs_by_role.get(role, []) for role in ("training", "validation", "test"))
    rows = read_training_frame(connection, training)
    full_validation = build_ranking_frame(connection, config, validation[0]) if validation else None
    n_users = len(rows.group)
    if full_validation is None or n_users < MIN_TRAINING_USERS or not (full_validation.labels > 0).any():
        note = f"No ranker: {n_users} users with labels to learn from, at least {MIN_TRAINING_USERS} are needed."
        return TrainedRankers(None, None, _no_lists(), note)
    say(f"training on {len(rows.keys):,} rows of {n_users:,} queries")
    ranker, plan = train_with_validation(rows, full_validation, config)
    length = config.rerank.list_length
    lists = [rank_candidates(ranker, full_validation, length).with_columns(pl.lit(validation[0]).alias("cutoff"))]
    labelled = training + validation
    if test:
        say(f"refitting for the test cutoff with {sum(plan.n_trees.values())} trees")
        ranker = refit(read_training_frame(connection, labelled), plan, config)
        full_test = build_ranking_frame(connection, config, test[0])
        lists.append(rank_candidates(ranker, full_test, length).with_columns(pl.lit(test[0]).alias("cutoff")))
        labelled = labelled + test
    say("refitting for live with the test window")
    rows = read_training_frame(connection, labelled)
    ranker = refit(rows, plan, config)
    trees = ", ".join(f"{name} {count}" for name, count in plan.n_trees.items())
    note = (
        f"Trained on {len(rows.keys):,} rows of {len(rows.group):,} queries; trees: {trees}; "
        f"the fusion counts {plan.fusion_weight:g} times a booster."
    )
    return TrainedRankers(ranker, plan, pl.concat(lists).select(_no_lists().columns), note)


def rank_candidates(ranker: Ranker, frame: RankingFrame, length: int) -> pl.DataFrame:
    """`user_id`, `item_id`, `score`, `rank`: each user's `length` best candidates, ties by item_id."""
    scored = frame.keys.select("user_id", "item_id").with_columns(
        pl.Series("score", ranker.score(frame.features, frame.group), dtype=pl.Float64)
    )
    ranked = scored.sort("user_id", "score", "item_id", descending=[False, True, False]).with_columns(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("user_id").alias("rank")
    )
    return ranked.filter(pl.col("rank") <= length)


def _no_lists() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "cutoff": pl.String,
            "user_id": pl.String,
            "item_id": pl.String,
            "score": pl.Float64,
            "rank": pl.Int32,
        }
    )
