"""`model_report`: every model's lists against the labels of one cutoff, with intervals over users."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys_assets.evaluation.beyond import catalogue_coverage, per_user_diversity, per_user_novelty
from recsys_assets.evaluation.bootstrap import Interval, bootstrap_mean_intervals, bootstrap_paired_difference
from recsys_assets.evaluation.metrics import METRICS, per_user_metrics, relevant_items, top_of_lists

FloatArray = NDArray[np.float64]
REPORT_METRICS = (*METRICS, "coverage", "novelty", "intra_list_diversity")
VERSUS_BEST = "ndcg_minus_best_baseline"
MODEL_REPORT_SCHEMA = {
    "model": pl.String,
    "metric": pl.String,
    "k": pl.Int64,
    "value": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "n_users": pl.Int64,
    "cutoff": pl.String,
    "split": pl.String,
}


@dataclass(frozen=True)
class Row:
    """One row of the report, without the columns that all rows share."""

    model: str
    metric: str
    k: int
    value: float
    ci_low: float | None
    ci_high: float | None
    n_users: int


def build_model_report(
    lists: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    history_popularity: pl.DataFrame,
    items: pl.DataFrame,
    n_history_users: int,
    ks: Sequence[int],
    draws: int,
    seed: int,
    cutoff: str,
    split: str,
    ranker_name: str = "ranker",
    models: Sequence[str] = (),
) -> pl.DataFrame:
    """Evaluate every model on the same users: all that have a relevant item, with or without a list.

    Accuracy metrics are means over all these users. `coverage` is the share of the history's items that the lists hold
    (no interval: it is no mean over users). `novelty` (bits) and `intra_list_diversity` are means over the users for
    whom they exist, and `n_users` says how many; a model for which they exist for nobody has no such row. For the
    ranker, `ndcg_minus_best_baseline` is its NDCG minus that of the other model with the highest on these very users
    (so the comparison leans against the ranker), with the interval of the paired difference.

    Args:
        lists: `model`, `user_id`, `item_id`, `rank`.
        labels: `user_id`, `item_id`, perhaps `relevance_label`: the users to evaluate on, all of them.
        history_popularity: `item_id`, `n_users`: one row per item of the cutoff's history, which is the catalogue.
        items: `item_id`, `categories`, `creators`.
        n_history_users: users with any history at the cutoff.
        ks: lengths at which the lists are cut.
        draws: bootstrap resamples.
        seed: of the resamples.
        cutoff: name of the cutoff, copied into every row.
        split: `temporal` or `leave_last`, copied into every row.
        ranker_name: which model the paired row is for.
        models: names to report on even if they list nothing (they score 0); models found in `lists` come by themselves.

    Returns:
        One row per model, metric and k, sorted by them; columns of MODEL_REPORT_SCHEMA. Empty if nobody has labels.

    Raises:
        RecsysError: a k is below 1.
    """
    users = relevant_items(labels).select("user_id").unique()
    rows: list[Row] = []
    ndcg: dict[int, dict[str, FloatArray]] = {k: {} for k in ks}
    for model in sorted({*models, *lists["model"].unique()}) if len(users) else ():
        longest = top_of_lists(lists.filter(pl.col("model") == model), users, max(ks))
        per_user: dict[tuple[str, int], FloatArray] = {}
        for k in ks:
            top = longest.filter(pl.col("rank") <= k)
            scores = per_user_metrics(top, labels, k)
            beyond = (per_user_novelty(top, history_popularity, n_history_users), per_user_diversity(top, items))
            for frame in (scores, *beyond):
                per_user |= {(metric, k): frame[metric].to_numpy() for metric in frame.columns[1:] if len(frame)}
            ndcg[k][model] = per_user["ndcg", k]
            rows.append(Row(model, "coverage", k, catalogue_coverage(top, history_popularity), None, None, len(scores)))
        rows += _rows_with_intervals(model, per_user, draws, seed)
    for k, by_model in ndcg.items():
        others = {model: float(values.mean()) for model, values in by_model.items() if model != ranker_name}
        if ranker_name in by_model and others:
            best = min(others, key=lambda model: (-others[model], model))
            interval = bootstrap_paired_difference(by_model[ranker_name], by_model[best], draws, seed)
            rows.append(_row(ranker_name, VERSUS_BEST, k, interval, len(by_model[ranker_name])))
    report = pl.DataFrame([vars(row) | {"cutoff": cutoff, "split": split} for row in rows], schema=MODEL_REPORT_SCHEMA)
    return report.sort("model", "metric", "k")


def _rows_with_intervals(
    model: str, per_user: dict[tuple[str, int], FloatArray], draws: int, seed: int
) -> Iterator[Row]:
    """All columns over equally many users share one set of resamples, since drawing them is what takes the time."""
    for n_users in sorted({len(values) for values in per_user.values()}):
        names = [name for name, values in per_user.items() if len(values) == n_users]
        columns = np.column_stack([per_user[name] for name in names])
        for (metric, k), interval in zip(names, bootstrap_mean_intervals(columns, draws, seed), strict=True):
            yield _row(model, metric, k, interval, n_users)


def _row(model: str, metric: str, k: int, interval: Interval, n_users: int) -> Row:
    return Row(model, metric, k, interval.mean, interval.low, interval.high, n_users)
