"""`ranking.training_frame`: the sampled rows of all labelled cutoffs, from which every ranker of a build is trained."""

import duckdb
import numpy as np
import polars as pl

from recsys_assets.config import Config
from recsys_assets.ranking.frame import RankingFrame, build_ranking_frame
from recsys_assets.ranking.sampling import sample_training_rows
from recsys_assets.warehouse import replace_table

FIRST_COLUMNS = ("cutoff", "qid", "user_id", "item_id", "relevance_label")


def build_training_frame(connection: duckdb.DuckDBPyConnection, config: Config, cutoffs: list[str]) -> pl.DataFrame:
    """One row per cutoff, user and candidate to learn from.

    Columns `cutoff`, `qid` (one number a cutoff and user, ascending and contiguous), `user_id`, `item_id`,
    `relevance_label`, then the features as float32. Empty where no user of these cutoffs has a label among candidates.
    """
    frames = [build_ranking_frame(connection, config, cutoff, learn_only=True) for cutoff in cutoffs]
    parts = sample_training_rows(frames, config.ranking.max_training_rows, config.seed)
    first_qid, tables = 0, []
    for cutoff, part in zip(cutoffs, parts, strict=True):
        tables.append(
            part.keys.select(
                pl.lit(cutoff).alias("cutoff"), pl.Series("qid", part.qid + first_qid), *FIRST_COLUMNS[2:]
            ).hstack(pl.DataFrame(part.features, schema=dict.fromkeys(part.feature_names, pl.Float32), orient="row"))
        )
        first_qid += len(part.group)
    return pl.concat(tables)


def write_training_frame(connection: duckdb.DuckDBPyConnection, frame: pl.DataFrame) -> int:
    """Store the frame; returns its number of rows."""
    return replace_table(connection, "ranking.training_frame", frame)


def read_training_frame(connection: duckdb.DuckDBPyConnection, cutoffs: list[str]) -> RankingFrame:
    """The stored rows of some cutoffs as one frame, each user of each cutoff a query of its own.

    Raises:
        AssertionError: the rows of a query are not contiguous.
    """
    table = connection.sql(
        "SELECT * FROM ranking.training_frame WHERE list_contains($cutoffs, cutoff) ORDER BY qid, item_id",
        params={"cutoffs": cutoffs},
    ).pl()
    names = tuple(name for name in table.columns if name not in FIRST_COLUMNS)
    qid = table["qid"].to_numpy()
    group = np.diff(np.concatenate([[0], np.flatnonzero(np.diff(qid)) + 1, [len(qid)]])) if len(qid) else np.empty(0)
    if (group == 0).any() or len(group) != table["qid"].n_unique():
        raise AssertionError("Rows of one query are not contiguous.")
    return RankingFrame(
        keys=table.select("user_id", "item_id", "relevance_label"),
        features=np.ascontiguousarray(table.select(names).to_numpy().astype(np.float32, copy=False)),
        feature_names=names,
        group=group.astype(np.int64),
    )
