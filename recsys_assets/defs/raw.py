"""raw.*: landed files into the warehouse."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from recsys_assets.defs.metadata import describe_table
from recsys_assets.defs.resources import OWNERS, POOL, Settings
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
            skippable=False,
        )
        for table, description in RAW_TABLES.items()
    ],
    pool=POOL,
)
def raw_tables(context: dg.AssetExecutionContext, settings: Settings) -> Iterator[dg.MaterializeResult]:
    """Take in every landed file that is not in the ledger yet."""
    config = settings.config()
    report = ingest_landed(config, datetime.now(UTC))
    context.log.info(f"took in {len(report.files)} new files")
    with settings.warehouse() as (_, connection):
        for table in RAW_TABLES:
            yield dg.MaterializeResult(asset_key=["raw", table], metadata=describe_table(connection, f"raw.{table}"))
