"""dbt as the pipeline runs it, over a home of the test's own."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from recsys_assets.config import PROJECT_ROOT, Config
from recsys_assets.defs.project import DBT_EXECUTABLE
from recsys_assets.sources.raw_tables import create_raw_tables
from recsys_assets.warehouse import open_warehouse

DBT_PROJECT = PROJECT_ROOT / "dbt_project"
DBT_SECTIONS = {"event_types", "ratings", "split", "features", "candidates"}
MERGED = "CREATE TABLE IF NOT EXISTS candidates.merged (cutoff VARCHAR, user_id VARCHAR, item_id VARCHAR)"

RunDbt = Callable[..., str]
Dump = Callable[..., dict[str, list[tuple[object, ...]]]]


@pytest.fixture(scope="session")
def dbt_target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One target folder for all, so that the project is parsed in full only once."""
    return tmp_path_factory.mktemp("dbt_target")


@pytest.fixture(scope="session")
def run_dbt(dbt_target: Path) -> RunDbt:
    """A function that runs one dbt command over a home and returns its output; the test fails where dbt does."""

    def run(config: Config, command: str, *options: str) -> str:
        environment = os.environ | {
            "RECSYS_HOME": str(config.home),
            "RECSYS_DUCKDB_MEMORY_LIMIT": config.warehouse.memory_limit,
            "RECSYS_DUCKDB_THREADS": str(config.threads),
        }
        folders = ["--project-dir", DBT_PROJECT, "--profiles-dir", DBT_PROJECT]
        outside = ["--target-path", dbt_target, "--log-path", dbt_target / "logs"]
        variables = json.dumps(config.model_dump(mode="json", include=DBT_SECTIONS))
        line = [DBT_EXECUTABLE, "--no-use-colors", command, *folders, *outside, "--vars", variables, *options]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def build_models(run_dbt: RunDbt) -> Callable[..., None]:
    """A function that runs both dbt builds, with the popular items of everybody between them as merged candidates."""

    def build(config: Config, command: str = "build") -> None:
        options = ["--exclude-resource-type", "unit_test"] if command == "build" else []
        run_dbt(config, command, "--exclude", "tag:after_candidates", *options)
        with open_warehouse(config) as connection:
            connection.execute("DROP TABLE IF EXISTS candidates.merged")
            connection.execute(
                """CREATE TABLE candidates.merged AS
                SELECT cutoff, user_id, item_id
                FROM intermediate.int_user_cutoffs JOIN candidates.popular_items USING (cutoff)
                WHERE variant = 'all' AND category IS NULL"""
            )
        run_dbt(config, command, "--select", "tag:after_candidates", *options)

    return build


@pytest.fixture
def empty_warehouse(tiny_home: Config) -> Config:
    """A home whose raw tables are all there and hold nothing."""
    with open_warehouse(tiny_home) as connection:
        create_raw_tables(connection)
        connection.execute("CREATE SCHEMA candidates")
        connection.execute(MERGED)
    return tiny_home


@pytest.fixture(scope="session")
def dump_tables() -> Dump:
    """A function from a home and a condition to the rows of every table that leaves dbt, in one order."""

    def dump(config: Config, where: str = "true") -> dict[str, list[tuple[object, ...]]]:
        with open_warehouse(config, read_only=True) as connection:
            return {table: _rows(connection, table, where) for table in _tables(connection)}

    return dump


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    found = connection.execute(
        """SELECT table_schema || '.' || table_name FROM information_schema.tables
        WHERE table_schema IN ('features', 'candidates') ORDER BY ALL"""
    )
    return [name for (name,) in found.fetchall()]


def _rows(connection: duckdb.DuckDBPyConnection, table: str, where: str) -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT * FROM {table} WHERE {where} ORDER BY ALL").fetchall()
