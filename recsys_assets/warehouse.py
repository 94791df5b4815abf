"""The one place that opens the warehouse."""

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from recsys_assets.config import Config
from recsys_assets.errors import DamagedError, RecsysError, StorageError, explain_full_disk

LOCK_WAIT_SECONDS = 600.0
# what DuckDB says of a file that is not what it wrote; a file of another version of it, say, is none of them
_DAMAGE = ("Corrupt", "Could not read enough bytes", "not a valid DuckDB database", "Failure while replaying WAL")


@contextmanager
def open_warehouse(
    config: Config, *, read_only: bool = False, wait_seconds: float = LOCK_WAIT_SECONDS
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the warehouse, closed at the end of the block.

    DuckDB lets one process at a time hold the file, so this waits while another does.

    Raises:
        RecsysError: it is missing (read_only), or still held after `wait_seconds`.
        DamagedError: it is damaged. If this could have written, it is set aside under a name that says so, and the next
            `ingest_landed` makes it anew.
        StorageError: the disk is full.
    """
    path = config.warehouse_path
    if read_only and not path.exists():
        raise RecsysError(f"There is no warehouse at {path} yet: run `recsys load DIR` and `recsys build` first.")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(_connect(path, read_only, wait_seconds)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"SET threads = {config.threads}")
            connection.execute("SET memory_limit = ?", [config.warehouse.memory_limit])
            connection.execute("SET preserve_insertion_order = false")
            connection.execute("SET enable_progress_bar = false")
            yield connection
    except duckdb.Error as error:
        if full_disk := explain_full_disk(str(error)):
            raise StorageError(full_disk) from error
        if _tells_of_damage(error):
            demand_sound(config, set_aside=not read_only)
        raise


def _connect(path: Path, read_only: bool, wait_seconds: float) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return duckdb.connect(str(path), read_only=read_only)
        except duckdb.IOException as error:
            if _tells_of_damage(error) or explain_full_disk(str(error)):
                raise
            if "lock" not in str(error).lower():
                raise RecsysError(f"The warehouse {path} cannot be opened: {_first_line(error)}.") from error
            if time.monotonic() > deadline:
                raise RecsysError(f"Another process holds the warehouse {path}: {_first_line(error)}") from None
            time.sleep(0.2)


def demand_sound(config: Config, *, set_aside: bool) -> None:
    """Read the warehouse to its end.

    Args:
        config: where it is.
        set_aside: rename it if it is damaged, to `warehouse.duckdb.damaged-<time>`: nothing is deleted.

    Raises:
        DamagedError: it is damaged.
        RecsysError: it cannot be opened for another reason.
    """
    damage = find_damage(config)
    if damage is None:
        return
    path = config.warehouse_path
    fact = f"The warehouse {path} is damaged ({damage})"
    remedy = "run `recsys build`, which makes it anew from the landed files"
    if not set_aside:
        raise DamagedError(fact, f"move it away and {remedy}")
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    for ending in (".wal", ""):  # the log first: it must not meet a new warehouse
        if (found := path.with_name(path.name + ending)).exists():
            os.replace(found, aside.with_name(aside.name + ending))
    raise DamagedError(f"{fact} and is kept as {aside.name}", remedy)


def find_damage(config: Config) -> str | None:
    """What DuckDB says when it reads every table to its end; None if they are sound, or if there is no warehouse."""
    if not config.warehouse_path.exists():
        return None
    try:
        with closing(_connect(config.warehouse_path, read_only=True, wait_seconds=LOCK_WAIT_SECONDS)) as connection:
            tables = connection.execute("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
            for schema, table in tables:
                connection.execute(f'SELECT bit_xor(hash(held)) FROM "{schema}"."{table}" AS held').fetchall()
    except duckdb.Error as error:
        if _tells_of_damage(error):
            return _first_line(error)
        raise
    return None


def _tells_of_damage(error: duckdb.Error) -> bool:
    return any(words in str(error) for words in _DAMAGE)


def _first_line(error: duckdb.Error) -> str:
    return str(error).splitlines()[0].rstrip(".!")


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


def has_table(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether there is a table or view of this name, `schema.name`."""
    # to the last row: with a result that is not read to its end the connection does nothing else
    found = connection.execute(
        "SELECT count(*) FROM duckdb_columns() WHERE database_name = current_database() "
        "AND schema_name || '.' || table_name = ?",
        [table],
    ).fetchall()
    return found != [(0,)]
