"""The frame that the ranker learns from and scores: candidates of a cutoff with all their features."""

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys_assets.config import Config
from recsys_assets.warehouse import read_frame

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
    users: tuple[str, str] | None = None,
    rows: pl.DataFrame | None = None,
) -> RankingFrame:
    """Candidates of a cutoff with the features of user, item, pair and sources.

    A source's `rank_` feature is the logarithm of its rank (of twice its list's length where it does not list the
    item); its `value_` feature is the score as it is, its `score_` feature the score as a share of the user's highest.

    The tables are joined here and not in DuckDB, which takes five times longer to join and sort rows this wide.

    Args:
        connection: of the warehouse.
        config: the configuration; its sources decide the columns.
        cutoff: the cutoff's name.
        users: only those from the first id to the last, to bound memory.
        rows: only these candidates, by `user_id` and `item_id`; their features are the same as in the whole frame.
    """
    if rows is not None:
        connection.register("named_users", rows.select(pl.col("user_id").unique()))
    read = _Reader(connection, cutoff, users, only_named=rows is not None)
    candidates = read.table("candidates.merged").with_columns(_source_features(config))
    if rows is not None:
        candidates = candidates.join(rows, on=KEYS, how="semi")
    of_users, of_items, of_pairs = (
        read.features("user", "user_id"),
        read.features("item", "item_id"),
        read.features("user_item", *KEYS, prefix="pair"),
    )
    labels = read.table("intermediate.int_labels", *KEYS, "relevance_label::INTEGER AS relevance_label")
    if rows is not None:
        connection.unregister("named_users")
    table = candidates.sort(KEYS)
    for features in (of_users, of_items, of_pairs, labels):
        on = [key for key in KEYS if key in features.columns]
        table = table.join(features, on=on, how="left", maintain_order="left")
    sources = config.candidates.sources
    names = (
        *(f"{kind}_{source}" for kind in ("score", "value", "rank") for source in sources),
        *("fused_score", "n_sources", "n_sources_top_20"),
        *(name for features in (of_users, of_items, of_pairs) for name in features.columns if name not in KEYS),
    )
    keys = table.select(*KEYS, pl.col("relevance_label").fill_null(0))
    group = keys.group_by("user_id", maintain_order=True).len()["len"].to_numpy().astype(np.int64)
    return RankingFrame(keys, table.select(pl.col(names).cast(pl.Float32)).to_numpy(order="c"), names, group)


def _source_features(config: Config) -> list[pl.Expr]:
    """From `score_` and `rank_` of every source, as `candidates.merged` has them."""
    sources, unlisted = config.candidates.sources, 2 * config.candidates.per_source
    features: list[pl.Expr] = []
    for source in sources:
        score, rank = pl.col(f"score_{source}"), pl.col(f"rank_{source}")
        highest = pl.max_horizontal(score.max().over("user_id"), pl.lit(1e-9, pl.Float32))
        features += [
            (score / highest).alias(f"score_{source}"),
            score.alias(f"value_{source}"),
            rank.fill_null(unlisted).cast(pl.Float64).log().alias(f"rank_{source}"),
        ]
    near_top = (pl.col(f"rank_{source}").le(20).fill_null(False).cast(pl.Int32) for source in sources)
    return [*features, pl.sum_horizontal(near_top).alias("n_sources_top_20")]


@dataclass(frozen=True)
class _Reader:
    """Reads the rows of one cutoff, and where a table has users, of those between two and of `named_users`."""

    connection: duckdb.DuckDBPyConnection
    cutoff: str
    users: tuple[str, str] | None
    only_named: bool

    def table(self, name: str, *columns: str) -> pl.DataFrame:
        selected = ", ".join(columns) or "* EXCLUDE (cutoff)"
        condition, parameters = "cutoff = $cutoff", {"cutoff": self.cutoff}
        has_users = "user_id" in (columns or KEYS)
        if has_users and self.users:
            condition += " AND user_id BETWEEN $first AND $last"
            parameters |= {"first": self.users[0], "last": self.users[1]}
        if has_users and self.only_named:
            condition += " AND user_id IN (FROM named_users)"
        return read_frame(self.connection, f"SELECT {selected} FROM {name} WHERE {condition}", parameters)

    def features(self, kind: str, *keys: str, prefix: str | None = None) -> pl.DataFrame:
        """The keys and numeric columns of a table of features, which begin with `prefix`, or else with the kind."""
        name = f"features.{kind}_features"
        described = self.connection.execute(f"DESCRIBE {name}").fetchall()
        numeric = [column for column, type_, *_ in described if type_ not in NOT_NUMERIC]
        return self.table(name, *keys, *(f'{column}::FLOAT AS "{prefix or kind}_{column}"' for column in numeric))
