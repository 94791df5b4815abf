"""`evaluation.backtest` and `evaluation.backtest_differences`: origin by origin and over all, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys_assets.backtesting.lists import PUBLISHED, read_published_method
from recsys_assets.backtesting.plan import OriginFolder, Plan
from recsys_assets.config import Config
from recsys_assets.evaluation.bootstrap import Interval, interval_of, resample_means
from recsys_assets.evaluation.metrics import METRICS
from recsys_assets.evaluation.plots import plot_backtest
from recsys_assets.experiments.ablation_runs import replace_parquet
from recsys_assets.experiments.bench import K
from recsys_assets.files import replace_file
from recsys_assets.warehouse import replace_table, transaction

NDCG = "ndcg"
BACKTEST_SCHEMA = {
    "origin": pl.Date,
    "horizon_days": pl.Int64,
    "model": pl.String,
    "metric": pl.String,
    "k": pl.Int64,
    "value": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "n_users": pl.Int64,
    "method": pl.String,
}
DIFFERENCES_SCHEMA = {
    "origin": pl.Date,
    "horizon_days": pl.Int64,
    "versus": pl.String,
    "k": pl.Int64,
    "difference": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "n_users": pl.Int64,
    "is_best_baseline": pl.Boolean,
}


@dataclass(frozen=True)
class Backtest:
    """Both tables.

    Attributes:
        table: one row per origin (NULL: over all), model, metric and k (BACKTEST_SCHEMA). `n_users` counts users with a
            relevant item; over all each counts once, however many origins she is in. `method` is what was published.
        differences: one row per origin (NULL: over all), other model and k (DIFFERENCES_SCHEMA): the NDCG of what was
            published minus that model's, with the interval of the paired difference. `is_best_baseline` marks the
            candidate source with the highest NDCG on these very users, so that comparison leans against us.
    """

    table: pl.DataFrame
    differences: pl.DataFrame


def build_backtest(
    judged: pl.DataFrame, methods: dict[date, str], baselines: Sequence[str], horizon_days: int, draws: int, seed: int
) -> Backtest:
    """Both tables of the origins in `methods`.

    Over all, every list that a judged user would have got counts the same: a user with lists at three origins three
    times. The resamples are of users, each with all her lists, since the lists of one user are alike.

    Args:
        judged: `origin` and the columns of JUDGED_SCHEMA.
        methods: origin -> what was published then.
        baselines: the candidate sources.
        horizon_days: copied into every row.
        draws: bootstrap resamples.
        seed: of the resamples.
    """
    rows: list[dict[str, object]] = []
    differences: list[dict[str, object]] = []
    for origin in [*sorted(methods), None]:
        part = judged if origin is None else judged.filter(pl.col("origin") == origin)
        for (k,), at_k in sorted(part.group_by("k")):
            shared = {"origin": origin, "horizon_days": horizon_days, "k": k}
            shared["n_users"] = at_k["user_id"].n_unique()
            models = sorted(set(at_k["model"]))
            values = {model: _by_user(at_k.filter(pl.col("model") == model)) for model in models}
            for model, (sums, counts) in values.items():
                method = methods.get(origin) if origin is not None and model == PUBLISHED else None
                for metric, interval in zip(METRICS, _intervals(sums, counts, draws, seed), strict=True):
                    rows.append(
                        shared | _named(interval, "value") | {"model": model, "metric": metric, "method": method}
                    )
            place = METRICS.index(NDCG)
            ours = values[PUBLISHED][0][:, [place]]
            means = {model: float(sums[:, place].sum()) for model, (sums, _) in values.items() if model in baselines}
            best = min(means, key=lambda model: (-means[model], model), default=None)
            for model, (sums, counts) in values.items():
                if model != PUBLISHED:
                    (interval,) = _intervals(ours - sums[:, [place]], counts, draws, seed)
                    differences.append(
                        shared | _named(interval, "difference") | {"versus": model, "is_best_baseline": model == best}
                    )
    return Backtest(
        pl.DataFrame(rows, BACKTEST_SCHEMA).sort("origin", "model", "metric", "k", nulls_last=True),
        pl.DataFrame(differences, DIFFERENCES_SCHEMA).sort("origin", "k", "versus", nulls_last=True),
    )


def read_backtest(config: Config, plans: Sequence[Plan]) -> Backtest:
    """Both tables of finished origins of one horizon, from what is kept in their folders."""
    folders = {plan.origin: OriginFolder(config, plan.origin) for plan in plans}
    frames = [
        pl.read_parquet(folder.judged).select(pl.lit(origin).alias("origin"), pl.all())
        for origin, folder in folders.items()
    ]
    return build_backtest(
        pl.concat(frames),
        {origin: read_published_method(folder.lists) for origin, folder in folders.items()},
        config.candidates.sources,
        plans[0].horizon_days,
        config.evaluation.bootstrap_draws,
        config.seed,
    )


def write_backtest(connection: duckdb.DuckDBPyConnection, backtest: Backtest) -> None:
    """Replace both tables."""
    with transaction(connection):
        replace_table(connection, "evaluation.backtest", backtest.table)
        replace_table(connection, "evaluation.backtest_differences", backtest.differences)


def write_report(config: Config, backtest: Backtest) -> Path:
    """Write `reports/backtest.parquet`, `backtest_differences.parquet` and `backtest.png`; returns the first path."""
    path = config.reports_path / "backtest.parquet"
    replace_parquet(path, backtest.table)
    replace_parquet(path.with_stem("backtest_differences"), backtest.differences)
    replace_file(path.with_suffix(".png"), plot_backtest(backtest.table, backtest.differences))
    return path


def describe_origin(config: Config, plan: Plan) -> str:
    """A finished origin in a few words."""
    summaries = summarize(read_backtest(config, [plan]))
    if summaries.is_empty():
        return "nobody has relevant items in the horizon, so there is nothing to judge by"
    summary = summaries.row(0, named=True)
    return (
        f"{summary['method']} published, NDCG@{K} {summary['ndcg']:.4f} against {summary['best_ndcg']:.4f} of "
        f"{summary['best']}, {summary['n_users']:,} users"
    )


def summarize(backtest: Backtest) -> pl.DataFrame:
    """One row per origin, the row over all last: what was published, beside the best single source, at K.

    Columns: origin, method, n_users, ndcg, ci_low, ci_high, best, best_ndcg, difference, difference_low,
    difference_high.
    """
    ndcg = backtest.table.filter(pl.col("metric") == NDCG, pl.col("k") == K)
    best = backtest.differences.filter(pl.col("is_best_baseline"), pl.col("k") == K).select(
        "origin", "difference", best="versus", difference_low="ci_low", difference_high="ci_high"
    )
    return (
        ndcg.filter(pl.col("model") == PUBLISHED)
        .select("origin", "method", "n_users", "ci_low", "ci_high", ndcg="value")
        .join(best, on="origin", nulls_equal=True)
        .join(ndcg.select("origin", best="model", best_ndcg="value"), on=["origin", "best"], nulls_equal=True)
        .sort("origin", nulls_last=True)
    )


def _by_user(lists: pl.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of one model's lists, a row a user in the order of user_id: the sums of each metric, and how many lists."""
    by_user = lists.group_by("user_id").agg(pl.col(*METRICS).sum(), pl.len().alias("n_lists")).sort("user_id")
    return by_user.select(METRICS).to_numpy(), by_user["n_lists"].to_numpy().astype(np.float64)


def _intervals(sums: NDArray[np.float64], counts: NDArray[np.float64], draws: int, seed: int) -> list[Interval]:
    """Means over lists, with intervals over users: of each resample, the sum of its values over its number of lists."""
    means = resample_means(np.column_stack([sums, counts]), draws, seed)
    ratios = means[:, :-1] / means[:, -1:]
    return [interval_of(ratio[0], ratio[1:]) for ratio in ratios.T]


def _named(interval: Interval, name: str) -> dict[str, object]:
    return {name: interval.mean, "ci_low": interval.low, "ci_high": interval.high}
