"""`recsys load DIR`: the files of a folder are checked, landed, and their rows loaded into `raw.*`."""

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import hash_file
from recsys_assets.sources.folder import find_files
from recsys_assets.sources.formats import InputFile
from recsys_assets.sources.landing_area import (
    LandedFile,
    copies_aside,
    has_content,
    landed_path,
    list_landed,
    next_landing_time,
    remove_leftovers,
)
from recsys_assets.sources.lines import INCOMING
from recsys_assets.sources.raw_tables import LedgerEntry, create_raw_tables, insert_validated, refuse_repeated
from recsys_assets.sources.readers import check_file, read_file
from recsys_assets.sources.report import FileReport, IngestReport, RejectReason
from recsys_assets.sources.validation import VALIDATED, validate_rows
from recsys_assets.warehouse import open_warehouse, transaction

# Reasons that differ in the value and the line alone are one kind.
_REASONS: Final = r"""
    SELECT table_name,
        regexp_replace(regexp_replace(reason, '''.*''', '…', 's'), ', line \d+$', '') AS kind, count(*) AS n
    FROM raw.rejected_rows WHERE file_id IN (SELECT unnest(?)) GROUP BY ALL ORDER BY n DESC, kind, table_name"""


def load_folder(config: Config, folder: Path, now: datetime) -> IngestReport:
    """Land a folder and load all that is landed; loading the same again changes nothing.

    If one file is refused, nothing of the folder is landed or loaded.

    Args:
        config: where the home folder is, and how much a clock may run ahead.
        folder: holds events, items, users or impressions, each as a file or a folder of files.
        now: the present; naive is UTC.

    Raises:
        RecsysError: see `land_folder` and `ingest_landed`.
    """
    landed = land_folder(config, folder)
    report = ingest_landed(config, now)
    loaded = {(file.table, file.file_name) for file in report.files}
    duplicates = [
        FileReport(file.table.name, file.file_name, rows_accepted=0, rows_rejected=0, already_loaded=True)
        for file in landed
        if not file.is_new and (file.table.name, file.file_name) not in loaded
    ]
    return replace(report, files=(*report.files, *duplicates))


def land_folder(config: Config, folder: Path) -> list[LandedFile]:
    """Copy the files of a folder into the landing folder: all of them, or none if one is refused.

    Returns:
        one entry a file, in the order of loading.

    Raises:
        RecsysError: there is no such folder, it holds no table, or a file of it cannot be read as its table: it has no
            header or lacks a required column, is cut short or damaged, or is of another kind.
    """
    files = find_files(folder)
    with copies_aside(config) as aside:
        file_ids = [_copy(file, aside / str(number)) for number, file in enumerate(files)]
        landed: list[LandedFile] = []
        there = list_landed(config)
        for number, (file, file_id) in enumerate(zip(files, file_ids, strict=True)):
            same = next((other for other in (*there, *landed) if has_content(other.path, file_id)), None)
            if same is None:
                check_file(replace(file, path=aside / str(number)))
                path = landed_path(config, file.table, file.name, file_id)
                landed.append(LandedFile(file.table, file.name, path, is_new=True))
            elif same.table == file.table or file.path.stat().st_size == 0:  # JSONL without a record
                landed.append(LandedFile(file.table, file.name, same.path))
            else:
                raise RecsysError(
                    f"{file.path} has the same content as {same.file_name} of {same.table.name}: remove one of them."
                )
        landed_at = next_landing_time(config)
        for number, target in enumerate(landed):
            if target.is_new:
                target.path.parent.mkdir(exist_ok=True)
                os.utime(aside / str(number), ns=(landed_at, landed_at))
                os.replace(aside / str(number), target.path)
    return landed


def ingest_landed(config: Config, now: datetime) -> IngestReport:
    """Load every landed file that is not in `raw.files`: rows, rejected rows and ledger in one transaction a file.

    Raises:
        RecsysError: a landed file was changed or damaged after it was landed; files before it stay loaded. Or the
            warehouse cannot be opened.
    """
    now = now.astimezone(UTC).replace(tzinfo=None) if now.tzinfo else now
    remove_leftovers(config)
    files: list[FileReport] = []
    with open_warehouse(config) as connection:
        create_raw_tables(connection)
        loaded = {path for (path,) in connection.execute("SELECT landed_path FROM raw.files").fetchall()}
        file_ids: list[str] = []
        for landed in list_landed(config):
            relative_path = landed.path.relative_to(config.home).as_posix()
            if relative_path not in loaded:
                file_id = hash_file(landed.path)
                if not has_content(landed.path, file_id):
                    raise RecsysError(f"{landed.path} was changed after it was landed: remove it and load it again.")
                size = landed.path.stat().st_size
                entry = LedgerEntry(file_id, landed.table.name, landed.file_name, relative_path, size)
                files.append(_ingest(connection, config, landed, entry, now))
                file_ids.append(file_id)
        reasons = connection.execute(_REASONS, [file_ids]).fetchall() if file_ids else []
    return IngestReport(tuple(files), tuple(RejectReason(table, reason, rows) for table, reason, rows in reasons))


def _copy(file: InputFile, target: Path) -> str:
    """Copy the bytes, down to the disk; returns their hash."""
    try:
        with file.path.open("rb") as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
        return hash_file(target)
    except OSError as error:
        raise RecsysError(f"{file.path} cannot be copied to {target.parent}: {error.strerror}.") from None


def _ingest(
    connection: duckdb.DuckDBPyConnection, config: Config, landed: LandedFile, entry: LedgerEntry, now: datetime
) -> FileReport:
    latest = now + timedelta(minutes=config.sources.future_tolerance_minutes)
    try:
        incoming = read_file(connection, InputFile(landed.table, landed.path, landed.file_name))
    except RecsysError as error:
        reason = str(error).rstrip(".")
        raise RecsysError(
            f"Landed file {landed.path} cannot be read ({reason}): remove it and load it again."
        ) from None
    validate_rows(connection, landed.table, incoming, latest)
    with transaction(connection):
        refuse_repeated(connection, landed.table, landed.file_name)
        n_accepted, n_rejected = insert_validated(connection, landed.table, incoming, entry, now)
    for table in (VALIDATED, INCOMING):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    return FileReport(landed.table.name, landed.file_name, n_accepted, n_rejected)
