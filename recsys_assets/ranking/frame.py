"""The frame that the ranker learns from and scores: candidates of a cutoff with all their features."""

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys_assets.config import Config

KEYS = ("user_id", "item_id")
NOT_NUMERIC = {"VARCHAR", "BOOLEAN", "TIMESTAMP", "DATE"}


@dataclass(frozen=True)
class RankingFrame:
    """Candidates of one cutoff, sorted by user_id and item_id, so that each user's rows are contiguous.

    Attributes:
        keys: `user_id`, `item_id` and `relevance_label` (0 = not relevant, or unknown at `live`).
        features: rows x features, float32; NaN where a feature does not exist for a row.
        feature_names: one name a column.
        group: LightGBM group sizes: the number of rows of each user (of each `qid`), in order.
    """

    keys: pl.DataFrame
    features: NDArray[np.float32]
    feature_names: tuple[str, ...]
    group: NDArray[np.int64]

    @property
    def qid(self) -> NDArray[np.int64]:
        """The number of each row's user, from 0, ascending."""
        return np.repeat(np.arange(len(self.group)), self.group)

    @property
    def labels(self) -> NDArray[np.int32]:
        """Relevance label of each row."""
        return self.keys["relevance_label"].to_numpy()

    def take(self, rows: NDArray[np.bool_]) -> "RankingFrame":
        """The rows where `rows` is true; users left without any disappear."""
        counts = np.bincount(self.qid[rows], minlength=len(self.group))
        group = counts[counts > 0]
        return RankingFrame(self.keys.filter(pl.Series(rows)), self.features[rows], self.feature_names, group)


def build_ranking_frame(
    connection: duckdb.DuckDBPyConnection,
    config: Config,
    cutoff: str,
    *,
    part: int = 0,
    n_parts: int = 1,
    user_id: str | None = None,
    rows: pl.DataFrame | None = None,
) -> RankingFrame:
    """Candidates of a cutoff with the features of user, item, pair and sources.

    A source's `rank_` feature is the logarithm of its rank (of twice its list's length where it does not list the
    item); its `value_` feature is the score as it is, its `score_` feature the score as a share of the user's highest.

    Args:
        connection: of the warehouse.
        config: the configuration; its sources decide the columns.
        cutoff: the cutoff's name.
        part: which part of the users to take, from 0.
        n_parts: into how many parts (by a hash of user_id) the users are cut, to bound memory.
        user_id: this user alone.
        rows: only these candidates, by `user_id` and `item_id`; their features are the same as in the whole frame.
    """
    sources = config.candidates.sources
    longest = 2 * config.candidates.per_source
    source_features = (
        {f"score_{source}": f"m.score_{source} / greatest(m.highest_{source}, 1e-9)" for source in sources}
        | {f"value_{source}": f"m.score_{source}" for source in sources}
        | {f"rank_{source}": f"ln(coalesce(m.rank_{source}, {longest}))" for source in sources}
    )
    fused = {
        "fused_score": "m.fused_score",
        "n_sources": "m.n_sources",
        "n_sources_top_20": " + ".join(f"coalesce((m.rank_{source} <= 20)::INTEGER, 0)" for source in sources),
    }
    stored = {
        f"{alias}_{name}": f"{alias}.{name}"
        for alias, table in (("user", "user_features"), ("item", "item_features"), ("pair", "user_item_features"))
        for name in _numeric_columns(connection, table)
    }
    highest = "".join(f", max(score_{source}) OVER of_user AS highest_{source}" for source in sources)
    expressions = source_features | fused | stored
    selected = ",\n".join(f'CAST({sql} AS FLOAT) AS "{name}"' for name, sql in expressions.items())
    if rows is not None:
        connection.register("rows_to_take", rows)
    table = connection.sql(
        f"""
        WITH merged AS (
            SELECT *{highest} FROM candidates.merged
            WHERE cutoff = $cutoff AND hash(user_id) % $n_parts = $part AND ($user_id IS NULL OR user_id = $user_id)
            WINDOW of_user AS (PARTITION BY user_id)
        )
        SELECT m.user_id, m.item_id, coalesce(l.relevance_label, 0)::INTEGER AS relevance_label,
        {selected}
        FROM merged AS m {"" if rows is None else "SEMI JOIN rows_to_take USING (user_id, item_id)"}
        LEFT JOIN features.user_features AS "user" ON "user".cutoff = $cutoff AND "user".user_id = m.user_id
        LEFT JOIN features.item_features AS "item" ON "item".cutoff = $cutoff AND "item".item_id = m.item_id
        LEFT JOIN (
            SELECT * FROM features.user_item_features WHERE cutoff = $cutoff AND hash(user_id) % $n_parts = $part
        ) AS "pair" ON "pair".user_id = m.user_id AND "pair".item_id = m.item_id
        LEFT JOIN intermediate.int_labels AS l ON l.cutoff = $cutoff AND l.user_id = m.user_id AND l.item_id = m.item_id
        ORDER BY m.user_id, m.item_id
        """,
        params={"cutoff": cutoff, "part": part, "n_parts": n_parts, "user_id": user_id},
    ).pl()
    if rows is not None:
        connection.unregister("rows_to_take")
    keys = table.select(*KEYS, "relevance_label")
    group = keys.group_by("user_id", maintain_order=True).len()["len"].to_numpy().astype(np.int64)
    features = table.select(expressions.keys()).to_numpy().astype(np.float32, copy=False)
    return RankingFrame(keys, np.ascontiguousarray(features), tuple(expressions), group)


def _numeric_columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    described = connection.execute(f"DESCRIBE features.{table}").fetchall()
    return [name for name, kind, *_ in described if kind not in NOT_NUMERIC and name != "cutoff"]
