"""Lists, reports and traces as a person reads them in a terminal."""

import math
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from recsys_assets.errors import RecsysError
from recsys_assets.publishing.manifest import DATABASE_FILE, Manifest
from recsys_assets.publishing.switch import CURRENT_LINK
from recsys_assets.schema import NO_LIST, RATING_METRICS
from recsys_assets.serving.history import History
from recsys_assets.serving.lists import RecommendationList, SimilarList
from recsys_assets.serving.reports import CandidateRecall, ModelMetric, Report, SegmentMetric
from recsys_assets.serving.trace import Trace
from recsys_assets.sources.report import IngestReport

MAIN_METRICS = ("ndcg", "recall", "hit_rate", "mrr", "map", "coverage")
SEGMENT_METRICS = {"ndcg": "ndcg", "recall": "recall", "exposure": "share of the list"}
SEGMENT_ORDER = ("new", "light", "medium", "heavy", "head", "middle", "tail")
VERSUS_BEST = "ndcg_minus_best_baseline"
DEFAULT_K = 10
SHOWN_FEATURES = 12
# a pipe has no width, and a row must not be cut there
PIPE_WIDTH = 200


def open_console() -> Console:
    """The console that commands print on; it takes titles as they are, square brackets and all."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(width=width, markup=False, highlight=False, emoji=False)


def show_ingest(report: IngestReport) -> list[RenderableType]:
    """What a load took in, file by file, and why rows were rejected."""
    table = _table("Loaded", ["table", "file", "read", "accepted", "rejected", ""], ("read", "accepted", "rejected"))
    for file in report.files:
        counts = ("", "", "") if file.already_loaded else (file.rows_read, file.rows_accepted, file.rows_rejected)
        cells = [f"{count:,}" if isinstance(count, int) else count for count in counts]
        table.add_row(file.table, file.file_name, *cells, "is loaded already" if file.already_loaded else "")
    reasons = [Text(f"rejected in {one.table}: {one.reason} ({one.rows:,} rows)") for one in report.reasons]
    if reasons:
        reasons.append(Text("Each rejected row is in raw.rejected_rows, with file, line and reason."))
    return [table, *reasons]


def show_recommendations(found: RecommendationList, *, explain: bool = False) -> list[RenderableType]:
    """A user's list with reasons; with `explain`, scores, sources and evidence too."""
    first = found.rows[0]
    heading = f"{first.surface} for user {first.user_id}"
    if first.as_of is not None:
        heading += f", from what was known on {_moment(first.as_of)}"
    columns = ["#", "item", "title", "why"] + (["score", "proposed by", "evidence"] if explain else [])
    table = _table(heading, columns, right=("#", "score"))
    for row in found.rows:
        cells = [str(row.rank), row.item_id, row.title or "", row.reason or ""]
        if explain:
            cells += [f"{row.score:.4f}", ", ".join(row.candidate_sources), row.evidence_item_id or ""]
        table.add_row(*cells)
    return [*_noted(found.note), table]


def show_similar(found: SimilarList, item_id: str) -> list[RenderableType]:
    """Items similar to one."""
    table = _table(
        f"Similar to {item_id} {found.title or ''}".rstrip(), ["#", "item", "title", "score"], ("#", "score")
    )
    for row in found.rows:
        table.add_row(str(row.rank), row.similar_item_id, row.title or "", f"{row.score:.4f}")
    return [*_noted(found.note), *([table] if found.rows else [])]


def show_history(history: History, heading: str) -> list[RenderableType]:
    """Events, the latest first, or why they are not shown."""
    if not history.events:
        return [_dim(history.note or "There are no events.")]
    table = _table(heading, ["when", "item", "title", "event", "value", "from"], ("value",))
    for event in history.events:
        value = "" if event.value is None else f"{event.value:g}"
        origin = f"{event.file_name}:{event.line}"
        table.add_row(_moment(event.ts), event.item_id, event.title or "", event.event_type, value, origin)
    return [table]


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
    table = _table(f"Models on the {rows[0].cutoff} cutoff, k = {k}", columns, columns[1:])
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
    table = _table("Predicted ratings: errors, lower is better", columns, columns[1:])
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
    table = _table("By segment: how active users are, how popular items are", columns, columns[3:])
    for metric, measured in SEGMENT_METRICS.items():
        for segment in SEGMENT_ORDER:
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
    table = _table("What the sources bring to the ranker (the last two columns: whole lists)", columns, columns[1:])
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


