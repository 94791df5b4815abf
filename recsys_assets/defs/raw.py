"""raw.*: landed files into the warehouse."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from recsys_assets.defs.gates import BATCH_GATE_SPECS, report_batches
from recsys_assets.defs.metadata import describe_table
from recsys_assets.defs.resources import OWNERS, POOL, Settings
from recsys_assets.sources.inbox import take_inbox
from recsys_assets.sources.landing import ingest_landed

RAW_TABLES = {
    "files": "One row per landed file: its content hash, and how many rows were read, accepted and rejected.",
    "events": "One row per accepted event, as it came.",
    "items": "One row per accepted line on an item; the latest wins further on.",
    "users": "One row per accepted line on a user; the latest wins further on.",
    "impressions": "One row per item shown in a list.",
    "rejected_rows": "One row per row that could not be taken, with file, line, reason and the row itself.",
}


@dg.multi_asset(
    name="raw_tables",
    specs=[
        dg.AssetSpec(
            ["raw", table],
            description=description,
            group_name="raw",
            owners=OWNERS,
            kinds={"python", "duckdb"},
            skippable=True,
        )
        for table, description in RAW_TABLES.items()
    ],
    check_specs=BATCH_GATE_SPECS,
    can_subset=True,  # so that a gate that is off may say nothing
    pool=POOL,
)
def raw_tables(
    context: dg.AssetExecutionContext, settings: Settings
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Land what lies in the inbox, take in what is not in the ledger yet, and hold batches against those before."""
    config = settings.config()
    taken = take_inbox(config, datetime.now(UTC))
    for path, sentence in taken.refused:
        context.log.warning(f"refused, and kept as {path}: {sentence}")
    report = ingest_landed(config, datetime.now(UTC))
    if report.damage:
        context.log.warning(report.damage)
    context.log.info(f"took in {len(report.files)} new files")
    with settings.warehouse() as (_, connection):
        for table in RAW_TABLES:
            if dg.AssetKey(["raw", table]) in context.selected_asset_keys:
                yield dg.MaterializeResult(
                    asset_key=["raw", table], metadata=describe_table(connection, f"raw.{table}")
                )
        yield from report_batches(connection, config, context.selected_asset_check_keys)
