"""What rating models read: the ratings visible at a cutoff, those of its window, and features as they were then."""

from dataclasses import dataclass

import duckdb
import polars as pl

from recsys_assets.warehouse import read_frame

# Features that a rating's value enters. A model that learns from the very ratings that are visible at a cutoff must
# leave them out, or it would read the answer in them.
VALUE_FEATURES = frozenset(
    {
        "user_n_liked",
        "user_n_disliked",
        "user_liked_share",
        "user_mean_rating_value",
        "user_rating_stddev",
        "item_liked_share",
        "item_disliked_share",
        "item_rating_mean",
        "item_conversion",
    }
)


@dataclass(frozen=True)
class Snapshot:
    """What was known at one cutoff.

    Attributes:
        cutoff: its name.
        ratings: `user_id`, `item_id`, `value`: one row per visible rating, in a stable order.
        users: `user_id` and its numeric features, prefixed `user_`, Float32; NULL where unknown.
        items: likewise, `item_id` and `item_`.
    """

    cutoff: str
    ratings: pl.DataFrame
    users: pl.DataFrame
    items: pl.DataFrame

    def features_of(self, pairs: pl.DataFrame, *, without_values: bool = False) -> pl.DataFrame:
        """One row per row of `pairs` (`user_id`, `item_id`), in its order: all features, or those free of ratings."""
        joined = (
            pairs.select("user_id", "item_id")
            .join(self.users, on="user_id", how="left", maintain_order="left")
            .join(self.items, on="item_id", how="left", maintain_order="left")
            .drop("user_id", "item_id")
        )
        return joined.drop(VALUE_FEATURES, strict=False) if without_values else joined


def read_snapshot(connection: duckdb.DuckDBPyConnection, cutoff: str) -> Snapshot:
    """Everything visible at `cutoff` that a rating model learns from."""
    ratings = read_frame(
        connection,
        """
        SELECT user_id, item_id, value FROM intermediate.int_history
        WHERE cutoff = $cutoff AND event_type = 'rating' AND value IS NOT NULL ORDER BY user_id, event_number
        """,
        {"cutoff": cutoff},
    )
    return Snapshot(
        cutoff, ratings, _read_features(connection, cutoff, "user"), _read_features(connection, cutoff, "item")
    )


def read_window(connection: duckdb.DuckDBPyConnection, cutoff: str) -> pl.DataFrame:
    """The ratings to predict at `cutoff`: `user_id`, `item_id`, `value`, one row per rating in the window after it.

    Liked and disliked ones, of every user visible at the cutoff, on every item, also one that nobody had yet. Empty at
    `live`.
    """
    return read_frame(
        connection,
        """
        SELECT user_id, item_id, value
        FROM intermediate.int_user_cutoffs AS cutoffs
        INNER JOIN intermediate.int_interactions AS interactions USING (user_id)
        WHERE cutoff = $cutoff AND visible_until <= occurred_at
            AND (labels_until IS NULL OR labels_until > occurred_at)
            AND event_type = 'rating' AND value IS NOT NULL
        ORDER BY user_id, event_number
        """,
        {"cutoff": cutoff},
    )


def _read_features(connection: duckdb.DuckDBPyConnection, cutoff: str, entity: str) -> pl.DataFrame:
    key = f"{entity}_id"
    frame = read_frame(
        connection,
        f"SELECT * EXCLUDE (cutoff) FROM features.{entity}_features WHERE cutoff = $cutoff ORDER BY {key}",
        {"cutoff": cutoff},
    )
    kinds = frame.schema.items()
    numeric = [name for name, kind in kinds if name != key and (kind.is_numeric() or kind == pl.Boolean)]
    return frame.select(key, *(pl.col(name).cast(pl.Float32).alias(f"{entity}_{name}") for name in numeric))
