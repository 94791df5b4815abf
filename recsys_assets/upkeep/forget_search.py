"""Where a home holds something of users who were forgotten, or are about to be: counts, and what must be cut."""

import mmap
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.publishing.switch import list_builds, list_damaged
from recsys_assets.sources.contract import TABLES
from recsys_assets.sources.cutting import Cut, find_forgotten_rows
from recsys_assets.sources.forgotten import Forgotten
from recsys_assets.sources.formats import InputFile
from recsys_assets.sources.landing_area import list_landed
from recsys_assets.upkeep.forget_bundles import find_in_bundle
from recsys_assets.upkeep.forget_databases import RAW, count_rows_of, find_forgotten_users
from recsys_assets.upkeep.forget_models import find_in_models
from recsys_assets.warehouse import open_warehouse

UNMISTAKABLE: Final = 6  # characters of an id that stands in other text by no accident


@dataclass(frozen=True)
class Found:
    """What a home holds of forgotten users.

    Attributes:
        places: landed file, table or file of a model -> rows or entries; empty if there is nothing.
        cuts: landed file -> the lines to cut, where there are any.
        bundles: ids of the bundles among the places.
        models: versions of rankers that may have learnt from the users.
    """

    places: dict[str, int]
    cuts: dict[Path, Cut]
    bundles: tuple[str, ...]
    models: tuple[str, ...]


def find_forgotten(config: Config, forgotten: Forgotten) -> Found:
    """Look everywhere; it reads only.

    Raises:
        RecsysError: something cannot be read, so that nobody can tell.
    """
    if damaged := list_damaged(config):
        raise RecsysError(f"{next(iter(damaged.values()))} Remove its folder first: nobody can tell what it holds.")
    for path in config.home.glob(f"{config.warehouse_path.name}.damaged-*"):
        raise RecsysError(f"{path} is a damaged warehouse. Remove it first: nobody can tell what it holds.")
    cuts = find_in_landing(config, forgotten)
    in_landing = {_name_landed(path): cut.n_rows for path, cut in cuts.items()}
    set_aside = find_in_quarantine(config, forgotten).items()
    in_quarantine = {f"quarantine, file {number}": cut.n_rows for number, (_, cut) in enumerate(set_aside, start=1)}
    in_warehouse = _find_in_warehouse(config, forgotten, cuts)
    in_fitted = {
        path.relative_to(config.home).as_posix(): n_users
        for path, n_users in find_in_models(config.fitted_path, forgotten).items()
    }
    manifests = {manifest.build_id: manifest for manifest in list_builds(config)}
    in_bundles = {build_id: find_in_bundle(config.published_path / build_id, forgotten) for build_id in manifests}
    models = {manifests[build_id].model_version for build_id, found in in_bundles.items() if found}
    if in_fitted or any(not table.startswith(f"{RAW}.") for table in in_warehouse):
        models |= {path.name for path in config.models_path.glob("[!.]*") if path.is_dir()}
    return Found(
        places=in_landing
        | in_quarantine
        | {f"{config.warehouse_path.name}: {table}": n_rows for table, n_rows in in_warehouse.items()}
        | in_fitted
        | {f"published/{name}/{place}": n for name, found in in_bundles.items() for place, n in found.items()},
        cuts=cuts,
        bundles=tuple(build_id for build_id, found in in_bundles.items() if found),
        models=tuple(sorted(models)),
    )


def find_in_landing(config: Config, forgotten: Forgotten) -> dict[Path, Cut]:
    """Landed file -> the lines of forgotten users, where there are any."""
    cuts = {
        landed.path: find_forgotten_rows(InputFile(landed.table, landed.path, landed.file_name), forgotten)
        for landed in list_landed(config)
    }
    return {path: cut for path, cut in cuts.items() if cut.n_rows}


def find_in_quarantine(config: Config, forgotten: Forgotten) -> dict[InputFile, Cut]:
    """Files that `recsys unload` set aside -> the lines of forgotten users, where there are any."""
    files = [
        InputFile(TABLES[path.parent.name], path, path.name) for path in sorted(config.quarantine_path.glob("*/*/*"))
    ]
    cuts = {file: find_forgotten_rows(file, forgotten) for file in files}
    return {file: cut for file, cut in cuts.items() if cut.n_rows}


def find_mentions(config: Config, user_id: str) -> list[str] | None:
    """Files of the home whose bytes still name the user: in another's row, an item's text, a message of a run.

    None for an id so short that it stands anywhere by accident.
    """
    if len(user_id) < UNMISTAKABLE:
        return None
    name = re.compile(rb"(?<![\w.@-])" + re.escape(user_id.encode()) + rb"(?![\w@-])")
    files = (path for path in sorted(config.home.rglob("*")) if path.is_file() and not path.is_symlink())
    return [path.relative_to(config.home).as_posix() for path in files if _is_in(path, name)]


def _find_in_warehouse(config: Config, forgotten: Forgotten, cuts: dict[Path, Cut]) -> dict[str, int]:
    if not config.warehouse_path.exists():
        return {}
    with open_warehouse(config, read_only=True) as connection:
        ((database,),) = connection.execute("SELECT current_database()").fetchall()
        found = count_rows_of(connection, database, find_forgotten_users(connection, database, forgotten))
        if n_rejected := sum(_count_rejected(config, connection, path, cut) for path, cut in cuts.items()):
            found["raw.rejected_rows"] = n_rejected
    return found


def _count_rejected(config: Config, connection: duckdb.DuckDBPyConnection, path: Path, cut: Cut) -> int:
    """How many of the lines are in the quarantine."""
    ((n_rows,),) = connection.execute(
        """SELECT count(*) FROM raw.rejected_rows AS refused JOIN raw.files AS files USING (file_id, table_name)
        WHERE files.landed_path = ? AND refused.line IN (SELECT unnest(?))""",
        [path.relative_to(config.home).as_posix(), [first for first, _ in cut.ranges]],
    ).fetchall()
    return int(n_rows)


def _name_landed(path: Path) -> str:
    """By the hash: the rest is a name that somebody gave, and might name a user."""
    return f"landing/{path.parent.name}/{path.name.partition('__')[0]}"


def _is_in(path: Path, name: re.Pattern[bytes]) -> bool:
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return name.search(content) is not None
