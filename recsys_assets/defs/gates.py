"""Gates between new files and the published lists, as asset checks; `gates` in the configuration says what each does.

Every one is blocking for Dagster, which stops what is downstream if it fails with ERROR; where `warn` is configured it
fails with WARN.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import dagster as dg
import duckdb

from recsys_assets.config import Config
from recsys_assets.defs.resources import Settings
from recsys_assets.evaluation.feature_drift import find_drifted
from recsys_assets.publishing.list_churn import find_wholesale_change
from recsys_assets.sources.batch_gates import judge_batches
from recsys_assets.sources.batches import read_batches
from recsys_assets.warehouse import read_frame

FILES = dg.AssetKey(["raw", "files"])
DRIFT = dg.AssetKey(["evaluation", "feature_drift"])
CHURN = dg.AssetKey(["evaluation", "list_churn"])
BATCH_GATES = {
    "items_known_as_before": (
        "Each batch's events are on items of the catalogue as often as those before: it is no other shop's file."
    ),
    "batches_keep_their_columns": "No column that was filled in the batches before is empty in a later one.",
    "event_types_as_before": "No usual event type is missing from a batch, and none is new that has no worth.",
    "batch_sizes_as_usual": "No batch is far smaller or larger than is usual for its table.",
    "rejected_share_below_limit": "In each batch, few rows were rejected.",
}


BATCH_GATE_SPECS = [
    dg.AssetCheckSpec(name, asset=FILES, description=description, blocking=True)
    for name, description in BATCH_GATES.items()
]


def report_batches(
    connection: duckdb.DuckDBPyConnection, config: Config, selected: Collection[dg.AssetCheckKey]
) -> Iterator[dg.AssetCheckResult]:
    """Every batch that nobody accepted, held against those of its table before it.

    The step that loads the files yields this itself, and so fails where a batch blocks. Checks in a step of their own
    would stop nothing: Dagster exempts a step that tests its sources, as dbt's does, from the blocking checks on them.
    """
    batches = read_batches(connection, config)
    judged = judge_batches(batches, config)
    for name in BATCH_GATES:
        if dg.AssetCheckKey(FILES, name) in selected:
            faults = [finding.sentence for finding in judged[name]]
            yield from _report(config, FILES, name, faults, {"batches": len(batches)})


def _report(
    config: Config,
    asset: dg.AssetKey,
    name: str,
    faults: Sequence[str],
    metadata: dict[str, Any],
    *,
    may_block: bool = True,
) -> Iterator[dg.AssetCheckResult]:
    """The result of a gate; none where it is off, since a check that did not look must not seem passed."""
    action = getattr(config.gates, name)
    if action == "off":
        return
    yield dg.AssetCheckResult(
        check_name=name,
        asset_key=asset,
        passed=not faults,
        severity=dg.AssetCheckSeverity.ERROR if action == "block" and may_block else dg.AssetCheckSeverity.WARN,
        metadata=({"fault": "; and ".join(faults)} if faults else {}) | metadata,
    )


@dg.multi_asset_check(
    name="drift_gate",
    specs=[
        dg.AssetCheckSpec(
            "features_within_drift_limit",
            asset=DRIFT,
            description="No feature of live has moved far from what the ranker learnt from.",
            blocking=True,
        )
    ],
    can_subset=True,
)
def drift_gate(settings: Settings) -> Iterator[dg.AssetCheckResult]:
    """The features whose stability index is above the limit."""
    with settings.warehouse() as (config, connection):
        drift = read_frame(connection, "FROM evaluation.feature_drift ORDER BY psi DESC, feature")
    fault = find_drifted(drift, config.gates)
    yield from _report(config, DRIFT, "features_within_drift_limit", [fault] if fault else [], {"features": len(drift)})


@dg.multi_asset_check(
    name="churn_gate",
    specs=[
        dg.AssetCheckSpec(
            "lists_overlap_previous_bundle",
            asset=CHURN,
            description=(
                "Users keep some of their first ten items. Else nothing is published, unless much new data, other "
                "settings or another method explain it: then it warns."
            ),
            blocking=True,
        )
    ],
    can_subset=True,
)
def churn_gate(settings: Settings) -> Iterator[dg.AssetCheckResult]:
    """The lists against those of the bundle in use."""
    with settings.warehouse() as (config, connection):
        churn = read_frame(connection, "FROM evaluation.list_churn")
    fault, is_unexplained = find_wholesale_change(churn, config)
    figures = churn.row(0, named=True) if len(churn) else {}
    yield from _report(
        config,
        CHURN,
        "lists_overlap_previous_bundle",
        [fault] if fault else [],
        figures,
        may_block=is_unexplained,
    )


gate_checks = [drift_gate, churn_gate]
