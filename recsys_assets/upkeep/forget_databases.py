"""DuckDB files without the rows of forgotten users: written anew, since a deleted row leaves its bytes in the file."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import hash_file, sync_file, sync_folder
from recsys_assets.publishing.tables import STORAGE_VERSION
from recsys_assets.sources.contract import TABLES
from recsys_assets.sources.cutting import Cut
from recsys_assets.sources.forgotten import Forgotten
from recsys_assets.sources.landing import ingest_file
from recsys_assets.sources.landing_area import LandedFile
from recsys_assets.sources.raw_tables import LedgerEntry
from recsys_assets.warehouse import open_warehouse

ERASED: Final = "erased"  # the database in the making
EVENT_KEY: Final = "event_key"
RAW: Final = "raw"


@dataclass(frozen=True)
class RewrittenFile:
    """A landed file, and the copy aside that takes its place.

    Attributes:
        landed: as it lies in the landing folder.
        cut: what is left out of the copy.
        copy: where the copy lies now.
        file_id: the copy's SHA-256 (hex).
        file_name: the copy's own; see `Forgotten.clean_name`.
        path: where the copy will lie; None if a file of the same content lies there already.
    """

    landed: LandedFile
    cut: Cut
    copy: Path
    file_id: str
    file_name: str
    path: Path | None


def list_user_tables(connection: duckdb.DuckDBPyConnection, database: str) -> list[str]:
    """Every `schema.table` of a database that has a column `user_id`."""
    rows = connection.execute(
        """SELECT schema_name || '.' || table_name FROM duckdb_tables() SEMI JOIN (
               SELECT table_oid FROM duckdb_columns() WHERE database_name = $database AND column_name = 'user_id'
           ) USING (table_oid) WHERE database_name = $database ORDER BY ALL""",
        {"database": database},
    ).fetchall()
    return [table for (table,) in rows]


def find_forgotten_users(connection: duckdb.DuckDBPyConnection, database: str, forgotten: Forgotten) -> list[str]:
    """Ids of forgotten users that any table still has."""
    tables = list_user_tables(connection, database)
    users = " UNION ".join(f"SELECT user_id::VARCHAR AS user_id FROM {database}.{table}" for table in tables)
    rows = connection.execute(users).fetchall() if tables else []
    return sorted(user_id for (user_id,) in rows if user_id is not None and forgotten.holds(user_id))


def count_rows_of(connection: duckdb.DuckDBPyConnection, database: str, users: list[str]) -> dict[str, int]:
    """`schema.table` -> rows of these users, where there are any."""
    counts = {}
    for table in list_user_tables(connection, database) if users else ():
        ((counts[table],),) = connection.execute(
            f"SELECT count(*) FROM {database}.{table} WHERE user_id::VARCHAR IN (SELECT unnest(?))", [users]
        ).fetchall()
    return {table: n_rows for table, n_rows in counts.items() if n_rows}


def rewrite_bundle_database(source: Path, target: Path, forgotten: Forgotten) -> None:
    """Write a bundle's database without the rows of forgotten users; all others' stay in their order."""
    old, new = (str(path).replace("'", "''") for path in (source, target))
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{old}' AS bundle (READ_ONLY)")
        connection.execute(f"ATTACH '{new}' AS {ERASED} (STORAGE_VERSION '{STORAGE_VERSION}')")
        connection.execute(f"COPY FROM DATABASE bundle TO {ERASED} (SCHEMA)")
        _copy_rows(connection, "bundle", find_forgotten_users(connection, "bundle", forgotten))
        connection.execute(f"CHECKPOINT {ERASED}")
        connection.execute(f"DETACH {ERASED}")


def rewrite_warehouse(config: Config, forgotten: Forgotten, rewritten: Mapping[Path, RewrittenFile]) -> None:
    """Replace the warehouse, in one step, by one without forgotten users.

    `raw` is loaded anew from the files as they will lie there, in the order and as of the times in which they were
    loaded: just what a warehouse would hold that never saw the user. All other tables are copied; where they name an
    event by its key, by the new one.

    Args:
        config: where the home is.
        forgotten: who goes.
        rewritten: landed file -> what takes its place.
    """
    aside = config.warehouse_path.with_name(f".{config.warehouse_path.name}.{ERASED}")
    remove_database(aside)
    quoted = str(aside).replace("'", "''")
    with open_warehouse(config) as connection:  # nobody else has it until it is replaced
        ((warehouse,),) = connection.execute("SELECT current_database()").fetchall()
        connection.execute("CHECKPOINT")
        connection.execute("SET preserve_insertion_order = true")
        connection.execute(f"ATTACH '{quoted}' AS {ERASED}")
        connection.execute(f"COPY FROM DATABASE {warehouse} TO {ERASED} (SCHEMA)")
        connection.execute(f"USE {ERASED}")
        for landed, entry, loaded_at in _plan_loading(config, connection, warehouse, rewritten):
            ingest_file(connection, config, landed, entry, loaded_at)
        _map_event_keys(connection, warehouse, rewritten.values())
        _copy_rows(connection, warehouse, find_forgotten_users(connection, warehouse, forgotten))
        connection.execute(f"USE {warehouse}")
        connection.execute(f"CHECKPOINT {ERASED}")
        connection.execute(f"DETACH {ERASED}")
        sync_file(aside)
        os.replace(aside, config.warehouse_path)
        sync_folder(config.home)


def remove_database(path: Path) -> None:
    """Remove a DuckDB file and what DuckDB puts beside it."""
    for name in (path, path.with_name(f"{path.name}.wal")):
        name.unlink(missing_ok=True)


def _plan_loading(
    config: Config,
    connection: duckdb.DuckDBPyConnection,
    warehouse: str,
    rewritten: Mapping[Path, RewrittenFile],
) -> list[tuple[LandedFile, LedgerEntry, datetime]]:
    """What is to be loaded, from where, and as of when, in the order of the ledger."""
    by_path = {path: one for one in rewritten.values() for path in (one.landed.path, one.path) if path is not None}
    columns = "file_id, table_name, file_name, landed_path, size_bytes, loaded_at"
    plan: dict[str, tuple[LandedFile, LedgerEntry, datetime]] = {}
    for *described, loaded_at in connection.execute(
        f"SELECT {columns} FROM {warehouse}.raw.files ORDER BY load_number"
    ).fetchall():
        entry = LedgerEntry(*described)
        path = config.home / entry.landed_path
        one = by_path.get(path)
        if one is None:
            landed = LandedFile(TABLES[entry.table_name], entry.file_name, path)
        elif one.path is None:
            continue
        else:
            landed = LandedFile(one.landed.table, one.file_name, one.copy)
            relative = one.path.relative_to(config.home).as_posix()
            size = one.copy.stat().st_size
            entry = LedgerEntry(one.file_id, entry.table_name, one.file_name, relative, size)
        if not landed.path.exists():
            raise RecsysError(f"Landed file {landed.path} is gone: restore it from a backup (see `recsys verify`).")
        plan.setdefault(entry.landed_path, (landed, entry, loaded_at))  # of two with the same content the first
    return list(plan.values())


def _map_event_keys(connection: duckdb.DuckDBPyConnection, warehouse: str, rewritten: Iterable[RewrittenFile]) -> None:
    """Fill the temporary table `event_keys` (old_key, new_key): an event's key is of its file and line."""
    connection.execute("CREATE OR REPLACE TEMP TABLE event_keys (old_key VARCHAR, new_key VARCHAR)")
    ((n_staged,),) = connection.execute(
        "SELECT count(*) FROM duckdb_views() WHERE database_name = ? AND view_name = 'stg_raw__events'", [warehouse]
    ).fetchall()
    lines = [
        (hash_file(one.landed.path), one.file_id, first, gone)
        for one in rewritten
        for first, gone in [(0, 0), *zip((end for _, end in one.cut.ranges), _count_lines(one.cut), strict=True)]
    ]
    if not n_staged or not lines:
        return
    names = ("old_file", "new_file", "from_line", "gone")
    connection.register("moved", pa.table(dict(zip(names, map(list, zip(*lines, strict=True)), strict=True))))
    connection.execute(
        f"""INSERT INTO event_keys SELECT old.event_key, new.event_key
        FROM {warehouse}.staging.stg_raw__events AS old
        ASOF JOIN moved ON old.file_id = moved.old_file AND old.line >= moved.from_line
        JOIN {ERASED}.staging.stg_raw__events AS new
            ON new.file_id = moved.new_file AND new.line = old.line - moved.gone"""
    )
    connection.unregister("moved")


