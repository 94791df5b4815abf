"""Batches: what was landed together, and which of them a person accepted as they are."""

from dataclasses import dataclass

import duckdb
import polars as pl

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import replace_file
from recsys_assets.sources.contract import TABLES, Kind, Table
from recsys_assets.sources.landing_area import list_landed
from recsys_assets.sources.raw_tables import REPEATED
from recsys_assets.warehouse import read_frame

# Columns that are never empty: whether a file had them cannot be seen in its rows.
_NEVER_EMPTY = (Kind.EVENT_TYPE, Kind.FLAG)


@dataclass(frozen=True)
class Batch:
    """The rows of one table in one landing.

    Attributes:
        name: the landing's time; see `LandedFile.batch`.
        table: name of the table.
        files: the files' names.
        is_accepted: whether a person accepted the landing as it is.
        n_rows: accepted rows.
        n_refused: rejected rows, without those that repeat an earlier row's id: exports may overlap.
        filled: column of the contract that may be empty -> rows with a value in it.
        event_types: event type -> rows; empty for other tables.
        n_known: rows with an item of the catalogue; None for other tables, and where there is no catalogue.
    """

    name: str
    table: str
    files: tuple[str, ...]
    is_accepted: bool
    n_rows: int
    n_refused: int
    filled: dict[str, int]
    event_types: dict[str, int]
    n_known: int | None


def read_batches(connection: duckdb.DuckDBPyConnection, config: Config) -> list[Batch]:
    """All loaded batches, by table and then in the order in which they were landed."""
    landings = pl.DataFrame(
        [(file.path.relative_to(config.home).as_posix(), file.batch) for file in list_landed(config)],
        schema={"landed_path": pl.String, "batch": pl.String},
        orient="row",
    )
    accepted = read_accepted(config)
    connection.register("landings", landings)
    try:
        return [batch for table in TABLES.values() for batch in _read_table(connection, table, accepted)]
    finally:
        connection.unregister("landings")


def read_accepted(config: Config) -> frozenset[str]:
    """The names of the accepted batches."""
    path = config.accepted_path
    return frozenset(path.read_text(encoding="utf-8").split()) if path.exists() else frozenset()


def accept_batch(config: Config, name: str) -> None:
    """Let a batch pass the gates as it is; those after it are compared with it, not with what was before.

    Raises:
        RecsysError: there is no such batch.
    """
    if name not in {file.batch for file in list_landed(config)}:
        raise RecsysError(f"There is no landed batch '{name}': `recsys batches` lists them.")
    names = sorted(read_accepted(config) | {name})
    replace_file(config.accepted_path, "".join(f"{name}\n" for name in names).encode())


def _read_table(connection: duckdb.DuckDBPyConnection, table: Table, accepted: frozenset[str]) -> list[Batch]:
    optional = [column for column in table.columns if not column.required and column.kind not in _NEVER_EMPTY]
    counts = [
        f'count(*) FILTER ({column.name} {"<> []" if column.kind is Kind.LIST else "IS NOT NULL"}) AS "{column.name}"'
        for column in optional
    ]
    files = f"""files AS (
        SELECT batch, file_id, file_name, rows_accepted, load_number
        FROM raw.files JOIN landings USING (landed_path) WHERE table_name = '{table.name}')"""
    filled = {
        batch: dict(zip([column.name for column in optional], counted, strict=True))
        for batch, *counted in connection.execute(
            f"""WITH {files} SELECT {", ".join(["batch", *counts])} FROM raw.{table.name} JOIN files USING (file_id)
            GROUP BY batch"""
        ).fetchall()
    }
    event_types: dict[str, dict[str, int]] = {}
    known: dict[str, int] = {}
    if table.name == "events":
        for batch, event_type, n_rows in connection.execute(
            f"""WITH {files} SELECT batch, event_type, count(*) FROM raw.events JOIN files USING (file_id)
            GROUP BY ALL ORDER BY ALL"""
        ).fetchall():
            event_types.setdefault(batch, {})[event_type] = n_rows
        known = dict(
            connection.execute(
                f"""WITH {files}, catalogue AS (SELECT DISTINCT item_id, true AS is_known FROM raw.items)
                SELECT batch, count(is_known) FROM raw.events JOIN files USING (file_id)
                LEFT JOIN catalogue USING (item_id)
                WHERE EXISTS (SELECT 1 FROM catalogue) GROUP BY batch"""
            ).fetchall()
        )
    totals = read_frame(
        connection,
        f"""WITH {files}, refused AS (
            SELECT file_id, count(*) AS n FROM raw.rejected_rows WHERE NOT contains(reason, $repeated) GROUP BY file_id)
        SELECT batch, list(file_name ORDER BY load_number) AS file_names, sum(rows_accepted)::BIGINT AS n_rows,
            sum(coalesce(refused.n, 0))::BIGINT AS n_refused
        FROM files LEFT JOIN refused USING (file_id) GROUP BY batch ORDER BY batch""",
        {"repeated": REPEATED},
    )
    return [
        Batch(
            name=row["batch"],
            table=table.name,
            files=tuple(row["file_names"]),
            is_accepted=row["batch"] in accepted,
            n_rows=row["n_rows"],
            n_refused=row["n_refused"],
            filled=filled.get(row["batch"], {}),
            event_types=event_types.get(row["batch"], {}),
            n_known=known.get(row["batch"]),
        )
        for row in totals.iter_rows(named=True)
    ]
