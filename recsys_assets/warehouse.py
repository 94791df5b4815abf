"""The one place that opens the warehouse."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import polars as pl

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError

LOCK_WAIT_SECONDS = 600.0


@contextmanager
def open_warehouse(
    config: Config, *, read_only: bool = False, wait_seconds: float = LOCK_WAIT_SECONDS
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the warehouse, closed at the end of the block.

    DuckDB lets one process at a time hold the file, so this waits while another does.

    Raises:
        RecsysError: it is missing (read_only), damaged, or still held after `wait_seconds`.
    """
    path = config.warehouse_path
    if read_only and not path.exists():
        raise RecsysError(f"There is no warehouse at {path} yet: run `recsys load DIR` and `recsys build` first.")
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            connection = duckdb.connect(str(path), read_only=read_only)
            break
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise RecsysError(f"The warehouse {path} cannot be opened: {str(error).splitlines()[0]}") from error
            if time.monotonic() > deadline:
                raise RecsysError(f"Another process holds the warehouse {path}: {str(error).splitlines()[0]}") from None
            time.sleep(0.2)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET threads = {config.threads}")
        connection.execute("SET memory_limit = ?", [config.warehouse.memory_limit])
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET enable_progress_bar = false")
        yield connection
    finally:
        connection.close()


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All of the block's statements, or none of them."""
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def replace_table(connection: duckdb.DuckDBPyConnection, table: str, frame: Any) -> int:
    """Write `frame` (polars or arrow) as `schema.table`, in one step; returns its number of rows."""
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.partition('.')[0]}")
    connection.register("frame_to_write", frame)
    try:
        connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM frame_to_write")
    finally:
        connection.unregister("frame_to_write")
    return count_rows(connection, table)


def read_frame(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, Any] | None = None
) -> pl.DataFrame:
    """The rows of a query."""
    frame: pl.DataFrame = connection.sql(query, params=parameters or {}).pl()
    return frame


def count_rows(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """The number of rows of a table."""
    ((n_rows,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(n_rows)