def show_builds(builds: Iterable[Manifest], damaged: dict[str, str], current: str | None) -> list[RenderableType]:
    """The bundles, the newest first, the current one marked."""
    table = _table("Published bundles", ["build", "created (UTC)", "model", "method", "gate", "rows", ""], ("rows",))
    for manifest in sorted(builds, key=lambda one: (one.created_at, one.build_id), reverse=True):
        table.add_row(
            manifest.build_id,
            f"{manifest.created_at:%Y-%m-%d %H:%M:%S}",
            manifest.model_version,
            manifest.method,
            "passed" if manifest.gate_passed else "not passed",
            f"{manifest.row_counts['recommendations']:,}",
            "current" if manifest.build_id == current else "",
        )
    return [table, *(Text(sentence) for sentence in damaged.values())]


def show_trace(trace: Trace) -> list[RenderableType]:
    """A published row, and everything behind it."""
    row, manifest = trace.row, trace.manifest
    facts = {
        "row": f"{row.surface} of user {row.user_id}, rank {row.rank}: {row.item_id} {row.title or ''}".rstrip(),
        "reason": f"{row.reason or ''}{f' (item {row.evidence_item_id})' if row.evidence_item_id else ''}",
        "score": f"{row.score!r}; {_reproduced(trace)}",
        "made by": f"{manifest.method}, model {row.model_version}, build {row.build_id}, code {manifest.git_sha}",
        "made from": f"inputs {manifest.input_fingerprint[:16]}, configuration {manifest.config_hash}, "
        f"seed {manifest.seed}",
        "known until": "" if row.as_of is None else _moment(row.as_of),
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, fact in facts.items():
        table.add_row(Text(name, style="dim"), fact)
    shown: list[RenderableType] = [table, *_noted(trace.note)]
    if trace.candidates:
        origins = _table("Proposed by", ["source", "rank", "score"], ("rank", "score"))
        for origin in trace.candidates:
            origins.add_row(origin.source, str(origin.rank), f"{origin.score:.6g}")
        shown.append(origins)
    if trace.features:
        heading = f"What counted most, of {len(trace.features)} features (contribution to the score over the average)"
        features = _table(heading, ["feature", "value", "contribution"], ("value", "contribution"))
        for one in trace.features[:SHOWN_FEATURES]:
            value = "missing" if math.isnan(one.value) else f"{one.value:.6g}"
            features.add_row(one.feature, value, f"{one.contribution:+.4f}")
        shown.append(features)
    shown += show_history(trace.evidence, f"Events on the item of the reason, {row.evidence_item_id}")
    return [*shown, *show_history(trace.last_events, "The user's last events")]


def show_next_steps(published: Path) -> Text:
    """What to do after a first build."""
    database = published / CURRENT_LINK / DATABASE_FILE
    return Text(
        f"""What to look at next
  make dev                             the Dagster UI at http://localhost:3000: every table, its lineage and checks
  .venv/bin/recsys recommend USER      a user's list; --explain adds scores, sources and evidence
  .venv/bin/recsys trace USER ITEM     from a row of a list back to the raw events behind it
  .venv/bin/recsys report              how good the lists are, against every baseline
  the tables, with any DuckDB from 1.2 on, read-only:
    duckdb.connect("{database}", read_only=True).sql("FROM recommendations")"""
    )


def _reproduced(trace: Trace) -> str:
    if trace.recomputed_score is None:
        return "not recomputed"
    if trace.is_reproduced:
        return "recomputed from the bundle: equal to the last bit"
    return f"recomputed from the bundle: {trace.recomputed_score!r}, which DIFFERS"


def _table(title: str, columns: Sequence[str], right: Sequence[str] = ()) -> Table:
    table = Table(title=Text(title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def _noted(note: str | None) -> list[RenderableType]:
    return [] if note is None else [_dim(note)]


def _dim(sentence: str) -> Text:
    return Text(sentence, style="yellow")


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _value(row: ModelMetric | None) -> float:
    return -math.inf if row is None else row.value


def _interval(row: ModelMetric) -> str:
    return "" if row.ci_low is None or row.ci_high is None else f"{row.ci_low:.4f} to {row.ci_high:.4f}"
