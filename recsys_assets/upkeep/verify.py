"""`recsys verify`: landed files, ledger, raw tables and bundles, each held against what vouches for it."""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from recsys_assets.config import Config
from recsys_assets.errors import DamagedError, RecsysError
from recsys_assets.files import hash_file
from recsys_assets.logs import get_logger
from recsys_assets.publishing.manifest import DATABASE_FILE, Manifest, fingerprint_inputs, verify_bundle
from recsys_assets.publishing.switch import CURRENT_LINK, current_bundle, list_builds, list_damaged
from recsys_assets.schema import OUTPUT_KEYS
from recsys_assets.sources.contract import TABLES
from recsys_assets.sources.forgotten import read_forgotten
from recsys_assets.sources.landing_area import has_content, list_landed
from recsys_assets.sources.quarantine import find_unloaded
from recsys_assets.warehouse import demand_sound, open_warehouse

LOGGER = get_logger(__name__)
AGAIN = "Move the warehouse away and run `recsys build`: it is made anew from the landed files."


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        subject: what was looked at: landed files, ledger, raw tables, bundle <id>.
        fact: one sentence.
        remedy: what a person should do; empty where all is well.
    """

    subject: str
    fact: str
    remedy: str = ""


def verify_home(config: Config) -> list[Finding]:
    """Look at everything, also past the first fault. It reads only, and waits for a build that is at work."""
    findings = [*_verify_erasure(config), *_verify_landed_files(config)]
    if config.warehouse_path.exists():
        try:
            demand_sound(config, set_aside=False)
            with open_warehouse(config, read_only=True) as connection:
                findings += _verify_ledger(config, connection)
                findings += _verify_raw_tables(connection)
                findings += _compare_with_current(config, connection)
        except DamagedError as error:
            findings.append(Finding("warehouse", f"{error.fact}.", AGAIN))
        except (RecsysError, duckdb.Error) as error:
            fact = f"{config.warehouse_path} cannot be read: {str(error).splitlines()[0].rstrip('.')}."
            findings.append(Finding("warehouse", fact, AGAIN))
    else:
        findings.append(Finding("warehouse", "There is none: the next `recsys build` makes it from the landed files."))
    findings += _verify_bundles(config)
    faults = [finding for finding in findings if finding.remedy]
    for fault in faults:
        LOGGER.error("fault_found", subject=fault.subject, fact=fault.fact)
    LOGGER.info("home_verified", findings=len(findings), faults=len(faults))
    return findings


def _verify_erasure(config: Config) -> Iterator[Finding]:
    forgotten = read_forgotten(config)
    if forgotten.unfinished is not None:
        yield Finding("forgotten users", "An erasure was not finished.", "Run `recsys forget`.")
    elif forgotten.users:
        yield Finding("forgotten users", f"Kept out by their tombstones: {len(forgotten.users):,}.")


def _verify_landed_files(config: Config) -> Iterator[Finding]:
    try:
        landed = list_landed(config)
    except RecsysError as error:
        yield Finding("landed files", str(error), "Move it away.")
        return
    changed = [file.path for file in landed if not has_content(file.path, hash_file(file.path))]
    for path in changed:
        yield Finding("landed files", f"{path} is not what was landed.", "Restore it from a backup.")
    yield Finding("landed files", f"{len(landed) - len(changed):,} of {len(landed):,} hold what was landed.")


def _verify_ledger(config: Config, connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    entries = connection.execute(
        "SELECT landed_path, file_id, size_bytes FROM raw.files ORDER BY load_number"
    ).fetchall()
    landed = {file.path.relative_to(config.home).as_posix(): file.path for file in list_landed(config)}
    unloaded = find_unloaded(connection, config)
    for landed_path, file_id, size_bytes in entries:
        path = landed.pop(landed_path, None)
        if file_id in unloaded:
            yield Finding("ledger", f"{landed_path} was unloaded: the next `recsys build` removes its rows.")
        elif path is None:
            fact = f"{landed_path} was loaded and is gone: without it the warehouse cannot be made anew."
            yield Finding("ledger", fact, "Restore it from a backup.")
        elif not has_content(path, file_id) or path.stat().st_size != size_bytes:
            yield Finding("ledger", f"{landed_path} is not the file that was loaded.", "Restore it from a backup.")
    if landed:
        yield Finding("ledger", f"{len(landed):,} landed files are not loaded yet: the next `recsys build` does that.")
    yield Finding("ledger", f"{len(entries):,} files are entered.")


def _verify_raw_tables(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    held = " UNION ALL ".join(f"SELECT '{name}' AS table_name, file_id FROM raw.{name}" for name in TABLES)
    wrong = connection.execute(
        f"""
        WITH held AS (SELECT table_name, file_id, count(*) AS n FROM ({held}) GROUP BY ALL),
             refused AS (SELECT table_name, file_id, count(*) AS n FROM raw.rejected_rows GROUP BY ALL)
        SELECT files.file_name, files.rows_read, files.rows_accepted, files.rows_rejected,
               coalesce(held.n, 0) AS n_held, coalesce(refused.n, 0) AS n_refused
        FROM raw.files AS files
        LEFT JOIN held USING (table_name, file_id) LEFT JOIN refused USING (table_name, file_id)
        WHERE rows_read <> rows_accepted + rows_rejected OR rows_accepted <> n_held OR rows_rejected <> n_refused
        ORDER BY files.load_number
        """
    ).fetchall()
    for name, n_read, n_accepted, n_rejected, n_held, n_refused in wrong:
        fact = (
            f"Of {name} the ledger has {n_read:,} rows read, {n_accepted:,} accepted and {n_rejected:,} rejected, "
            f"the tables {n_held:,} and {n_refused:,}."
        )
        yield Finding("raw tables", fact, AGAIN)
    ((n_strangers,),) = connection.execute(
        f"SELECT count(*) FROM ({held}) ANTI JOIN raw.files USING (table_name, file_id)"
    ).fetchall()
    if n_strangers:
        yield Finding("raw tables", f"{n_strangers:,} rows are of no file of the ledger.", AGAIN)
    for table in TABLES.values():
        if (key := table.unique_column) is not None:
            ((n_twice,),) = connection.execute(
                f"SELECT count({key}) - count(DISTINCT {key}) FROM raw.{table.name}"
            ).fetchall()
            if n_twice:
                yield Finding("raw tables", f"{n_twice:,} rows of {table.name} repeat the {key} of another.", AGAIN)
    ((n_rows,),) = connection.execute(f"SELECT count(*) FROM ({held})").fetchall()
    ((n_rejected,),) = connection.execute("SELECT count(*) FROM raw.rejected_rows").fetchall()
    yield Finding("raw tables", f"They hold {n_rows:,} rows, and {n_rejected:,} were rejected.")


def _compare_with_current(config: Config, connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    builds = {manifest.build_id: manifest for manifest in list_builds(config)}
    path = config.published_path / CURRENT_LINK
    current = builds.get(path.resolve().name) if path.is_symlink() else None
    if current is None:
        return
    if current.input_fingerprint == fingerprint_inputs(connection):
        yield Finding(f"bundle {current.build_id}", "It is in use, and made from all files that are loaded.")
    else:
        fact = "It is in use, and made from other files than are loaded now: the next `recsys build` takes them up."
        yield Finding(f"bundle {current.build_id}", fact)


def _verify_bundles(config: Config) -> Iterator[Finding]:
    instead = "Run `recsys rollback BUILD` to another one, or `recsys build`; then remove its folder."
    try:
        if current_bundle(config) is None:
            yield Finding("bundles", "Nothing is in use yet.")
    except RecsysError as error:
        yield Finding("bundles", str(error), "Run `recsys rollback BUILD` or `recsys build`.")
    for name, reason in list_damaged(config).items():
        yield Finding(f"bundle {name}", reason, instead)
    forgotten = read_forgotten(config)
    for manifest in list_builds(config):
        subject = f"bundle {manifest.build_id}"
        if (flag := forgotten.describe_flag(manifest.model_version)) is not None:
            yield Finding(subject, flag)
        try:
            verify_bundle(config.published_path / manifest.build_id)
        except RecsysError as error:
            yield Finding(subject, str(error), instead)
            continue
        faults = [*_look_into(config, manifest)]
        yield from (Finding(subject, fault, instead) for fault in faults)
        if not faults:
            yield Finding(subject, f"All {len(manifest.files):,} files are what was published.")


def _look_into(config: Config, manifest: Manifest) -> Iterator[str]:
    """Faults of a bundle whose files are what was published: they were made wrong."""
    path = str(config.published_path / manifest.build_id / DATABASE_FILE).replace("'", "''")
    with duckdb.connect(config={"threads": config.threads}) as connection:
        connection.execute(f"ATTACH '{path}' AS bundle (READ_ONLY)")
        connection.execute("USE bundle")
        for table, n_rows in manifest.row_counts.items():
            ((found,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
            if found != n_rows:
                yield f"Table {table} has {found:,} rows, and the manifest says {n_rows:,}."
        for table, key in OUTPUT_KEYS.items():
            columns = ", ".join(key)
            different = f"SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {table})"
            ((n_twice,),) = connection.execute(f"SELECT count(*) - ({different}) FROM {table}").fetchall()
            if n_twice:
                yield f"Table {table} has {n_twice:,} rows with the {columns} of another."
