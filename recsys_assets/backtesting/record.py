"""What the raw tables hold, by time: since when which file counts, and the rows that were there at an instant."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from recsys_assets.errors import RecsysError
from recsys_assets.sources.contract import ATTRIBUTES, TABLES, Kind, Table
from recsys_assets.warehouse import count_rows


@dataclass(frozen=True)
class Record:
    """All that was landed.

    Attributes:
        first_at: of the first event.
        last_at: of the last event.
        files: file id (of its content) -> its first row's time; None for catalogue files, whose rows have no time.
    """

    first_at: datetime
    last_at: datetime
    files: Mapping[str, datetime | None]

    def fingerprint(self, until: datetime) -> str:
        """SHA-256 (hex) over the files that hold rows before `until`, and those of the catalogue.

        A file with nothing but later rows changes nothing: with tomorrow's file landed, the past is the same.
        """
        ids = sorted(file for file, first_at in self.files.items() if first_at is None or first_at < until)
        return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def read_record(connection: duckdb.DuckDBPyConnection) -> Record:
    """Read it from `raw.*`.

    Raises:
        RecsysError: no event is loaded.
    """
    try:
        if not count_rows(connection, "raw.events"):
            raise RecsysError("No events are loaded: run `recsys load DIR` first.")
    except duckdb.CatalogException:
        raise RecsysError("Nothing is loaded: run `recsys load DIR` first.") from None
    ((first_at, last_at),) = connection.execute("SELECT min(ts), max(ts) FROM raw.events").fetchall()
    files: dict[str, datetime | None] = {}
    for table in TABLES.values():
        time = "min(ts)" if _time_column(table) else "NULL"
        rows = connection.execute(f"SELECT file_id, {time} FROM raw.{table.name} GROUP BY file_id").fetchall()
        files |= dict(rows)
    return Record(first_at, last_at, files)


def write_tables_before(
    connection: duckdb.DuckDBPyConnection, folder: Path, until: datetime, released_before: datetime
) -> None:
    """Write every table of the input contract, as Parquet that `load_folder` takes, into a new folder.

    Rows that have a time: those before `until`. Catalogue rows have none and are written as landed, except items that
    were released at `released_before` or later and that nobody touched before `until`: they were not there. The rows
    stand in the order of loading, so that of several on one item the same one wins as in the warehouse, and the bytes
    depend on nothing but the rows.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    parameters = {"until": until, "released_before": released_before}
    # one thread writes row groups of one size, whatever else the table holds
    settings = {name: _setting(connection, name) for name in ("threads", "preserve_insertion_order")}
    connection.execute("SET threads = 1; SET preserve_insertion_order = true")
    try:
        for table in TABLES.values():
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            query = (
                f"SELECT {columns}, {ATTRIBUTES} FROM raw.{table.name} AS rows "
                f"LEFT JOIN (SELECT file_id, load_number FROM raw.files) AS files USING (file_id) "
                f"WHERE {_condition(table)} ORDER BY load_number NULLS FIRST, line, file_id DESC"
            )
            used = {name: value for name, value in parameters.items() if f"${name}" in query}
            connection.execute(f"CREATE OR REPLACE TEMP TABLE rows_before AS {query}", used)
            if count_rows(connection, "rows_before"):
                path = str(folder / f"{table.name}.parquet").replace("'", "''")
                connection.execute(f"COPY rows_before TO '{path}' (FORMAT parquet)")
        connection.execute("DROP TABLE rows_before")
    finally:
        for name, value in settings.items():
            connection.execute(f"SET {name} = {value}")


def _condition(table: Table) -> str:
    if _time_column(table):
        return "rows.ts < $until"
    if table.name == "items":
        touched = "SELECT item_id FROM raw.events WHERE ts < $until"
        return f"rows.released_at IS NULL OR rows.released_at < $released_before OR rows.item_id IN ({touched})"
    return "true"


def _time_column(table: Table) -> bool:
    return any(column.kind is Kind.MOMENT for column in table.columns)


def _setting(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    ((value,),) = connection.execute(f"SELECT current_setting('{name}')").fetchall()
    return str(value)
