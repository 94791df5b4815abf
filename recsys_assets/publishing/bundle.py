"""Writing a bundle: aside first, then into its place, then into use."""

import os
import shutil
import stat
from pathlib import Path

import duckdb

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import sync_file, sync_folder
from recsys_assets.logs import get_logger
from recsys_assets.publishing.manifest import (
    DATABASE_FILE,
    MODEL_FOLDER,
    MODELS_FOLDER,
    BuildInfo,
    Manifest,
    describe_files,
    package_versions,
    write_manifest,
)
from recsys_assets.publishing.metrics import write_metrics
from recsys_assets.publishing.retention import UNFINISHED_PREFIX
from recsys_assets.publishing.snapshot import write_snapshot
from recsys_assets.publishing.switch import publishing_lock, switch_to
from recsys_assets.publishing.tables import WAREHOUSE_TABLES, write_tables

LOGGER = get_logger(__name__)
READ_ONLY_FILE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH


def publish_bundle(config: Config, connection: duckdb.DuckDBPyConnection, build: BuildInfo) -> Path:
    """Publish what the warehouse holds, and put it into use.

    Everything is written into `published/.tmp-<build_id>`, flushed to the disk, renamed to `published/<build_id>`, and
    only then is the link `current` moved: a build that is killed anywhere leaves the bundle before it in use, whole.

    Args:
        config: the configuration.
        connection: of the warehouse, outside a transaction (DuckDB writes to one database in a transaction).
        build: from `describe_build`.

    Returns:
        The bundle's folder.

    Raises:
        RecsysError: a table or the model is missing, or this build is published already.
    """
    final = config.published_path / build.build_id
    with publishing_lock(config):
        if final.exists():
            raise RecsysError(f"Bundle {build.build_id} is published already: a bundle is never written twice.")
        unfinished = config.published_path / f"{UNFINISHED_PREFIX}{build.build_id}"
        unfinished.mkdir()
        try:
            _write_bundle(config, connection, build, unfinished)
            os.replace(unfinished, final)
        finally:
            if unfinished.exists():
                shutil.rmtree(unfinished)
        sync_folder(config.published_path)
        switch_to(config, build.build_id)
    LOGGER.info(
        "bundle_published",
        build_id=build.build_id,
        model_version=build.model_version,
        method=build.method,
        gate_passed=build.gate_passed,
        gate_decision=build.gate_decision,
    )
    return final


def _write_bundle(config: Config, connection: duckdb.DuckDBPyConnection, build: BuildInfo, folder: Path) -> None:
    model = config.models_path / build.model_version
    if not model.is_dir():
        raise RecsysError(f"There is no model {build.model_version} in the models folder: run `recsys build` first.")
    if config.fitted_path.is_dir():
        shutil.copytree(config.fitted_path, folder / MODELS_FOLDER, copy_function=shutil.copyfile)
    shutil.copytree(model, folder / MODEL_FOLDER, copy_function=shutil.copyfile)
    row_counts = write_tables(config, connection, build, folder / DATABASE_FILE)
    write_metrics(connection, WAREHOUSE_TABLES["model_report"], folder)
    write_snapshot(connection, config, build.method, folder)
    write_manifest(
        folder,
        Manifest(
            **vars(build),
            row_counts=row_counts,
            files=describe_files(folder),
            packages=package_versions(),
        ),
    )
    seal(folder)


def seal(folder: Path) -> None:
    """Make all that is in a bundle's folder durable, and its files read-only."""
    for path in sorted(folder.rglob("*"), reverse=True):  # the files of a folder come before it
        if path.is_dir():
            sync_folder(path)
        else:
            sync_file(path)
            path.chmod(READ_ONLY_FILE)
    sync_folder(folder)
