"""Which files of a folder belong to which table."""

from pathlib import Path

from recsys_assets.errors import RecsysError
from recsys_assets.sources.contract import TABLES
from recsys_assets.sources.formats import InputFile


def find_files(folder: Path) -> list[InputFile]:
    """The files of a folder to load: `events.csv`, or all of `events/`, and so for each table, in the order of loading.

    Hidden files and those that start with `_` (markers of Spark and others) are passed over, and so is everything that
    does not bear a table's name.

    Raises:
        RecsysError: the folder does not exist, holds no table, or holds one twice or in a form that cannot be read.
    """
    if not folder.is_dir():
        raise RecsysError(f"There is no folder {folder}: name one that holds {_examples()}.")
    files = [file for table in TABLES for file in _files_of(folder, table)]
    if not files:
        raise RecsysError(f"The folder {folder} holds none of the tables: put {_examples()} into it.")
    return files


def _files_of(folder: Path, table: str) -> list[InputFile]:
    entries = sorted(entry for entry in folder.iterdir() if entry.name.split(".")[0].lower() == table)
    if len(entries) > 1:
        names = " and ".join(entry.name for entry in entries)
        raise RecsysError(f"{folder} holds {names}: keep one, or put all that belong together into a folder {table}/.")
    paths = [path for entry in entries for path in (_inside(entry) if entry.is_dir() else [entry])]
    files = [InputFile(TABLES[table], path, path.name) for path in paths]
    for file in files:
        if file.path.is_dir():
            raise RecsysError(f"{file.path} is a folder: move its files up into {table}/.")
        _ = file.format  # refuses a name that stands for none
    return files


def _inside(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))


def _examples() -> str:
    return "events.csv (or .parquet, .jsonl, or a folder events/), and items, users, impressions likewise"
