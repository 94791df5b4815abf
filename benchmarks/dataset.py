"""A folder of events, items and users, as `recsys load` takes it: what the benchmark reads of it."""

import hashlib
import shutil
from pathlib import Path

import duckdb

from recsys_assets.errors import RecsysError

COLUMNS = {"user_id": "VARCHAR", "item_id": "VARCHAR", "event_type": "VARCHAR", "value": "DOUBLE", "ts": "TIMESTAMP"}
DESCRIPTIONS = ("items", "users")  # they go along uncut; impressions stay behind, for they would show the future
READERS = {
    ".parquet": "read_parquet({files}, union_by_name = true)",
    ".csv": "read_csv({files}, header = true, all_varchar = true, union_by_name = true)",
    ".jsonl": "read_json({files}, format = 'newline_delimited', union_by_name = true)",
}


def find_files(folder: Path, table: str) -> list[Path]:
    """The files of a table of the folder, sorted: `events.parquet`, `events.csv.gz`, or those of a folder `events/`."""
    places = [*folder.glob(f"{table}.*"), *folder.glob(f"{table}/*")]
    return sorted(path for path in places if path.is_file() and _kind(path) in READERS)


def read_events(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Fill the table `events` with every event that has a user, an item and a time, in `COLUMNS`; times are UTC.

    A time or value that cannot be read counts as none.

    Raises:
        RecsysError: the folder has no events, or files of more than one format, or a required column is missing.
    """
    files = find_files(folder, "events")
    kinds = {_kind(path) for path in files}
    if len(kinds) != 1:
        has = ", ".join(sorted(kinds)) or "none"
        raise RecsysError(f"{folder} needs events in one format (.parquet, .csv or .jsonl, also .gz), and has {has}.")
    reader = READERS[kinds.pop()].format(files="$files")
    parameters = {"files": [str(path) for path in files]}
    try:
        connection.execute("SET TimeZone = 'UTC'")
        names = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {reader}", parameters).fetchall()}
        for required in ("user_id", "item_id", "ts"):
            if required not in names:
                raise RecsysError(f"The events in {folder} have no column {required}, which a benchmark needs.")
        columns = [
            f"try_cast({name if name in names else 'NULL'} AS {kind}) AS {name}" for name, kind in COLUMNS.items()
        ]
        connection.execute(
            f"""CREATE TABLE events AS SELECT * FROM (SELECT {", ".join(columns)} FROM {reader})
            WHERE user_id IS NOT NULL AND item_id IS NOT NULL AND ts IS NOT NULL""",
            parameters,
        )
    except duckdb.Error as error:
        raise RecsysError(f"The events in {folder} cannot be read: {str(error).splitlines()[0]}") from error


def copy_descriptions(folder: Path, to: Path) -> None:
    """Copy items and users as they are."""
    for table in DESCRIPTIONS:
        for path in find_files(folder, table):
            target = to / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def fingerprint(folder: Path) -> str:
    """12 hex digits that change with any byte or name of the events, items and users."""
    digest = hashlib.sha256()
    for table in ("events", *DESCRIPTIONS):
        for path in find_files(folder, table):
            digest.update(str(path.relative_to(folder)).encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def _kind(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix
