"""`publishing.similar_items`: what goes with an item, from behaviour and from descriptions."""

import duckdb
import numpy as np
import polars as pl
from scipy import sparse

from recsys_assets.candidates.content import describe_items
from recsys_assets.candidates.generate import best_places
from recsys_assets.config import Config
from recsys_assets.schema import LIVE_CUTOFF

CONTENT_WEIGHT = 0.3
CELLS_PER_BLOCK = 16_000_000


def build_similar_items(connection: duckdb.DuckDBPyConnection, config: Config) -> pl.DataFrame:
    """One row per item and similar item: `item_id`, `rank` (from 1), `similar_item_id`, `title`, `score`.

    The score is the item's live co-visitation score over its largest one, plus `CONTENT_WEIGHT` times the cosine of the
    descriptions: items that nobody had yet have neighbours by description. Unavailable items are not offered.
    """
    items = connection.sql(
        """
        SELECT item_id, any_value(title) AS title, coalesce(any_value(categories), []) AS categories,
               coalesce(any_value(creators), []) AS creators, coalesce(bool_and(available), true) AS available
        FROM (
            SELECT item_id, title, categories, creators, available FROM staging.stg_raw__items
            UNION ALL BY NAME
            SELECT DISTINCT item_id FROM intermediate.int_interactions
        ) GROUP BY item_id ORDER BY item_id
        """
    ).pl()
    positions = items.select("item_id").with_row_index("item")
    pairs = (
        connection.sql(
            f"""
            SELECT item_id, neighbour_item_id, score / max(score) OVER (PARTITION BY item_id) AS score
            FROM candidates.covisited_items WHERE cutoff = '{LIVE_CUTOFF}' AND score > 0
            ORDER BY item_id, neighbour_item_id
            """
        )
        .pl()
        .join(positions, on="item_id")
        .join(positions.rename({"item_id": "neighbour_item_id", "item": "neighbour"}), on="neighbour_item_id")
        .sort("item", "neighbour")
    )
    n = len(items)
    covisited = sparse.csr_matrix(
        (pairs["score"].to_numpy(), (pairs["item"].to_numpy(), pairs["neighbour"].to_numpy())), shape=(n, n)
    )
    vectors = describe_items(items.with_columns(pl.col("title").fill_null("")), config.candidates.content.title_weight)
    available = items["available"].to_numpy()
    length = min(config.rerank.list_length, max(n - 1, 0))
    block = max(1, CELLS_PER_BLOCK // max(n, 1))
    parts = [_best(covisited, vectors, available, start, min(start + block, n), length) for start in range(0, n, block)]
    item, similar, score, rank = (
        np.concatenate([part[column] for part in parts] or [np.empty(0)]) for column in range(4)
    )
    ids, titles = items["item_id"], items["title"]
    return pl.DataFrame(
        {
            "item_id": ids[item.astype(np.int64)],
            "rank": pl.Series(rank, dtype=pl.Int32),
            "similar_item_id": ids[similar.astype(np.int64)],
            "title": titles[similar.astype(np.int64)],
            "score": pl.Series(score, dtype=pl.Float64),
        }
    )


def _best(
    covisited: sparse.csr_matrix,
    vectors: sparse.csr_matrix,
    available: np.ndarray,
    start: int,
    end: int,
    length: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    scores = covisited[start:end].toarray() + CONTENT_WEIGHT * (vectors[start:end] @ vectors.T).toarray()
    scores = np.round(scores, 6)  # so that equal descriptions tie, and go by item_id
    scores[np.arange(end - start), np.arange(start, end)] = 0
    scores[:, ~available] = 0
    best = best_places(scores, length)
    best_scores = np.take_along_axis(scores, best, axis=1)
    row, column = np.nonzero(best_scores > 0)
    return start + row, best[row, column], best_scores[row, column], column + 1
