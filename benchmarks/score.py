"""Scoring lists on a split: accuracy by the metrics of the report, coverage, and what is wrong with the lists."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from recsys_assets.errors import RecsysError
from recsys_assets.evaluation.beyond import catalogue_coverage
from recsys_assets.evaluation.metrics import per_user_metrics, top_of_lists
from recsys_assets.schema import FOR_YOU

K = 10


@dataclass(frozen=True)
class Score:
    """How the top 10 of a system did.

    `per_user` has a row per target user, sorted: user_id, ndcg, recall, hit_rate, mrr, map. `coverage` is the share of
    the items in train that some target user was recommended. The rest counts faults: rows of items that the user has in
    her train history, rows of items that do not occur in train, users without a list and with fewer than ten items.
    """

    per_user: pl.DataFrame
    coverage: float
    rows_in_history: int
    rows_not_in_train: int
    users_without_list: int
    users_with_short_list: int


def score_lists(split: Path, lists: pl.DataFrame) -> Score:
    """Score `user_id`, `item_id`, `rank` (from 1) on a split; a target user without rows scores 0."""
    relevant = pl.read_parquet(split / "hidden" / "relevant.parquet")
    targets = pl.read_parquet(split / "target_users.parquet")
    train = pl.read_parquet(split / "seen" / "events.parquet", columns=["user_id", "item_id"]).unique()
    catalogue = train.select("item_id").unique()
    top = top_of_lists(lists, targets, K)
    lengths = top.group_by("user_id").len()
    return Score(
        per_user=per_user_metrics(lists, relevant, K),
        coverage=catalogue_coverage(top, catalogue),
        rows_in_history=len(top.join(train, on=["user_id", "item_id"], how="semi")),
        rows_not_in_train=len(top.join(catalogue, on="item_id", how="anti")),
        users_without_list=len(targets) - len(lengths),
        users_with_short_list=len(lengths.filter(pl.col("len") < K)),
    )


def read_lists(file: Path) -> pl.DataFrame:
    """Lists from a parquet file, or from the table `recommendations` of a DuckDB file (its surface `for_you`).

    Returns:
        One row per user and item: user_id, item_id (text), rank.

    Raises:
        RecsysError: the file is not there, or has no such columns.
    """
    if not file.is_file():
        raise RecsysError(f"There is no table of recommendations at {file}.")
    with duckdb.connect() as connection:
        source = "read_parquet($file)"
        try:
            if file.suffix == ".duckdb":
                connection.execute(f"ATTACH '{str(file).replace(chr(39), chr(39) * 2)}' AS published (READ_ONLY)")
                source = "published.recommendations"
            parameters = {} if file.suffix == ".duckdb" else {"file": str(file)}
            names = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}", parameters).fetchall()}
            where = f"WHERE surface = '{FOR_YOU}'" if "surface" in names else ""
            select = f"SELECT user_id::VARCHAR AS user_id, item_id::VARCHAR AS item_id, rank FROM {source} {where}"
            lists: pl.DataFrame = connection.sql(select, params=parameters).pl()
        except duckdb.Error as error:
            raise RecsysError(
                f"{file} holds no lists of user_id, item_id and rank: {str(error).splitlines()[0]}"
            ) from error
    return lists