def _count_lines(cut: Cut) -> list[int]:
    """How many lines are gone up to the end of each range."""
    return list(accumulate(end - first for first, end in cut.ranges))


def _copy_rows(connection: duckdb.DuckDBPyConnection, source: str, users: list[str]) -> None:
    """Fill the tables of the database in the making, those of `raw` aside, from the same of another."""
    has_users = set(list_user_tables(connection, source))
    tables = connection.execute(
        """SELECT schema_name, table_name, list(column_name ORDER BY column_index) FROM duckdb_columns()
        SEMI JOIN (SELECT table_oid FROM duckdb_tables() WHERE database_name = $source) USING (table_oid)
        WHERE database_name = $source AND schema_name <> $raw GROUP BY ALL ORDER BY ALL""",
        {"source": source, "raw": RAW},
    ).fetchall()
    for schema, name, columns in tables:
        table = f"{schema}.{name}"
        stays = "user_id IS NULL OR user_id::VARCHAR NOT IN (SELECT unnest($users))" if table in has_users else "true"
        rows = f"SELECT * FROM {source}.{table} WHERE {stays}"
        if EVENT_KEY in columns:
            rows = f"""SELECT rows.* REPLACE (coalesce(new_key, {EVENT_KEY}) AS {EVENT_KEY})
                FROM ({rows}) AS rows LEFT JOIN event_keys ON old_key = {EVENT_KEY}"""
        connection.execute(f"INSERT INTO {ERASED}.{table} {rows}", {"users": users} if table in has_users else {})
