"""The tables of schema `raw`, and how one validated file enters them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import duckdb

from recsys_assets.sources.contract import ATTRIBUTES, TABLES, Table
from recsys_assets.sources.incoming import Incoming, quoted
from recsys_assets.sources.validation import VALIDATED
from recsys_assets.warehouse import count_rows, transaction

REPEATED: Final = " was first seen in "  # stands in the reason of a row whose id an earlier row has

_FILES: Final = """
    file_id VARCHAR, load_number BIGINT, table_name VARCHAR, file_name VARCHAR, landed_path VARCHAR, size_bytes BIGINT,
    rows_read BIGINT, rows_accepted BIGINT, rows_rejected BIGINT, loaded_at TIMESTAMP"""
_REJECTED_ROWS: Final = """
    file_id VARCHAR, file_name VARCHAR, table_name VARCHAR, line BIGINT, reason VARCHAR, row VARCHAR"""


@dataclass(frozen=True)
class LedgerEntry:
    """What `raw.files` says of a file, its counts aside.

    Attributes:
        file_id: sha256 of the content, in hex.
        table_name: the table of the contract.
        file_name: the name that it had before it was landed.
        landed_path: where it lies, relative to the home folder.
        size_bytes: of the file as it is, compressed or not.
    """

    file_id: str
    table_name: str
    file_name: str
    landed_path: str
    size_bytes: int


def create_raw_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of `raw` that are not there: those of the contract, `files` and `rejected_rows`."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS raw")
    for table in TABLES.values():
        columns = ", ".join(f'"{column.name}" {column.kind.sql_type}' for column in table.columns)
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS raw.{table.name} "
            f"({columns}, {ATTRIBUTES} VARCHAR, file_id VARCHAR, line BIGINT)"
        )
    connection.execute(f"CREATE TABLE IF NOT EXISTS raw.files ({_FILES})")
    connection.execute(f"CREATE TABLE IF NOT EXISTS raw.rejected_rows ({_REJECTED_ROWS})")


def refuse_repeated(connection: duckdb.DuckDBPyConnection, table: Table, file_name: str) -> None:
    """Refuse validated rows whose id in the table's unique column was seen before, in this file or an earlier one."""
    if (name := table.unique_column) is None:
        return
    connection.execute(
        f"""UPDATE {VALIDATED} AS repeated
        SET reason = '{name} ''' || repeated.{name} || '''{REPEATED}'
            || seen.file_name || ', line ' || seen.line
        FROM (
            SELECT {name}, min(age) AS age, arg_min(file_name, (age, line)) AS file_name,
                arg_min(line, (age, line)) AS line
            FROM (
                SELECT loaded.{name}, files.file_name, loaded.line, 0 AS age
                FROM raw.{table.name} AS loaded JOIN raw.files AS files ON files.file_id = loaded.file_id
                WHERE loaded.{name} IN (SELECT {name} FROM {VALIDATED} WHERE {name} IS NOT NULL)
                UNION ALL
                SELECT {name}, {quoted(file_name)}, line, 1
                FROM {VALIDATED} WHERE {name} IS NOT NULL AND reason IS NULL
            )
            GROUP BY {name}
        ) AS seen
        WHERE repeated.reason IS NULL AND repeated.{name} = seen.{name}
            AND (seen.age = 0 OR repeated.line > seen.line)"""
    )


def insert_validated(
    connection: duckdb.DuckDBPyConnection, table: Table, incoming: Incoming, entry: LedgerEntry, loaded_at: datetime
) -> tuple[int, int]:
    """Move the validated rows into `raw.*` and enter the file in the ledger; the caller holds a transaction.

    Returns:
        the number of accepted and of rejected rows.
    """
    n_read = count_rows(connection, VALIDATED)
    n_rejected = count_rows(connection, f"{VALIDATED} WHERE reason IS NOT NULL")
    connection.execute(
        f"INSERT INTO raw.{table.name} BY NAME "
        f"SELECT * EXCLUDE (reason), ? AS file_id FROM {VALIDATED} WHERE reason IS NULL ORDER BY line",
        [entry.file_id],
    )
    if n_rejected:
        connection.execute(
            f"""INSERT INTO raw.rejected_rows BY NAME
            SELECT ? AS file_id, ? AS file_name, ? AS table_name, line, reason, row_text AS row
            FROM (SELECT line, row_text FROM {incoming.relation})
            JOIN (SELECT line, reason FROM {VALIDATED} WHERE reason IS NOT NULL) USING (line) ORDER BY line""",
            [entry.file_id, entry.file_name, entry.table_name],
        )
    connection.execute(
        """INSERT INTO raw.files
        SELECT ?, coalesce(max(load_number), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ? FROM raw.files""",
        [
            entry.file_id,
            entry.table_name,
            entry.file_name,
            entry.landed_path,
            entry.size_bytes,
            n_read,
            n_read - n_rejected,
            n_rejected,
            loaded_at,
        ],
    )
    return n_read - n_rejected, n_rejected


def remove_files(connection: duckdb.DuckDBPyConnection, file_ids: list[str]) -> None:
    """Remove rows, rejected rows and ledger entries of files, in one transaction."""
    with transaction(connection):
        for table in (*TABLES, "rejected_rows", "files"):
            connection.execute(f"DELETE FROM raw.{table} WHERE file_id IN (SELECT unnest(?))", [file_ids])


def files_to_read_again(connection: duckdb.DuckDBPyConnection, file_ids: list[str]) -> list[str]:
    """Ids of the files that must be read again when those in `file_ids` go, in the order of loading.

    A row that was refused because a file that goes had its id first is the first one now. So the file with such a row,
    and all files of its table after it, are read again in their order; mostly there is none.
    """
    rows = connection.execute(
        """
        WITH gone AS (SELECT * FROM raw.files WHERE file_id IN (SELECT unnest($ids))),
        first_touched AS (
            SELECT files.table_name, min(files.load_number) AS load_number
            FROM raw.files AS files
            JOIN raw.rejected_rows AS refused USING (file_id)
            JOIN gone ON gone.table_name = files.table_name AND gone.load_number < files.load_number
                AND contains(refused.reason, $repeated || gone.file_name || ', line ')
            GROUP BY files.table_name
        )
        SELECT files.file_id FROM raw.files AS files
        JOIN first_touched ON first_touched.table_name = files.table_name
            AND first_touched.load_number <= files.load_number
        WHERE files.file_id NOT IN (SELECT unnest($ids))
        ORDER BY files.load_number
        """,
        {"ids": file_ids, "repeated": REPEATED},
    ).fetchall()
    return [file_id for (file_id,) in rows]
