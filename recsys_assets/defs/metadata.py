"""Metadata that every table's materialisation carries."""

import base64
from typing import Any

import dagster as dg
import duckdb
import polars as pl

from recsys_assets.warehouse import count_rows, replace_table


def describe_table(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, Any]:
    """Row count and column schema of `schema.table`, under Dagster's own keys."""
    columns = connection.execute(f"DESCRIBE {table}").fetchall()
    return {
        "dagster/row_count": count_rows(connection, table),
        "dagster/table_name": table,
        "dagster/column_schema": dg.TableSchema([dg.TableColumn(name, kind) for name, kind, *_ in columns]),
    }


def keep_table(connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> dict[str, Any]:
    """Write `schema.table` anew, and describe it."""
    replace_table(connection, table, frame)
    return describe_table(connection, table)


def plot(png: bytes) -> dg.MarkdownMetadataValue:
    """A picture as metadata that the Dagster UI shows in place."""
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{base64.b64encode(png).decode()})")
