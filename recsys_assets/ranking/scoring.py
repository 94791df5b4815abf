"""`ranking.scored_candidates`: the ranker's score of every live candidate, and what the best scores were made from."""

from collections.abc import Callable

import duckdb
import numpy as np
import polars as pl

from recsys_assets.config import Config
from recsys_assets.ranking.frame import RankingFrame, build_ranking_frame
from recsys_assets.ranking.ranker import Ranker, combine_parts, user_scale
from recsys_assets.ranking.rerank import pool_size
from recsys_assets.schema import LIVE_CUTOFF
from recsys_assets.warehouse import read_frame, transaction

ROWS_PER_PART = 500_000


def score_live_candidates(
    connection: duckdb.DuckDBPyConnection, config: Config, ranker: Ranker | None, say: Callable[[str], None]
) -> int:
    """Write `ranking.scored_candidates` and `ranking.scored_features`; without a ranker both are empty.

    - `scored_candidates`: one row per user and live candidate: `user_id`, `item_id`, `score`.
    - `scored_features`: one row per user and candidate that re-ranking can choose: `features` (float32, in the order of
      the model's names), `part_means` and `part_deviations` (the user's scale of each part of the score), from which
      the score can be computed again, to the last bit.

    Users are taken in parts, so that memory does not grow with their number.

    Returns:
        The number of scored candidates.
    """
    with transaction(connection):
        connection.execute(
            """
            CREATE OR REPLACE TABLE ranking.scored_candidates (user_id VARCHAR, item_id VARCHAR, score DOUBLE);
            CREATE OR REPLACE TABLE ranking.scored_features (
                user_id VARCHAR, item_id VARCHAR, features FLOAT[], part_means DOUBLE[], part_deviations DOUBLE[]);
            """
        )
        if ranker is None:
            return 0
        n_scored, parts = 0, _cut_into_parts(connection)
        for number, users in enumerate(parts, start=1):
            frame = build_ranking_frame(connection, config, LIVE_CUTOFF, users=users)
            _score_part(connection, config, ranker, frame)
            n_scored += len(frame.keys)
            say(f"scored {n_scored:,} candidates, {number} of {len(parts)} parts")
    return n_scored


def _cut_into_parts(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """The first and the last user of each part, of about ROWS_PER_PART candidates."""
    part = pl.col("n_candidates").cum_sum() // ROWS_PER_PART
    counts = read_frame(
        connection,
        f"SELECT user_id, count(*)::BIGINT AS n_candidates FROM candidates.merged WHERE cutoff = '{LIVE_CUTOFF}' "
        "GROUP BY user_id ORDER BY user_id",
    )
    parts = counts.group_by(part.alias("part"), maintain_order=True)
    return parts.agg(pl.first("user_id").alias("first"), pl.last("user_id").alias("last")).drop("part").rows()


def _score_part(connection: duckdb.DuckDBPyConnection, config: Config, ranker: Ranker, frame: RankingFrame) -> None:
    values = ranker.part_values(frame.features)
    mean, deviation = (np.repeat(scale, frame.group, axis=0) for scale in user_scale(values, frame.group))
    scored = frame.keys.select("user_id", "item_id").with_columns(
        pl.Series("score", combine_parts(values, mean, deviation, ranker.part_weights), dtype=pl.Float64)
    )
    best = (
        scored.with_row_index("row")
        .sort("user_id", "score", "item_id", descending=[False, True, False])
        .filter(pl.int_range(pl.len()).over("user_id") < pool_size(config.rerank))["row"]
        .sort()
        .to_numpy()
    )
    kept = scored[best].select(
        "user_id",
        "item_id",
        pl.Series("features", frame.features[best]).arr.to_list(),
        pl.Series("part_means", mean[best]).arr.to_list(),
        pl.Series("part_deviations", deviation[best]).arr.to_list(),
    )
    for table, rows in {"scored_candidates": scored, "scored_features": kept}.items():
        connection.register("rows_to_add", rows)
        connection.execute(f"INSERT INTO ranking.{table} BY NAME SELECT * FROM rows_to_add")
        connection.unregister("rows_to_add")
