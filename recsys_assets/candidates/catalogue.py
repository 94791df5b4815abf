"""What is known of the items of one history: features by cutoff and descriptions."""

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from recsys_assets.candidates.history import History


@dataclass(frozen=True)
class Catalogue:
    """Items of one history, in the order of its `item_ids`.

    Attributes:
        features: one row an item: `n_users`, `decayed_events_slow`, `decayed_events_fast`, `is_available`.
        descriptions: one row an item: `title` (empty if unknown), `categories` and `creators` (lists).
        categories: items x categories, 1 where the item has it.
        covisited: items x items, the score of moving on from the row's item to the column's.
    """

    features: pl.DataFrame
    descriptions: pl.DataFrame
    categories: sparse.csr_matrix
    covisited: sparse.csr_matrix

    @property
    def unavailable(self) -> NDArray[np.bool_]:
        """True for items that must not be recommended now."""
        return ~self.features["is_available"].to_numpy()


def read_catalogue(connection: duckdb.DuckDBPyConnection, history: History) -> Catalogue:
    """Read what the generators need besides the history.

    Availability is today's and is no part of the past, so it counts at the `live` cutoff only.
    """
    item_ids = pl.Series("item_id", history.item_ids)
    items = pl.DataFrame({"item_id": item_ids}).with_row_index("item")
    cutoff = history.cutoff
    features = items.join(
        connection.sql(
            f"""
            SELECT item_id, n_users, decayed_events_slow, decayed_events_fast
            FROM features.item_features WHERE cutoff = '{cutoff}'
            """
        ).pl(),
        on="item_id",
        how="left",
    ).sort("item")
    described = items.join(
        connection.sql("SELECT item_id, title, categories, creators, available FROM staging.stg_raw__items").pl(),
        on="item_id",
        how="left",
    ).sort("item")
    available = described["available"].fill_null(True) if cutoff == "live" else pl.repeat(True, len(items), eager=True)
    described = described.with_columns(
        pl.col("title").fill_null(""),
        pl.col("categories").fill_null([]),
        pl.col("creators").fill_null([]),
    )
    names = described["categories"].explode().drop_nulls().unique().sort()
    by_name = pl.DataFrame({"name": names.cast(pl.String)}).with_row_index("category")
    exploded = described.select("item", name=pl.col("categories")).explode("name").unique().join(by_name, on="name")
    pairs = (
        connection.sql(
            f"SELECT item_id, neighbour_item_id, score FROM candidates.covisited_items WHERE cutoff = '{cutoff}'"
        )
        .pl()
        .join(items, on="item_id")
        .join(items.rename({"item_id": "neighbour_item_id", "item": "neighbour"}), on="neighbour_item_id")
        .sort("item", "neighbour")
    )
    n_items, n_categories = len(items), len(names)
    return Catalogue(
        features=features.with_columns(available.alias("is_available")),
        descriptions=described.select("item_id", "title", "categories", "creators"),
        categories=_matrix(
            pl.repeat(1.0, len(exploded), eager=True), exploded["item"], exploded["category"], (n_items, n_categories)
        ),
        covisited=_matrix(pairs["score"], pairs["item"], pairs["neighbour"], (n_items, n_items)),
    )


def _matrix(values: pl.Series, rows: pl.Series, columns: pl.Series, shape: tuple[int, int]) -> sparse.csr_matrix:
    return sparse.csr_matrix((values.to_numpy().astype(np.float32), (rows.to_numpy(), columns.to_numpy())), shape=shape)
