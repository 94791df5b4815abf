"""Batches out of order and overlapping, each followed by a refresh, against everything built at once."""

import shutil
from pathlib import Path

import duckdb
import polars as pl
import pytest

from recsys_assets.schema import OUTPUT_TABLES
from recsys_assets_tests.end_to_end.command_line import recsys
from recsys_assets_tests.end_to_end.simulated_world import write_simulated_world

pytestmark = pytest.mark.slow
OF_THE_MODEL = {
    "als",
    "merged",
    "user_item_features",
    "fusion_weights",
}  # settings and weights were learnt from other labels
OF_THE_PLAN = {"cutoff_number", "split_reason"}
OF_THE_BUILD = {"build_id", "scored_at", "created_at", "git_sha"}


def do(home: Path, *arguments: str) -> None:
    done = recsys(home, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One home built on a first batch and refreshed after two more; one that got all three and was built once."""
    folder = tmp_path_factory.mktemp("increments")
    world = write_simulated_world(folder / "world")
    events = pl.read_csv(world / "events.csv", infer_schema=False).sample(fraction=1.0, shuffle=True, seed=5)
    n = len(events)
    batches = [events[: n * 7 // 10], events[n * 6 // 10 : n * 9 // 10], events[n * 8 // 10 :]]
    for number, batch in enumerate(batches):
        (folder / f"batch{number}").mkdir()
        batch.write_csv(folder / f"batch{number}" / "events.csv")
    for table in ("items", "users"):
        shutil.copy(world / f"{table}.csv", folder / "batch0")
    step_by_step, at_once = folder / "step_by_step", folder / "at_once"
    for number in range(3):
        do(step_by_step, "load", str(folder / f"batch{number}"))
        do(step_by_step, "build" if number == 0 else "refresh")
        do(at_once, "load", str(folder / f"batch{number}"))
    do(at_once, "build")
    return step_by_step, at_once


def attach(step_by_step: str, at_once: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for name, path in (("step_by_step", step_by_step), ("at_once", at_once)):
        connection.execute(f"ATTACH '{path}' AS {name} (READ_ONLY)")
    return connection


def assert_same(connection: duckdb.DuckDBPyConnection, table: str, left_out: set[str], where: str = "true") -> None:
    columns = [row[0] for row in connection.execute(f"DESCRIBE at_once.{table}").fetchall()]
    compared = ", ".join(f'"{column}"' for column in columns if column not in left_out)
    for one, other in (("step_by_step", "at_once"), ("at_once", "step_by_step")):
        query = f"SELECT {compared} FROM {one}.{table} WHERE {where} EXCEPT ALL SELECT {compared} FROM {other}.{table}"
        assert connection.execute(f"SELECT count(*) FROM ({query})").fetchall() == [(0,)], table


def test_after_refreshes_the_live_rows_are_those_of_one_build(homes) -> None:
    with attach(*(str(home / "warehouse.duckdb") for home in homes)) as connection:
        tables = connection.execute(
            """SELECT schema_name || '.' || table_name, table_name FROM duckdb_columns()
            WHERE database_name = 'at_once' AND schema_name IN ('intermediate', 'features', 'candidates')
                AND column_name = 'cutoff' ORDER BY ALL"""
        ).fetchall()
        compared = [table for table, name in tables if name not in OF_THE_MODEL]
        assert len(compared) > 20
        for table in compared:
            assert_same(connection, table, OF_THE_PLAN, "cutoff = 'live'")
        assert_same(connection, "intermediate.int_interactions", set())


def test_refreshes_leave_the_cutoffs_that_the_model_learnt_from(homes) -> None:
    with attach(*(str(home / "warehouse.duckdb") for home in homes)) as connection:
        labels = "SELECT count(*) FROM {}.intermediate.int_labels"
        (before,), (now,) = (
            connection.execute(labels.format(name)).fetchall()[0] for name in ("step_by_step", "at_once")
        )
        assert 0 < before < now


def test_a_build_after_refreshes_publishes_what_one_build_does(homes, tmp_path: Path) -> None:
    step_by_step, at_once = homes
    built = shutil.copytree(step_by_step, tmp_path / "built", symlinks=True)  # the others look at what refreshes left
    do(built, "build")
    bundles = [str((home / "published/current").resolve() / "recsys.duckdb") for home in (built, at_once)]
    with attach(*bundles) as connection:
        for table in OUTPUT_TABLES:
            if table != "builds":
                assert_same(connection, table, OF_THE_BUILD)
