"""The quality report as a person reads it in a terminal."""

import math
from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from recsys_assets.errors import RecsysError
from recsys_assets.publishing.manifest import Manifest
from recsys_assets.schema import ITEM_SEGMENTS, NO_LIST, RATING_METRICS, USER_SEGMENTS
from recsys_assets.serving.console import make_table
from recsys_assets.serving.reports import CandidateRecall, ModelMetric, Report, SegmentMetric

MAIN_METRICS = ("ndcg", "recall", "hit_rate", "mrr", "map", "coverage")
SEGMENT_METRICS = {"ndcg": "ndcg", "recall": "recall", "exposure": "share of the list"}
VERSUS_BEST = "ndcg_minus_best_baseline"
DEFAULT_K = 10


def show_report(report: Report, metric: str | None = None, k: int | None = None) -> list[RenderableType]:
    """Models by NDCG, the published one marked (or by one other metric), recall of the sources, the gate's decision.

    Raises:
        RecsysError: the report has no such metric or k.
    """
    gate = "passed" if report.manifest.gate_passed else "not passed"
    decision = Text(f"Published: {report.manifest.method}. Gate {gate}: {report.manifest.gate_decision}")
    if not report.models:
        return [Text("Nothing was measured: at the test cutoff nobody has a relevant item to find."), decision]
    metrics = sorted({row.metric for row in report.models})
    if metric is not None and metric not in metrics:
        raise RecsysError(f"The report has no metric '{metric}'; there are: {', '.join(metrics)}.")
    ks = sorted({row.k for row in report.models if metric == row.metric or (metric is None and row.k != NO_LIST)})
    if not ks:
        return [_ratings(report.models, RATING_METRICS), *_split_warning(report.models[0].split), decision]
    k = k if k is not None else DEFAULT_K if DEFAULT_K in ks else ks[0]
    if k not in ks:
        raise RecsysError(f"The report has no k = {k}; there are: {', '.join(map(str, ks))}.")
    if metric in RATING_METRICS:
        return [_ratings(report.models, (metric,)), *_split_warning(report.models[0].split)]
    rows = [row for row in report.models if row.k == k]
    table = _models(rows, report.manifest, MAIN_METRICS if metric is None else (metric,), k)
    shown: list[RenderableType] = [table, *_split_warning(rows[0].split)]
    shown += [
        Text(f"{row.model} - best other, NDCG@{k}: {row.value:+.4f} (95 % interval {_interval(row)})")
        for row in rows
        if row.metric == VERSUS_BEST and metric is None
    ]
    if metric is not None:
        return shown
    if any(row.metric in RATING_METRICS for row in report.models):
        shown.append(_ratings(report.models, RATING_METRICS))
    if report.segments:
        shown.append(_segments(report.segments, report.manifest.method))
    return [*shown, _candidates(report.candidates), decision]


def _models(rows: Sequence[ModelMetric], manifest: Manifest, metrics: Sequence[str], k: int) -> Table:
    by_model: dict[str, dict[str, ModelMetric]] = {}
    for row in rows:
        by_model.setdefault(row.model, {})[row.metric] = row
    sort_by = metrics[0]
    ranked = sorted(by_model, key=lambda model: (-_value(by_model[model].get(sort_by)), model))
    shown = [name for name in metrics if any(name in found for found in by_model.values())]
    columns = ["model", shown[0], "95 % interval", *shown[1:], "users"]
    table = make_table(f"Models on the {rows[0].cutoff} cutoff, k = {k}", columns, columns[1:])
    for model in ranked:
        found = by_model[model]
        if sort_by not in found:
            continue
        name, style = (f"{model} (published)", "bold") if model == manifest.method else (model, "")
        first = found[sort_by]
        others = [f"{found[name].value:.4f}" if name in found else "" for name in shown[1:]]
        table.add_row(name, f"{first.value:.4f}", _interval(first), *others, f"{first.n_users:,}", style=style)
    return table


def _ratings(rows: Sequence[ModelMetric], metrics: Sequence[str]) -> Table:
    by_model: dict[str, dict[str, ModelMetric]] = {}
    for row in rows:
        if row.metric in metrics:
            by_model.setdefault(row.model, {})[row.metric] = row
    columns = ["model", metrics[0], "95 % interval", *metrics[1:], "users"]
    table = make_table("Predicted ratings: errors, lower is better", columns, columns[1:])
    for model in sorted(by_model, key=lambda model: (by_model[model][metrics[0]].value, model)):
        first = by_model[model][metrics[0]]
        others = [f"{by_model[model][name].value:.4f}" for name in metrics[1:]]
        table.add_row(model, f"{first.value:.4f}", _interval(first), *others, f"{first.n_users:,}")
    return table


def _segments(rows: Sequence[SegmentMetric], method: str) -> Table:
    """The published method beside plain popularity on each segment of users and of items."""
    models = list(dict.fromkeys((method, "popular")))
    found = {(row.metric, row.segment, row.model): row for row in rows}
    columns = ["of", "segment", "measured", *models, "95 % interval"]
    table = make_table("By segment: how active users are, how popular items are", columns, columns[3:])
    for metric, measured in SEGMENT_METRICS.items():
        for segment in (*USER_SEGMENTS, *ITEM_SEGMENTS):
            row = found.get((metric, segment, method))
            if row is None:
                continue
            what = "users with {} events" if metric == "ndcg" else "items with {} users"
            sizes = (
                f"{row.min_events:,}"
                if row.min_events == row.max_events
                else f"{row.min_events:,} to {row.max_events:,}"
            )
            others = [found.get((metric, segment, model)) for model in models]
            table.add_row(
                what.format(sizes),
                segment,
                f"{measured}@{row.k}",
                *("" if other is None else f"{other.value:.4f}" for other in others),
                f"{row.ci_low:.4f} to {row.ci_high:.4f}",
            )
    return table


def _candidates(rows: Sequence[CandidateRecall]) -> Table:
    ns = sorted({row.n for row in rows})
    by_source: dict[str, dict[int, CandidateRecall]] = {}
    for row in rows:
        by_source.setdefault(row.source, {})[row.n] = row
    columns = ["source", *(f"recall@{n}" for n in ns), "found by no other", "mean length"]
    table = make_table("What the sources bring to the ranker (the last two columns: whole lists)", columns, columns[1:])
    for source in sorted(
        by_source, key=lambda source: (-max(row.recall for row in by_source[source].values()), source)
    ):
        found = by_source[source]
        longest = found[max(found)]
        recalls = [f"{found[n].recall:.4f}" if n in found else "" for n in ns]
        unique = "" if longest.share_unique is None else f"{longest.share_unique:.1%}"
        table.add_row(source, *recalls, unique, f"{longest.mean_candidates:.1f}")
    return table


def _split_warning(split: str) -> list[RenderableType]:
    if split != "leave_last":
        return []
    return [
        Text(
            "Split leave_last: each user's last events are held out, so what others did later is visible: too hopeful."
        )
    ]


def _value(row: ModelMetric | None) -> float:
    return -math.inf if row is None else row.value


def _interval(row: ModelMetric) -> str:
    return "" if row.ci_low is None or row.ci_high is None else f"{row.ci_low:.4f} to {row.ci_high:.4f}"
