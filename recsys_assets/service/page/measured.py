"""The quality report as tables whose numbers are drawn beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from recsys_assets.schema import ITEM_SEGMENTS, NO_LIST, RATING_METRICS, USER_SEGMENTS
from recsys_assets.service.page.charts import Bar, Plot, bars, plot_lines
from recsys_assets.serving.report_tables import DEFAULT_K, MAIN_METRICS, SEGMENT_METRICS, VERSUS_BEST
from recsys_assets.serving.reports import CandidateRecall, FeatureGain, ModelMetric, Report, SegmentMetric

UNION: Final = "union"  # of all sources, in candidate_report
SHOWN_FEATURES: Final = 25
LEAVE_LAST: Final = "leave_last"


@dataclass(frozen=True)
class Row:
    """A row of a table: its name, whether it stands out, a drawing of its first number, and the texts of its cells."""

    name: str
    is_main: bool
    bar: Bar | None
    cells: list[str]


@dataclass(frozen=True)
class Table:
    """A table; `columns` are the names of the cells, without the first column and the drawing."""

    caption: str
    first: str
    columns: list[str]
    rows: list[Row]


@dataclass(frozen=True)
class ReportView:
    """What the page of the report shows; a table is None where nothing of it was measured."""

    models: Table | None
    versus_best: list[str]
    is_hopeful: bool
    ratings: Table | None
    segments: Table | None
    sources: Table | None
    recall: Plot | None
    features: Table | None


def view_report(report: Report, importance: Sequence[FeatureGain]) -> ReportView:
    """Put a report into tables."""
    method = report.manifest.method
    ks = sorted({row.k for row in report.models if row.k != NO_LIST})
    k = DEFAULT_K if DEFAULT_K in ks else ks[0] if ks else NO_LIST
    lists = [row for row in report.models if row.k == k and row.metric not in RATING_METRICS]
    ratings = [row for row in report.models if row.metric in RATING_METRICS]
    return ReportView(
        models=_models(lists, MAIN_METRICS, method, f"Models on the last events held out, first {k} places"),
        versus_best=[
            f"{row.model} less the best of the others, NDCG@{row.k}: {row.value:+.4f} (95 % interval {_interval(row)})"
            for row in lists
            if row.metric == VERSUS_BEST
        ],
        is_hopeful=any(row.split == LEAVE_LAST for row in report.models),
        ratings=_models(
            ratings, RATING_METRICS, method, "Predicted ratings: errors, lower is better", lower_is_better=True
        ),
        segments=_segments(report.segments, method),
        sources=_sources(report.candidates),
        recall=_recall(report.candidates),
        features=_features(importance),
    )


def _models(
    rows: Sequence[ModelMetric], metrics: Sequence[str], method: str, caption: str, lower_is_better: bool = False
) -> Table | None:
    """Models, the best by the first metric first."""
    by_model: dict[str, dict[str, ModelMetric]] = {}
    for row in rows:
        by_model.setdefault(row.model, {})[row.metric] = row
    shown = {model: found for model, found in by_model.items() if metrics[0] in found}
    if not shown:
        return None
    sign = 1 if lower_is_better else -1
    order = sorted(shown, key=lambda model: (sign * shown[model][metrics[0]].value, model))
    firsts = [shown[model][metrics[0]] for model in order]
    drawn = bars([row.value for row in firsts], [(row.ci_low, row.ci_high) for row in firsts])
    there = [name for name in metrics if any(name in found for found in shown.values())]
    return Table(
        caption,
        "model",
        [there[0], "95 % interval", *there[1:], "users"],
        [
            Row(
                model,
                model == method,
                bar,
                [
                    f"{first.value:.4f}",
                    _interval(first),
                    *(f"{shown[model][name].value:.4f}" if name in shown[model] else "" for name in there[1:]),
                    f"{first.n_users:,}",
                ],
            )
            for model, first, bar in zip(order, firsts, drawn, strict=True)
        ],
    )


def _segments(rows: Sequence[SegmentMetric], method: str) -> Table | None:
    """The published method on each segment of users and of items."""
    found = {(row.metric, row.segment): row for row in rows if row.model == method}
    order = [(metric, name) for metric in SEGMENT_METRICS for name in (*USER_SEGMENTS, *ITEM_SEGMENTS)]
    shown = [found[key] for key in order if key in found]
    if not shown:
        return None
    drawn = bars([row.value for row in shown], [(row.ci_low, row.ci_high) for row in shown])
    return Table(
        f"{method} by how active users are, and how popular items are",
        "segment",
        ["measured", "value", "95 % interval", "size"],
        [
            Row(
                f"{row.segment} {'users' if row.metric == 'ndcg' else 'items'}",
                False,
                bar,
                [
                    f"{SEGMENT_METRICS[row.metric]}@{row.k}",
                    f"{row.value:.4f}",
                    f"{row.ci_low:.4f} to {row.ci_high:.4f}",
                    f"{row.min_events:,} to {row.max_events:,} {'events' if row.metric == 'ndcg' else 'users'}",
                ],
            )
            for row, bar in zip(shown, drawn, strict=True)
        ],
    )


def _by_source(rows: Sequence[CandidateRecall]) -> dict[str, dict[int, CandidateRecall]]:
    """Source -> n -> its row, the source that brings most first."""
    found: dict[str, dict[int, CandidateRecall]] = {}
    for row in rows:
        found.setdefault(row.source, {})[row.n] = row
    return dict(sorted(found.items(), key=lambda pair: (-max(row.recall for row in pair[1].values()), pair[0])))


def _sources(rows: Sequence[CandidateRecall]) -> Table | None:
    if not rows:
        return None
    sources, ns = _by_source(rows), sorted({row.n for row in rows})
    longest = {source: found[max(found)] for source, found in sources.items()}
    drawn = bars([row.recall for row in longest.values()])
    return Table(
        "What the candidate sources bring: recall of their first places (the drawing: of the longest lists)",
        "source",
        [*(f"first {n}" for n in ns), "found by no other"],
        [
            Row(
                source,
                source == UNION,
                bar,
                [
                    *(f"{found[n].recall:.4f}" if n in found else "" for n in ns),
                    _share(longest[source].share_unique),
                ],
            )
            for (source, found), bar in zip(sources.items(), drawn, strict=True)
        ],
    )


def _recall(rows: Sequence[CandidateRecall]) -> Plot | None:
    lines: Mapping[str, dict[int, float]] = {
        source: {n: row.recall for n, row in found.items()} for source, found in _by_source(rows).items()
    }
    return plot_lines(lines, UNION) if lines else None


def _features(importance: Sequence[FeatureGain]) -> Table | None:
    shown = importance[:SHOWN_FEATURES]
    total = sum(row.gain for row in importance) or 1.0
    if not shown:
        return None
    return Table(
        f"What the ranker splits on: the first {len(shown)} of {len(importance)} features",
        "feature",
        ["share of gain", "splits"],
        [
            Row(row.feature, False, bar, [f"{row.gain / total:.1%}", f"{row.splits:,}"])
            for row, bar in zip(shown, bars([row.gain for row in shown]), strict=True)
        ],
    )


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _interval(row: ModelMetric) -> str:
    return "" if row.ci_low is None or row.ci_high is None else f"{row.ci_low:.4f} to {row.ci_high:.4f}"
