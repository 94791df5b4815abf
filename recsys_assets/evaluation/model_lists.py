"""`evaluation.model_lists`: what every model would have shown at the validation and test cutoffs."""

import duckdb
import polars as pl

from recsys_assets.config import Config
from recsys_assets.schema import FUSION, RANKER
from recsys_assets.warehouse import count_rows, read_frame

JUDGED_CUTOFFS = ("validation", "test")


def write_model_lists(connection: duckdb.DuckDBPyConnection, config: Config) -> int:
    """Write the table; returns its number of rows.

    One row per model, cutoff, user and rank: the first `list_length` items of the ranker, of the fusion of the sources,
    and of every single source, for every user with labels. The sources are the baselines.
    """
    length = config.rerank.list_length
    judged = ", ".join(f"'{cutoff}'" for cutoff in JUDGED_CUTOFFS)
    sources = "\nUNION ALL ".join(
        f"SELECT '{source}' AS model, cutoff, user_id, item_id, rank FROM candidates.{source}"
        for source in config.candidates.sources
    )
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE evaluation.model_lists AS
        WITH fused AS (
            SELECT '{FUSION}' AS model, cutoff, user_id, item_id,
                   row_number() OVER (PARTITION BY cutoff, user_id ORDER BY fused_score DESC, item_id)::INTEGER AS rank
            FROM candidates.merged WHERE cutoff IN ({judged})
        )
        SELECT * FROM (
            SELECT '{RANKER}' AS model, cutoff, user_id, item_id, rank FROM ranking.ranker_lists
            UNION ALL SELECT * FROM fused
            UNION ALL {sources}
        )
        WHERE cutoff IN ({judged}) AND rank <= {length}
        ORDER BY model, cutoff, user_id, rank
        """
    )
    return count_rows(connection, "evaluation.model_lists")


def read_model_lists(connection: duckdb.DuckDBPyConnection, cutoff: str) -> pl.DataFrame:
    """The lists of one cutoff: `model`, `user_id`, `item_id`, `rank`."""
    return read_frame(
        connection,
        "SELECT model, user_id, item_id, rank FROM evaluation.model_lists WHERE cutoff = $cutoff ORDER BY ALL",
        {"cutoff": cutoff},
    )


def read_labels(connection: duckdb.DuckDBPyConnection, cutoff: str) -> pl.DataFrame:
    """The labels of one cutoff: `user_id`, `item_id`, `relevance_label`."""
    return read_frame(
        connection,
        """
        SELECT user_id, item_id, relevance_label FROM intermediate.int_labels WHERE cutoff = $cutoff
        ORDER BY user_id, item_id
        """,
        {"cutoff": cutoff},
    )
