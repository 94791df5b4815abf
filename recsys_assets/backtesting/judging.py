"""How good an origin's lists were: every model against what its users went on to choose in the horizon."""

import shutil
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import duckdb
import polars as pl

from recsys_assets.backtesting.lists import PUBLISHED, read_lists_of
from recsys_assets.backtesting.plan import KEY, OriginFolder, Plan, is_judged
from recsys_assets.config import Config
from recsys_assets.evaluation.metrics import METRICS, per_user_metrics, relevant_items
from recsys_assets.evaluation.model_lists import read_labels
from recsys_assets.experiments.bench import K
from recsys_assets.files import replace_file
from recsys_assets.schema import FUSION
from recsys_assets.sources.landing import load_folder
from recsys_assets.warehouse import open_warehouse

ORIGIN_CUTOFF = "origin"
JUDGED_SCHEMA = {
    "model": pl.String,
    "k": pl.Int64,
    "user_id": pl.String,
    **dict.fromkeys(METRICS, pl.Float64),
}


def judge_lists(config: Config, plan: Plan, label: Callable[[Path], None]) -> None:
    """Judge the origin's lists by its horizon and keep the figures; nothing if they are there.

    `judged.parquet` has one row per model, k and user with a relevant item in the horizon (JUDGED_SCHEMA): all of
    these users count, with or without a list. What is relevant is what the project's own models say
    (`intermediate.int_labels`) at a cutoff at the origin's instant with the horizon as its window, in a home that holds
    the events before the horizon's end and from which no list is made.

    Args:
        config: the configuration.
        plan: of the origin, whose lists are there and whose `future` folder is written.
        label: makes the intermediate layer in the home that it is given, from the cutoffs that are there.

    Raises:
        RecsysError: the labels could not be made.
    """
    folder = OriginFolder(config, plan.origin)
    if is_judged(config, plan):
        return
    home = config.model_copy(update={"home": folder.labels_home})
    shutil.rmtree(home.home, ignore_errors=True)
    load_folder(home, folder.future, plan.ends_at)
    with open_warehouse(home) as connection:
        write_origin_cutoff(connection, plan)
    label(home.home)
    with open_warehouse(home, read_only=True) as connection:
        labels = read_labels(connection, ORIGIN_CUTOFF)
        lists = read_lists_of(connection, folder.lists, relevant_items(labels).select("user_id").unique())
    models = [*config.candidates.sources, FUSION, PUBLISHED]
    judged = judge(lists, labels, models, sorted({*config.evaluation.ks, K}))
    content = BytesIO()
    judged.write_parquet(content, metadata={KEY: plan.judged_key})
    replace_file(folder.judged, content.getvalue())
    shutil.rmtree(folder.labels_home)
    shutil.rmtree(folder.future, ignore_errors=True)


def write_origin_cutoff(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Write `intermediate.int_cutoffs` with one row: the origin and its horizon, where otherwise the splits stand."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS intermediate")
    connection.execute(
        """
        CREATE OR REPLACE TABLE intermediate.int_cutoffs AS
        SELECT $cutoff AS cutoff, 'test' AS role, 'temporal' AS split, 'backtest' AS split_reason,
               1::BIGINT AS cutoff_number, $begins_at::TIMESTAMP AS visible_until, $ends_at::TIMESTAMP AS labels_until,
               $begins_at::TIMESTAMP AS as_of
        """,
        {"cutoff": ORIGIN_CUTOFF, "begins_at": plan.begins_at, "ends_at": plan.ends_at},
    )


def judge(lists: pl.DataFrame, labels: pl.DataFrame, models: Sequence[str], ks: Sequence[int]) -> pl.DataFrame:
    """One row per model, k and user with a relevant item, sorted (JUDGED_SCHEMA); `models` count even without lists."""
    frames = [pl.DataFrame(schema=JUDGED_SCHEMA)]
    for model in sorted({*models, *lists["model"].unique()}):
        shown = lists.filter(pl.col("model") == model)
        frames += [
            per_user_metrics(shown, labels, k).select(
                pl.lit(model).alias("model"), pl.lit(k, pl.Int64).alias("k"), "user_id", *METRICS
            )
            for k in ks
        ]
    return pl.concat(frames)
