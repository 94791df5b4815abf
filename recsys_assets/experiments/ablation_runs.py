"""The trained rankers of an ablation, one row each, kept so that an interrupted one goes on where it stopped."""

from io import BytesIO
from pathlib import Path

import polars as pl

from recsys_assets.files import replace_file

RUNS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "fingerprint": pl.String,
    "plan": pl.String,
    "kind": pl.String,
    "left_out": pl.String,
    "seed": pl.Int64,
    "ndcg_by_user": pl.List(pl.Float64),
    "seconds": pl.Float64,
    "n_features": pl.Int64,
    "n_candidates": pl.Int64,
    "fit_seconds": pl.Float64,
}


def read_runs(path: Path, fingerprint: str) -> pl.DataFrame:
    """The runs of one build, in the order in which they were made.

    Columns of RUNS_SCHEMA: `plan` (JSON: the numbers of trees), `kind` (all, group, source), `left_out`,
    `seed`, `ndcg_by_user` (a value a judged user), `seconds` (CPU, training and scoring), `n_features` and
    `n_candidates` (of the validation cutoff) that were left, `fit_seconds` (CPU, for a source).
    """
    if not path.exists():
        return pl.DataFrame(schema=RUNS_SCHEMA)
    return pl.read_parquet(path).filter(pl.col("fingerprint") == fingerprint)


def write_runs(path: Path, runs: pl.DataFrame) -> None:
    """Replace the file in one step; runs of other builds go."""
    replace_parquet(path, runs)


def replace_parquet(path: Path, frame: pl.DataFrame) -> None:
    """Write a frame in one step."""
    content = BytesIO()
    frame.write_parquet(content)
    replace_file(path, content.getvalue())
