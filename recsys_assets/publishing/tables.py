"""The tables of a bundle's recsys.duckdb, from those of the warehouse."""

from pathlib import Path
from typing import Final

import duckdb

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.publishing.history import earlier_builds
from recsys_assets.publishing.manifest import BuildInfo
from recsys_assets.schema import FEATURE_TABLES, LIVE_CUTOFF, OUTPUT_KEYS, OUTPUT_TABLES
from recsys_assets.warehouse import count_rows

# DuckDB 1.2 and later read it; a file of DuckDB 2's own format only DuckDB 2 does
STORAGE_VERSION: Final = "v1.2.0"

# published table -> table of the warehouse
WAREHOUSE_TABLES: Final = {
    "recommendations": "publishing.recommendations",
    "similar_items": "publishing.similar_items",
    "trending_items": "publishing.trending_items",
    "user_features": "features.user_features",
    "item_features": "features.item_features",
    "model_report": "evaluation.model_report",
    "segment_report": "evaluation.segment_report",
    "candidate_report": "evaluation.candidate_report",
    "feature_importance": "evaluation.feature_importance",
}

# Beyond the contract, for `recsys trace`: published table -> where its rows come from, if that table is there.
TRACE_TABLES: Final = {
    "recommendation_features": (
        "publishing.recommendation_features",
        "SELECT * FROM publishing.recommendation_features",
    ),
    "recommendation_candidates": (
        "candidates.merged",
        f"""SELECT * EXCLUDE (cutoff) FROM candidates.merged WHERE cutoff = '{LIVE_CUTOFF}'
            AND (user_id, item_id) IN (SELECT (user_id, item_id) FROM publishing.recommendations)""",
    ),
}


def write_tables(
    config: Config, connection: duckdb.DuckDBPyConnection, build: BuildInfo, database: Path
) -> dict[str, int]:
    """Write every table of the output contract, each sorted by its key, into the new file `database`.

    Returns:
        Table -> rows.

    Raises:
        RecsysError: the warehouse lacks a table or a column.
    """
    quoted = str(database).replace("'", "''")
    ((keeps_order,),) = connection.execute("SELECT current_setting('preserve_insertion_order')").fetchall()
    connection.execute(f"ATTACH '{quoted}' AS bundle (STORAGE_VERSION '{STORAGE_VERSION}')")
    try:
        # the order of the rows on disk is part of what is published; the warehouse's connections switch this off
        connection.execute("SET preserve_insertion_order = true")
        row_counts = {table: _copy_table(connection, build, table) for table in WAREHOUSE_TABLES}
        for table, (source, query) in TRACE_TABLES.items():
            if _columns(connection, source):
                connection.execute(f"CREATE TABLE bundle.{table} AS {query} ORDER BY user_id, item_id")
                row_counts[table] = _count(connection, table)
        row_counts["builds"] = _write_builds(config, connection, build, row_counts)
        connection.execute("CHECKPOINT bundle")
    finally:
        connection.execute(f"SET preserve_insertion_order = {keeps_order}")
        connection.execute("DETACH bundle")
    return row_counts


def _copy_table(connection: duckdb.DuckDBPyConnection, build: BuildInfo, table: str) -> int:
    source = WAREHOUSE_TABLES[table]
    there = _columns(connection, source)
    if not there:
        raise RecsysError(f"The warehouse has no table {source} to publish: run `recsys build`.")
    stamps = {"build_id": build.build_id, "model_version": build.model_version} if table == "recommendations" else {}
    columns = list(OUTPUT_TABLES[table])
    if missing := [name for name, _ in columns if name not in there and name not in stamps]:
        raise RecsysError(f"Table {source} of the warehouse lacks {', '.join(missing)}: run `recsys build`.")
    if table in FEATURE_TABLES:
        fixed = {name for name, _ in columns} | {"cutoff"}
        columns += [(name, kind) for name, kind in there.items() if name not in fixed]
    declared = ", ".join(f'"{name}" {kind}' for name, kind in columns)
    values = {name: f"${name}" if name in stamps else f'"{name}"' for name, _ in columns}
    selected = ", ".join(f'CAST({values[name]} AS {kind}) AS "{name}"' for name, kind in columns)
    where = f"WHERE cutoff = '{LIVE_CUTOFF}'" if table in FEATURE_TABLES else ""
    order = ", ".join(f"{name} NULLS FIRST" for name in OUTPUT_KEYS[table])
    connection.execute(f"CREATE TABLE bundle.{table} ({declared})")
    connection.execute(f"INSERT INTO bundle.{table} SELECT {selected} FROM {source} {where} ORDER BY {order}", stamps)
    return _count(connection, table)


def _write_builds(
    config: Config, connection: duckdb.DuckDBPyConnection, build: BuildInfo, row_counts: dict[str, int]
) -> int:
    columns = OUTPUT_TABLES["builds"]
    earlier = earlier_builds(config)
    own = {**vars(build), "row_counts": row_counts | {"builds": len(earlier) + 1}}
    connection.execute(f"CREATE TABLE bundle.builds ({', '.join(f'{name} {kind}' for name, kind in columns)})")
    for row in [*earlier, tuple(own[name] for name, _ in columns)]:
        connection.execute(f"INSERT INTO bundle.builds VALUES ({', '.join('?' * len(columns))})", row)
    return _count(connection, "builds")


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Column -> type of a table of the warehouse; empty if there is no such table."""
    rows = connection.execute(
        """SELECT column_name, data_type FROM duckdb_columns()
           WHERE database_name = current_database() AND schema_name || '.' || table_name = ? ORDER BY column_index""",
        [table],
    ).fetchall()
    return dict(rows)


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return count_rows(connection, f"bundle.{table}")
