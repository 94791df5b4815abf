"""Metadata that every table's materialisation carries."""

import base64
from typing import Any

import dagster as dg
import duckdb

from recsys_assets.warehouse import count_rows


def describe_table(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, Any]:
    """Row count and column schema of `schema.table`, under Dagster's own keys."""
    columns = connection.execute(f"DESCRIBE {table}").fetchall()
    return {
        "dagster/row_count": count_rows(connection, table),
        "dagster/table_name": table,
        "dagster/column_schema": dg.TableSchema([dg.TableColumn(name, kind) for name, kind, *_ in columns]),
    }


def plot(png: bytes) -> dg.MarkdownMetadataValue:
    """A picture as metadata that the Dagster UI shows in place."""
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{base64.b64encode(png).decode()})")
