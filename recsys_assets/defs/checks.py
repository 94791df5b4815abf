"""Asset checks: facts that must hold, named as such. dbt's tests are checks too, without being listed here."""

from collections.abc import Iterator

import dagster as dg

from recsys_assets.defs.resources import Settings
from recsys_assets.evaluation.leak_proof import prove_no_future_features
from recsys_assets.publishing.gate import judge

CHECKED_BEFORE_PUBLISHING = dg.AssetKey(["publishing", "recommendations"])


@dg.asset_check(asset=dg.AssetKey(["raw", "files"]), description="Every row that was read is accepted or rejected.")
def accepted_and_rejected_is_read(settings: Settings) -> dg.AssetCheckResult:
    """The ledger adds up, and agrees with the tables."""
    with settings.warehouse() as (_, connection):
        rows = connection.execute(
            """
            SELECT file_name, rows_read, rows_accepted, rows_rejected FROM raw.files
            LEFT JOIN (SELECT file_id, count(*) AS n FROM raw.rejected_rows GROUP BY 1) AS rejected USING (file_id)
            WHERE rows_accepted + rows_rejected <> rows_read OR rows_rejected <> coalesce(n, 0)
            """
        ).fetchall()
    return dg.AssetCheckResult(passed=not rows, metadata={"files_that_do_not_add_up": str(rows[:20])})


@dg.asset_check(
    asset=dg.AssetKey(["evaluation", "candidate_report"]),
    description="The merged candidates hold more of what users went on to choose than any single source does.",
)
def candidate_recall_above_best_source(settings: Settings) -> dg.AssetCheckResult:
    """First-stage recall in union against each source's, at the sources' length."""
    with settings.warehouse() as (_, connection):
        ((union, best),) = connection.execute(
            """
            SELECT coalesce(max(recall) FILTER (source = 'union'), 0),
                   coalesce(max(recall) FILTER (source <> 'union'), 0)
            FROM evaluation.candidate_report
            """
        ).fetchall()
    return dg.AssetCheckResult(
        passed=union >= best, severity=dg.AssetCheckSeverity.WARN, metadata={"union": union, "best_source": best}
    )


@dg.asset_check(
    asset=CHECKED_BEFORE_PUBLISHING,
    blocking=True,
    description="The method is the best on validation, and every list keeps the rules; else nothing is published.",
)
def gate_passed(settings: Settings) -> dg.AssetCheckResult:
    """The gate before the bundle."""
    with settings.warehouse() as (config, connection):
        verdict = judge(connection, config)
    return dg.AssetCheckResult(passed=verdict.passed, metadata={"decision": verdict.decision, "method": verdict.method})


@dg.multi_asset_check(
    name="leak_proof",
    specs=[
        dg.AssetCheckSpec(
            "no_future_features",
            asset=dg.AssetKey(["features", "user_item_features"]),
            description=(
                "Scrambling everything after the validation cutoff changes no history, feature or candidate of it. "
                "Rebuilds that cutoff in a folder of its own, so it is off unless evaluation.prove_no_leak is true."
            ),
        )
    ],
    can_subset=True,  # so that it may say nothing: a check that is off must not look passed
)
def no_future_features(settings: Settings) -> Iterator[dg.AssetCheckResult]:
    """The leak proof, on this very warehouse."""
    config = settings.config()
    if not config.evaluation.prove_no_leak:
        return
    from recsys_assets.defs.runner import rebuild_features

    differences = prove_no_future_features(config, "validation", rebuild_features)
    yield dg.AssetCheckResult(
        check_name="no_future_features",
        asset_key=["features", "user_item_features"],
        passed=not differences,
        metadata={"differences": str([vars(difference) for difference in differences])},
    )


asset_checks = [
    accepted_and_rejected_is_read,
    candidate_recall_above_best_source,
    gate_passed,
    no_future_features,
]
