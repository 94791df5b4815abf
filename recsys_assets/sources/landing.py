"""`recsys load DIR`: the files of a folder are checked, landed, and their rows loaded into `raw.*`."""

import os
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from recsys_assets.config import Config
from recsys_assets.errors import DamagedError, RecsysError, StorageError, explain_full_disk
from recsys_assets.files import hash_file, sync_file
from recsys_assets.logs import get_logger
from recsys_assets.sources.cutting import find_forgotten_rows, write_without
from recsys_assets.sources.folder import find_files
from recsys_assets.sources.forgotten import Forgotten, demand_finished, read_forgotten
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
from recsys_assets.sources.quarantine import forget_unloaded
from recsys_assets.sources.raw_tables import LedgerEntry, create_raw_tables, insert_validated, refuse_repeated
from recsys_assets.sources.readers import check_file, read_file
from recsys_assets.sources.report import FileReport, IngestReport, RejectReason
from recsys_assets.sources.validation import VALIDATED, validate_rows
from recsys_assets.warehouse import open_warehouse, transaction

_LOGGER: Final = get_logger(__name__)
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
    for file in duplicates:
        _LOGGER.info("file_known", table=file.table, file_name=file.file_name)
    rows_left_out = sum(file.rows_left_out for file in landed)
    return replace(report, files=(*report.files, *duplicates), rows_left_out=rows_left_out)


def land_folder(config: Config, folder: Path) -> list[LandedFile]:
    """Copy the files of a folder into the landing folder: all of them, or none if one is refused.

    Returns:
        one entry a file, in the order of loading.

    Raises:
        RecsysError: there is no such folder, it holds no table, or see `land_files`.
    """
    return land_files(config, find_files(folder))


def land_files(config: Config, files: list[InputFile]) -> list[LandedFile]:
    """Copy files into the landing folder: all of them, or none if one is refused.

    The rows of users who were forgotten are cut out of the copies, which are then what was landed.

    Returns:
        one entry a file, in the order of `files`.

    Raises:
        StorageError: the copy cannot be written.
        RecsysError: a file cannot be read as its table: it has no header or lacks a required column, is cut short or
            damaged, or is of another kind; the same content is landed for another table; or an erasure is not finished.
    """
    with copies_aside(config) as aside:
        demand_finished(config)
        forgotten = read_forgotten(config)
        copies = [_copy(file, aside / str(number), forgotten) for number, file in enumerate(files)]
        landed: list[LandedFile] = []
        there = list_landed(config)
        for number, (file, (file_id, n_cut)) in enumerate(zip(files, copies, strict=True)):
            same = next((other for other in (*there, *landed) if has_content(other.path, file_id)), None)
            if same is None:
                check_file(replace(file, path=aside / str(number)))
                name = forgotten.clean_name(file.name) if n_cut else file.name
                path = landed_path(config, file.table, name, file_id)
                landed.append(LandedFile(file.table, name, path, is_new=True, rows_left_out=n_cut))
            elif same.table == file.table or (aside / str(number)).stat().st_size == 0:  # JSONL without a record
                landed.append(LandedFile(file.table, file.name, same.path, rows_left_out=n_cut))
            else:
                raise RecsysError(
                    f"{file.name} has the same content as {same.file_name} of {same.table.name}: remove one of them."
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

    Where the warehouse turns out to be damaged, it is set aside, and a new one is made of all that is landed.

    Raises:
        RecsysError: a landed file was changed or damaged after it was landed; files before it stay loaded. Or the
            warehouse cannot be opened, or an erasure is not finished.
    """
    now = now.astimezone(UTC).replace(tzinfo=None) if now.tzinfo else now
    remove_leftovers(config)
    try:
        return _ingest(config, now)
    except DamagedError as error:
        _LOGGER.warning("warehouse_set_aside", error=error.fact)
        return replace(_ingest(config, now), damage=f"{error.fact}: all that was landed is loaded anew.")


def _ingest(config: Config, now: datetime) -> IngestReport:
    files: list[FileReport] = []
    with open_warehouse(config) as connection:
        demand_finished(config)
        create_raw_tables(connection)
        forget_unloaded(connection, config)  # what a killed `recsys unload` left to do
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
                files.append(ingest_file(connection, config, landed, entry, now))
                file_ids.append(file_id)
        reasons = connection.execute(_REASONS, [file_ids]).fetchall() if file_ids else []
    return IngestReport(tuple(files), tuple(RejectReason(table, reason, rows) for table, reason, rows in reasons))


def _copy(file: InputFile, target: Path, forgotten: Forgotten) -> tuple[str, int]:
    """Copy the bytes, without the rows of forgotten users, down to the disk; returns their hash, and how many went."""
    try:
        source = file.path.open("rb")
    except OSError as error:
        raise RecsysError(f"{file.path} cannot be read: {error.strerror}.") from None
    try:
        with source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        cut = find_forgotten_rows(copied := replace(file, path=target), forgotten)
        if cut.n_rows:
            write_without(copied, cut, whole := target.with_suffix(".cut"))
            os.replace(whole, target)
        sync_file(target)
        return hash_file(target), cut.n_rows
    except OSError as error:
        failure = f"{file.path} cannot be copied to {target.parent}: {error.strerror}."
        raise StorageError(explain_full_disk(failure) or failure) from None


def ingest_file(
    connection: duckdb.DuckDBPyConnection, config: Config, landed: LandedFile, entry: LedgerEntry, now: datetime
) -> FileReport:
    """Load one landed file into the `raw` of the connection's database, in one transaction.

    Raises:
        RecsysError: the file cannot be read.
    """
    started = time.monotonic()
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
    report = FileReport(landed.table.name, landed.file_name, n_accepted, n_rejected)
    _LOGGER.info(
        "file_loaded",
        table=report.table,
        file_name=report.file_name,
        rows_read=report.rows_read,
        rows_accepted=report.rows_accepted,
        rows_rejected=report.rows_rejected,
        seconds=round(time.monotonic() - started, 3),
    )
    return report
