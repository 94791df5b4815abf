"""`ranking.training_frame`: the sampled rows of all labelled cutoffs, from which every ranker of a build is trained."""

import duckdb
import numpy as np
import polars as pl

from recsys_assets.config import Config
from recsys_assets.ranking.frame import RankingFrame, build_ranking_frame
from recsys_assets.ranking.sampling import sample_training_rows
from recsys_assets.schema import LIVE_CUTOFF
from recsys_assets.warehouse import read_frame, replace_table

FIRST_COLUMNS = ("cutoff", "qid", "user_id", "item_id", "relevance_label")


def build_training_frame(connection: duckdb.DuckDBPyConnection, config: Config, cutoffs: list[str]) -> pl.DataFrame:
    """One row per cutoff, user and candidate to learn from.

    Columns `cutoff`, `qid` (one number a cutoff and user, ascending and contiguous), `user_id`, `item_id`,
    `relevance_label`, then the features as float32. Empty where no user of these cutoffs has a label among candidates.
    """
    cutoffs = cutoffs or [LIVE_CUTOFF]  # which has no labels: no rows, but the columns
    candidates = [_read_candidates(connection, cutoff) for cutoff in cutoffs]
    samples = sample_training_rows(candidates, config.ranking.max_training_rows, config.seed)
    first_qid, tables = 0, []
    for cutoff, sample in zip(cutoffs, samples, strict=True):
        part = build_ranking_frame(connection, config, cutoff, rows=sample)
        tables.append(
            part.keys.select(
                pl.lit(cutoff).alias("cutoff"), pl.Series("qid", part.qid + first_qid), *FIRST_COLUMNS[2:]
            ).hstack(pl.DataFrame(part.features, schema=dict.fromkeys(part.feature_names, pl.Float32), orient="row"))
        )
        first_qid += len(part.group)
    return pl.concat(tables)


def _read_candidates(connection: duckdb.DuckDBPyConnection, cutoff: str) -> pl.DataFrame:
    """`user_id`, `item_id`, `relevance_label` of users with enough history to be learnt from, sorted."""
    return read_frame(
        connection,
        """
        SELECT user_id, item_id, coalesce(relevance_label, 0)::INTEGER AS relevance_label
        FROM candidates.merged AS merged
        SEMI JOIN (FROM intermediate.int_user_cutoffs WHERE is_target) AS targets USING (cutoff, user_id)
        LEFT JOIN intermediate.int_labels AS labels USING (cutoff, user_id, item_id)
        WHERE merged.cutoff = $cutoff ORDER BY user_id, item_id
        """,
        {"cutoff": cutoff},
    )


def write_training_frame(connection: duckdb.DuckDBPyConnection, frame: pl.DataFrame) -> int:
    """Store the frame; returns its number of rows."""
    return replace_table(connection, "ranking.training_frame", frame)


def read_training_frame(connection: duckdb.DuckDBPyConnection, cutoffs: list[str]) -> RankingFrame:
    """The stored rows of some cutoffs as one frame, each user of each cutoff a query of its own.

    Raises:
        AssertionError: a `qid` stands for more than one user of one cutoff, or two of them for the same one.
    """
    table = connection.sql(
        "SELECT * FROM ranking.training_frame WHERE list_contains($cutoffs, cutoff) ORDER BY qid, item_id",
        params={"cutoffs": cutoffs},
    ).pl()
    names = tuple(name for name in table.columns if name not in FIRST_COLUMNS)
    queries = table.group_by("cutoff", "qid", "user_id", maintain_order=True).len()
    if queries["qid"].n_unique() != len(queries) or queries.n_unique(["cutoff", "user_id"]) != len(queries):
        raise AssertionError("ranking.training_frame: a qid must stand for one user of one cutoff.")
    return RankingFrame(
        keys=table.select("user_id", "item_id", "relevance_label"),
        features=np.ascontiguousarray(table.select(names).to_numpy().astype(np.float32, copy=False)),
        feature_names=names,
        group=queries["len"].to_numpy().astype(np.int64),
    )
