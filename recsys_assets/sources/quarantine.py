"""`recsys unload`: landed files are taken out again, and the next build is as if they had never come.

The move of a file to `$RECSYS_HOME/quarantine/<batch>/<table>/<name>` decides; the ledger follows. A process that is
killed between the two leaves the rest to the next `recsys unload`, `load`, `build` or `refresh`. A folder of the
quarantine can be loaded again as it is.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import hash_file, sync_folder
from recsys_assets.locks import building_lock
from recsys_assets.sources.landing_area import LandedFile, landing_lock, list_landed
from recsys_assets.sources.raw_tables import create_raw_tables, files_to_read_again, remove_files
from recsys_assets.warehouse import open_warehouse


@dataclass(frozen=True)
class Unloaded:
    """A file that was taken out.

    Attributes:
        table_name: its table of the contract.
        file_name: the name that it had before it was landed.
        path: where it lies now.
    """

    table_name: str
    file_name: str
    path: Path


def unload(config: Config, name: str, say: Callable[[str], None]) -> list[Unloaded]:
    """Take landed files out, and their rows out of `raw.*`; waits for a build that is at work.

    Files that must be read again without them are removed from the ledger: the caller runs `ingest_landed` next.

    Args:
        config: where the home folder is.
        name: of a batch, of a file as it was loaded, or the first digits of a file's id.
        say: tells a person who has to wait.

    Raises:
        RecsysError: `name` names nothing, or files of several batches; nothing has changed.
    """
    with building_lock(config, say), landing_lock(config), open_warehouse(config) as connection:
        chosen = _choose(list_landed(config), name)
        create_raw_tables(connection)
        unloaded = [_move(config, file) for file in chosen]
        forget_unloaded(connection, config)
    return unloaded


def find_unloaded(connection: duckdb.DuckDBPyConnection, config: Config) -> list[str]:
    """Ids of the files of the ledger that were moved from the landing folder to the quarantine."""
    entries = connection.execute(
        "SELECT file_id, landed_path, table_name, file_name, size_bytes FROM raw.files ORDER BY load_number"
    ).fetchall()
    return [
        file_id
        for file_id, landed_path, table_name, file_name, size in entries
        if not (config.home / landed_path).exists() and _is_quarantined(config, table_name, file_name, size, file_id)
    ]


def forget_unloaded(connection: duckdb.DuckDBPyConnection, config: Config) -> None:
    """Remove what `raw.*` still holds of files that were unloaded.

    Raises:
        RecsysError: a file that must be read again without them is gone; nothing has changed.
    """
    gone = find_unloaded(connection, config)
    if not gone:
        return
    again = files_to_read_again(connection, gone)
    for (landed_path,) in connection.execute(
        "SELECT landed_path FROM raw.files WHERE file_id IN (SELECT unnest(?))", [again]
    ).fetchall():
        if not (config.home / landed_path).exists():
            raise RecsysError(
                f"{landed_path} must be read again without what was unloaded, and it is gone: restore it from a backup."
            )
    remove_files(connection, gone + again)


def _choose(landed: Sequence[LandedFile], name: str) -> list[LandedFile]:
    chosen = (
        [file for file in landed if file.batch == name]
        or [file for file in landed if file.file_name == name]
        or [file for file in landed if len(name) >= 6 and file.path.name.startswith(name)]
    )
    if not chosen:
        raise RecsysError(f"There is no landed batch or file '{name}': `recsys batches` lists them.")
    batches = sorted({file.batch for file in chosen})
    if len(batches) > 1:
        raise RecsysError(f"'{name}' is in the batches {', '.join(batches)}: name one of them.")
    return chosen


def _move(config: Config, file: LandedFile) -> Unloaded:
    folder = config.quarantine_path / file.batch / file.table.name
    target = folder / file.file_name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.replace(file.path, target)
        sync_folder(folder)
        sync_folder(file.path.parent)
    except OSError as error:
        raise RecsysError(f"{file.path} cannot be moved to {folder}: {error.strerror}.") from None
    return Unloaded(file.table.name, file.file_name, target)


def _is_quarantined(config: Config, table_name: str, file_name: str, size: int, file_id: str) -> bool:
    """Whether the quarantine holds the file, looked for by its name and size, and told by its content."""
    folders = config.quarantine_path.glob(f"*/{table_name}")
    candidates = (path for folder in folders if (path := folder / file_name).is_file())
    return any(path.stat().st_size == size and hash_file(path) == file_id for path in candidates)
