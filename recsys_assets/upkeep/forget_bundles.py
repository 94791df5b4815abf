"""Published bundles without the rows of forgotten users: written aside, and in place of the old in one step."""

import os
import shutil
from pathlib import Path
from typing import Final

import duckdb

from recsys_assets.config import Config
from recsys_assets.files import sync_folder
from recsys_assets.publishing.bundle import seal
from recsys_assets.publishing.manifest import (
    DATABASE_FILE,
    MODELS_FOLDER,
    describe_files,
    verify_bundle,
    write_manifest,
)
from recsys_assets.publishing.retention import UNFINISHED_PREFIX
from recsys_assets.publishing.snapshot import ONLINE_FOLDER
from recsys_assets.publishing.switch import CURRENT_LINK, switch_to
from recsys_assets.sources.forgotten import Forgotten
from recsys_assets.upkeep.forget_databases import count_rows_of, find_forgotten_users, rewrite_bundle_database
from recsys_assets.upkeep.forget_models import erase_from_models, find_in_models
from recsys_assets.warehouse import count_rows

FOLDERS_OF_USERS: Final = (MODELS_FOLDER, ONLINE_FOLDER)
STANDBY_PREFIX: Final = ".erased-"  # a whole bundle, in use while the one whose place it takes is exchanged


def find_in_bundle(path: Path, forgotten: Forgotten) -> dict[str, int]:
    """Table or file of a bundle -> rows or entries of forgotten users, where there are any."""
    quoted = str(path / DATABASE_FILE).replace("'", "''")
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{quoted}' AS bundle (READ_ONLY)")
        counts = count_rows_of(connection, "bundle", find_forgotten_users(connection, "bundle", forgotten))
    found = {f"{DATABASE_FILE}: {table.partition('.')[2]}": n_rows for table, n_rows in counts.items()}
    for folder in FOLDERS_OF_USERS:
        in_files = find_in_models(path / folder, forgotten)
        found |= {file.relative_to(path).as_posix(): n_users for file, n_users in in_files.items()}
    return found


def rewrite_bundle(config: Config, build_id: str, forgotten: Forgotten) -> None:
    """Replace a bundle by itself without forgotten users; the caller holds the publishing lock.

    A folder cannot be replaced in one step, so the new bundle stands in under another name: while the old one goes and
    the new one takes its place, `current` leads to the stand-in. Killed anywhere, the next call finds a whole bundle
    in use and goes on.

    Raises:
        RecsysError: the bundle is damaged.
    """
    published = config.published_path
    final, standby = published / build_id, published / f"{STANDBY_PREFIX}{build_id}"
    unfinished = published / f"{UNFINISHED_PREFIX}{build_id}"
    if not standby.exists():
        _write(final, unfinished, forgotten)
        os.replace(unfinished, standby)
        sync_folder(published)
    link = published / CURRENT_LINK
    is_current = link.is_symlink() and os.readlink(link) in (final.name, standby.name)
    if is_current:
        switch_to(config, standby.name)
    _remove(final)
    shutil.copytree(standby, unfinished, copy_function=os.link)
    os.replace(unfinished, final)
    sync_folder(published)
    if is_current:
        switch_to(config, build_id)
    _remove(standby)


def list_standbys(config: Config) -> list[str]:
    """Bundles whose exchange was stopped in the middle."""
    return sorted(path.name.removeprefix(STANDBY_PREFIX) for path in config.published_path.glob(f"{STANDBY_PREFIX}*"))


def remove_unfinished(config: Config) -> None:
    """Remove what dead builds left; the caller holds the publishing lock."""
    for folder in config.published_path.glob(f"{UNFINISHED_PREFIX}*"):
        shutil.rmtree(folder)


def _write(source: Path, target: Path, forgotten: Forgotten) -> None:
    manifest = verify_bundle(source)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns(DATABASE_FILE))
    rewrite_bundle_database(source / DATABASE_FILE, target / DATABASE_FILE, forgotten)
    for folder in FOLDERS_OF_USERS:
        erase_from_models(target / folder, forgotten)
    with duckdb.connect(str(target / DATABASE_FILE), read_only=True) as connection:
        row_counts = {table: count_rows(connection, table) for table in manifest.row_counts}
    write_manifest(target, manifest.model_copy(update={"row_counts": row_counts, "files": describe_files(target)}))
    seal(target)


def _remove(folder: Path) -> None:
    """Out of sight first, so that no half of it is ever seen."""
    if folder.exists():
        gone = folder.with_name(f"{UNFINISHED_PREFIX}gone-{folder.name.lstrip('.')}")
        shutil.rmtree(gone, ignore_errors=True)
        os.replace(folder, gone)
        shutil.rmtree(gone)
