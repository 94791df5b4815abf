"""Lists, histories, traces and bundles as a person reads them in a terminal."""

import math
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from recsys_assets.publishing.manifest import DATABASE_FILE, Manifest
from recsys_assets.publishing.switch import CURRENT_LINK
from recsys_assets.serving.console import make_table
from recsys_assets.serving.history import History
from recsys_assets.serving.lists import RecommendationList, SimilarList
from recsys_assets.serving.trace import Trace
from recsys_assets.sources.forgotten import Forgotten
from recsys_assets.sources.report import IngestReport
from recsys_assets.upkeep.forget_certificate import Certificate
from recsys_assets.upkeep.health import HealthRow, State, show_moment, sort_for_reading
from recsys_assets.upkeep.verify import Finding

SHOWN_FEATURES = 12


def show_ingest(report: IngestReport) -> list[RenderableType]:
    """What a load took in, file by file, and why rows were rejected."""
    table = make_table(
        "Loaded", ["table", "file", "read", "accepted", "rejected", ""], ("read", "accepted", "rejected")
    )
    for file in report.files:
        counts = ("", "", "") if file.already_loaded else (file.rows_read, file.rows_accepted, file.rows_rejected)
        cells = [f"{count:,}" if isinstance(count, int) else count for count in counts]
        table.add_row(file.table, file.file_name, *cells, "is loaded already" if file.already_loaded else "")
    reasons = [Text(f"rejected in {one.table}: {one.reason} ({one.rows:,} rows)") for one in report.reasons]
    if reasons:
        reasons.append(Text("Each rejected row is in raw.rejected_rows, with file, line and reason."))
    if report.rows_left_out:
        reasons.append(Text(f"{report.rows_left_out:,} rows of forgotten users were left out."))
    return [*_noted(report.damage), table, *reasons]


def show_recommendations(found: RecommendationList, *, explain: bool = False) -> list[RenderableType]:
    """A user's list with reasons; with `explain`, scores, sources and evidence too."""
    first = found.rows[0]
    heading = f"{first.surface} for user {first.user_id}"
    if first.as_of is not None:
        heading += f", from what was known on {_moment(first.as_of)}"
    columns = ["#", "item", "title", "why"] + (["score", "proposed by", "evidence"] if explain else [])
    table = make_table(heading, columns, right=("#", "score"))
    for row in found.rows:
        cells = [str(row.rank), row.item_id, row.title or "", row.reason or ""]
        if explain:
            cells += [f"{row.score:.4f}", ", ".join(row.candidate_sources), row.evidence_item_id or ""]
        table.add_row(*cells)
    return [*_noted(found.note), table]


def show_similar(found: SimilarList, item_id: str) -> list[RenderableType]:
    """Items similar to one."""
    table = make_table(
        f"Similar to {item_id} {found.title or ''}".rstrip(), ["#", "item", "title", "score"], ("#", "score")
    )
    for row in found.rows:
        table.add_row(str(row.rank), row.similar_item_id, row.title or "", f"{row.score:.4f}")
    return [*_noted(found.note), *([table] if found.rows else [])]


def show_history(history: History, heading: str) -> list[RenderableType]:
    """Events, the latest first, or why they are not shown."""
    if not history.events:
        return [_dim(history.note or "There are no events.")]
    table = make_table(heading, ["when", "item", "title", "event", "value", "from"], ("value",))
    for event in history.events:
        value = "" if event.value is None else f"{event.value:g}"
        origin = f"{event.file_name}:{event.line}"
        table.add_row(_moment(event.ts), event.item_id, event.title or "", event.event_type, value, origin)
    return [table]


def show_builds(
    builds: Iterable[Manifest], damaged: dict[str, str], current: str | None, forgotten: Forgotten
) -> list[RenderableType]:
    """The bundles, the newest first, the current one marked, and which learnt from users who were forgotten."""
    flags = []
    table = make_table(
        "Published bundles", ["build", "created (UTC)", "model", "method", "gate", "rows", ""], ("rows",)
    )
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
        if (flag := forgotten.describe_flag(manifest.model_version)) is not None:
            flags.append(f"{manifest.build_id}: {flag}")
    return [table, *(Text(sentence) for sentence in (*damaged.values(), *flags))]


def show_findings(findings: Iterable[Finding]) -> list[RenderableType]:
    """What `recsys verify` found, faults marked and with what to do."""
    table = make_table("What is there", ["", "of", "found", "what to do"])
    for finding in findings:
        table.add_row("FAULT" if finding.remedy else "ok", finding.subject, finding.fact, finding.remedy)
    return [table]


def show_certificate(path: Path, certificate: Certificate) -> list[str]:
    """What an erasure did and could not do."""
    n_rows, n_places = sum(certificate.removed.values()), len(certificate.removed)
    lines = [f"Erased: {n_rows:,} rows in {n_places:,} places. Certificate: {path}"]
    if certificate.models_to_train_anew:
        lines.append("Models may have learnt from what is erased: run `recsys build` to train without it.")
    if certificate.backups:
        lines.append(f"Backups that may still hold it: {len(certificate.backups):,}; the certificate lists them.")
    if certificate.mentions:
        lines.append(f"Rows of others still name the user, in: {', '.join(certificate.mentions)}.")
    return lines


def show_health(rows: list[HealthRow]) -> list[RenderableType]:
    """What is stale and waits for what, a line for all assets of a layer that wait for the same; fresh ones counted."""
    if all(row.made_at is None for row in rows):
        return [Text("Nothing is made yet: run `recsys load DIR` and `recsys build`.")]
    alike: dict[tuple[str, ...], list[HealthRow]] = {}
    for row in sort_for_reading(rows):
        if row.state in (State.MISSING, State.STALE):
            layer = row.asset.split("/")[0]
            alike.setdefault((layer, row.state, row.waits_for, row.what_next), []).append(row)
    n_fresh = sum(row.state is State.FRESH for row in rows)
    fresh = Text(f"{n_fresh} assets are made from all there is.")
    if not alike:
        return [fresh]
    table = make_table("What is not up to date", ["asset", "", "stale since (UTC)", "waits for", "what next"])
    for (layer, state, waits_for, what_next), found in alike.items():
        name = found[0].asset if len(found) == 1 else f"{layer}: {len(found)} assets"
        since = min((row.stale_since for row in found if row.stale_since), default=None)
        table.add_row(name, state, show_moment(since), waits_for, what_next)
    return [table, fresh]


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
        origins = make_table("Proposed by", ["source", "rank", "score"], ("rank", "score"))
        for origin in trace.candidates:
            origins.add_row(origin.source, str(origin.rank), f"{origin.score:.6g}")
        shown.append(origins)
    if trace.features:
        heading = f"What counted most, of {len(trace.features)} features (contribution to the score over the average)"
        features = make_table(heading, ["feature", "value", "contribution"], ("value", "contribution"))
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
  make serve                           the API and a page at http://localhost:8000: users, their lists, and why
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


def _noted(note: str | None) -> list[RenderableType]:
    return [] if note is None else [_dim(note)]


def _dim(sentence: str) -> Text:
    return Text(sentence, style="yellow")


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
