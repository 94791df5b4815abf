"""`ranking.scored_candidates`: the ranker's score of every live candidate."""

from collections.abc import Callable

import duckdb
import polars as pl

from recsys_assets.config import Config
from recsys_assets.ranking.frame import build_ranking_frame
from recsys_assets.ranking.ranker import Ranker
from recsys_assets.schema import LIVE_CUTOFF
from recsys_assets.warehouse import count_rows, transaction

ROWS_PER_PART = 1_000_000


def score_live_candidates(
    connection: duckdb.DuckDBPyConnection, config: Config, ranker: Ranker | None, say: Callable[[str], None]
) -> int:
    """Write `ranking.scored_candidates` (one row per user and live candidate: `user_id`, `item_id`, `score`).

    Users are taken in parts, so that memory does not grow with their number. Without a ranker the table is empty.

    Returns:
        The number of rows.
    """
    n_candidates = count_rows(connection, f"candidates.merged WHERE cutoff = '{LIVE_CUTOFF}'")
    n_parts = n_candidates // ROWS_PER_PART + 1
    with transaction(connection):
        connection.execute(
            "CREATE OR REPLACE TABLE ranking.scored_candidates (user_id VARCHAR, item_id VARCHAR, score DOUBLE)"
        )
        for part in range(n_parts if ranker else 0):
            frame = build_ranking_frame(connection, config, LIVE_CUTOFF, part=part, n_parts=n_parts)
            scored = frame.keys.select("user_id", "item_id").with_columns(
                pl.Series("score", ranker.score(frame.features, frame.group), dtype=pl.Float64)
            )
            connection.register("scored", scored)
            connection.execute("INSERT INTO ranking.scored_candidates SELECT * FROM scored")
            connection.unregister("scored")
            say(f"scored {part + 1} of {n_parts} parts of {n_candidates:,} candidates")
    return count_rows(connection, "ranking.scored_candidates")
