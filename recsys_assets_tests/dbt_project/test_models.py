import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recsys_assets.config import Config, load_config
from recsys_assets.sources.landing import load_folder
from recsys_assets.warehouse import count_rows, open_warehouse
from recsys_assets_tests.dbt_project.conftest import Dump, RunDbt

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Build = Callable[..., None]

pytestmark = pytest.mark.slow


def test_unit_tests_of_the_models(empty_warehouse: Config, run_dbt: RunDbt) -> None:
    run_dbt(empty_warehouse, "run", "--empty")
    output = run_dbt(empty_warehouse, "test", "--select", "test_type:unit")
    assert "ERROR=0" in output
    assert "PASS=0" not in output


def test_nothing_loaded_builds_empty_tables(empty_warehouse: Config, build_models: Build, dump_tables: Dump) -> None:
    build_models(empty_warehouse)
    tables = dump_tables(empty_warehouse)
    assert len(tables) == 8
    assert set(map(len, tables.values())) == {0}


def test_one_event_of_an_item_without_metadata(empty_warehouse: Config, build_models: Build) -> None:
    with open_warehouse(empty_warehouse) as connection:
        connection.execute(
            """INSERT INTO raw.events (user_id, item_id, ts, event_type, file_id, line)
            VALUES ('u', 'i', '2026-01-01 12:00:00', 'tag', 'f', 2)"""
        )
    build_models(empty_warehouse)
    with open_warehouse(empty_warehouse, read_only=True) as connection:
        cutoffs = connection.execute("SELECT DISTINCT cutoff, n_events FROM features.user_features").fetchall()
        assert ("live", 1) in cutoffs
        assert count_rows(connection, "intermediate.int_labels") == 0
        assert count_rows(connection, "candidates.covisited_items") == 0
        assert connection.execute(
            """SELECT category, item_id, score, rank FROM candidates.popular_items
            WHERE cutoff = 'live' AND variant = 'fast'"""
        ).fetchall() == [(None, "i", 1.0, 1)]
        assert connection.execute(
            """SELECT is_seen, times_seen, days_since_seen, category_affinity, price_distance, n_similar_items
            FROM features.user_item_features WHERE cutoff = 'live'"""
        ).fetchall() == [(True, 1, 0.0, 0.0, None, 0)]


@pytest.fixture(scope="module")
def built_tiny_world(tiny_world: Path, tmp_path_factory: pytest.TempPathFactory, build_models: Build) -> Config:
    """The tiny world with its data tests passed, on one thread."""
    config = load_config(
        {
            "RECSYS_HOME": str(tmp_path_factory.mktemp("one_thread")),
            "RECSYS__SPLIT__KIND": "temporal",
            "RECSYS__THREADS": "1",
        }
    )
    load_folder(config, tiny_world, NOW)
    build_models(config)
    return config


def test_threads_change_no_bit(
    built_tiny_world: Config, tiny_world: Path, tmp_path: Path, build_models: Build, dump_tables: Dump
) -> None:
    config = load_config({"RECSYS_HOME": str(tmp_path), "RECSYS__SPLIT__KIND": "temporal", "RECSYS__THREADS": "4"})
    load_folder(config, tiny_world, NOW)
    build_models(config, "run")
    assert dump_tables(config) == dump_tables(built_tiny_world)


def test_another_future_changes_nothing_before_it(
    built_tiny_world: Config, tiny_world: Path, tmp_path: Path, build_models: Build, dump_tables: Dump
) -> None:
    """Every event from the test cutoff on, returns too, becomes a purchase of one item by one user."""
    config = built_tiny_world.model_copy(update={"home": tmp_path})
    load_folder(config, tiny_world, NOW)
    with open_warehouse(built_tiny_world, read_only=True) as connection:
        found = connection.execute(
            "SELECT visible_until FROM intermediate.int_cutoffs WHERE cutoff = 'test'"
        ).fetchone()
    assert found is not None
    with open_warehouse(config) as connection:
        connection.execute(
            "UPDATE raw.events SET user_id = 'u01', item_id = 'i01', event_type = 'purchase', value = 5 WHERE ts >= ?",
            [found[0]],
        )
    build_models(config, "run")
    before = "cutoff <> 'live'"
    assert dump_tables(config, before) == dump_tables(built_tiny_world, before)
    assert dump_tables(config) != dump_tables(built_tiny_world)


def test_a_refresh_after_a_killed_build_answers_for_the_live_rows_alone(
    tiny_home: Config,
    tiny_world: Path,
    build_models: Build,
    run_dbt: RunDbt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load_folder(tiny_home, tiny_world, NOW)
    build_models(tiny_home)
    check = ("test", "--select", "every_candidate_has_its_features")
    with open_warehouse(tiny_home) as connection:  # as a kill between candidates and their features leaves it
        connection.execute("DELETE FROM candidates.merged WHERE cutoff <> 'live' AND item_id = 'i01'")
    with pytest.raises(AssertionError, match="configured to fail"):
        run_dbt(tiny_home, *check)
    monkeypatch.setenv("RECSYS_CUTOFFS", "live")
    run_dbt(tiny_home, *check)
    with open_warehouse(tiny_home) as connection:
        connection.execute("DELETE FROM candidates.merged WHERE cutoff = 'live' AND item_id = 'i01'")
    with pytest.raises(AssertionError, match="configured to fail"):
        run_dbt(tiny_home, *check)


def test_a_refresh_looks_for_doubled_rows_among_those_it_made(
    built_tiny_world: Config, tmp_path: Path, run_dbt: RunDbt, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = built_tiny_world.model_copy(update={"home": tmp_path})
    shutil.copy(built_tiny_world.warehouse_path, config.warehouse_path)
    monkeypatch.setenv("RECSYS_CUTOFFS", "live")
    check = ("test", "--select", "int_user_items,test_name:unique_key")
    double = "INSERT INTO intermediate.int_user_items FROM intermediate.int_user_items WHERE cutoff = '{}' LIMIT 1"
    with open_warehouse(config) as connection:
        connection.execute(double.format("test"))
    assert "PASS=1" in run_dbt(config, *check)
    with open_warehouse(config) as connection:
        connection.execute(double.format("live"))
    with pytest.raises(AssertionError, match="configured to fail"):
        run_dbt(config, *check)
