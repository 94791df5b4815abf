"""`publishing.trending_items`: what is wanted now, overall and by category."""

import duckdb

from recsys_assets.config import Config
from recsys_assets.schema import LIVE_CUTOFF
from recsys_assets.warehouse import count_rows

OVERALL_LENGTH = 100


def write_trending_items(connection: duckdb.DuckDBPyConnection, config: Config) -> int:
    """Write the table; returns its number of rows.

    One row per category (NULL = all) and item: `category`, `rank`, `item_id`, `title`, `score` (events, each counting
    half after the fast half-life). Unavailable items are left out.
    """
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE publishing.trending_items AS
        SELECT popular.category,
               (row_number() OVER best_first)::INTEGER AS rank,
               popular.item_id, items.title, popular.score
        FROM candidates.popular_items AS popular
        LEFT JOIN staging.stg_raw__items AS items USING (item_id)
        WHERE popular.cutoff = '{LIVE_CUTOFF}' AND popular.variant = 'fast' AND coalesce(items.available, true)
        WINDOW best_first AS (PARTITION BY popular.category ORDER BY popular.score DESC, popular.item_id)
        QUALIFY row_number() OVER best_first -- not `rank`, which is that of the table, with unavailable items
            <= CASE WHEN popular.category IS NULL THEN {OVERALL_LENGTH} ELSE {config.rerank.list_length} END
        ORDER BY popular.category NULLS FIRST, rank
        """
    )
    return count_rows(connection, "publishing.trending_items")
