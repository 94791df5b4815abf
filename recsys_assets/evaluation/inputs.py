"""What the reports read from the warehouse."""

import duckdb
import polars as pl

from recsys_assets.evaluation.metrics import per_user_metrics, relevant_items
from recsys_assets.warehouse import read_frame

POPULARITY_SOURCES = ("popular", "popular_decayed_slow", "popular_decayed_fast")


def read_popularity(connection: duckdb.DuckDBPyConnection, cutoff: str) -> tuple[pl.DataFrame, int]:
    """`item_id`, `n_users` for every item of a cutoff's history, and the number of users in it."""
    popularity = read_frame(
        connection,
        "SELECT item_id, n_users FROM features.item_features WHERE cutoff = $cutoff ORDER BY item_id",
        {"cutoff": cutoff},
    )
    return popularity, len(read_user_history(connection, cutoff))


def read_user_history(connection: duckdb.DuckDBPyConnection, cutoff: str) -> pl.DataFrame:
    """`user_id`, `n_history_events` for every user of a cutoff."""
    return read_frame(
        connection,
        """
        SELECT user_id, n_history_events FROM intermediate.int_user_cutoffs WHERE cutoff = $cutoff ORDER BY user_id
        """,
        {"cutoff": cutoff},
    )


def read_descriptions(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """`item_id`, `categories`, `creators`."""
    return read_frame(connection, "SELECT item_id, categories, creators FROM staging.stg_raw__items ORDER BY item_id")


def read_split(connection: duckdb.DuckDBPyConnection) -> str:
    """`temporal` or `leave_last`."""
    ((split,),) = connection.execute("SELECT min(split) FROM intermediate.int_cutoffs").fetchall()
    return str(split)


def read_source_lists(connection: duckdb.DuckDBPyConnection, table: str, cutoff: str) -> pl.DataFrame:
    """One candidate table at one cutoff: `user_id`, `item_id`, `rank`."""
    return read_frame(
        connection,
        f"SELECT user_id, item_id, rank FROM candidates.{table} WHERE cutoff = $cutoff ORDER BY user_id, item_id",
        {"cutoff": cutoff},
    )


def read_fallback(lists: pl.DataFrame, labels: pl.DataFrame) -> str:
    """The popularity source that is best on these labels (`popular` without any), for unknown users."""
    if relevant_items(labels).is_empty():
        return POPULARITY_SOURCES[0]
    ndcg = {
        source: float(per_user_metrics(lists.filter(pl.col("model") == source), labels, 10)["ndcg"].to_numpy().mean())
        for source in POPULARITY_SOURCES
    }
    return min(POPULARITY_SOURCES, key=lambda source: (-ndcg[source], source))
