"""The whole graph, from the command line, on a simulated shop: what comes out, twice the same, and after a kill."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from recsys_assets.config import load_config
from recsys_assets.defs.runner import rebuild_features
from recsys_assets.evaluation.leak_proof import prove_no_future_features
from recsys_assets.publishing.manifest import verify_bundle
from recsys_assets.schema import FEATURE_TABLES, OUTPUT_TABLES, SURFACES
from recsys_assets.serving.trace import trace_recommendation
from recsys_assets_tests.end_to_end.command_line import RECSYS, build_world, recsys

NOT_COMPARED = {"build_id", "scored_at", "created_at", "git_sha"}


def test_every_table_of_the_contract_is_readable_while_the_warehouse_is_held(built_home: Path, read) -> None:
    holder = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]);print('held', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", holder, str(built_home / "warehouse.duckdb")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "held"
            for table, columns in OUTPUT_TABLES.items():
                described = [(name, kind) for name, kind, *_ in read(f"DESCRIBE {table}")]
                expected = described[: len(columns)] if table in FEATURE_TABLES else described
                assert tuple(expected) == columns
                assert read(f"SELECT count(*) FROM {table}") > [(0,)]
        finally:
            process.kill()


def test_what_dbt_leaves_lies_in_the_home_one_folder_a_step(built_home: Path) -> None:
    assert {path.name for path in (built_home / "dbt").iterdir()} == {"warehouse", "pair_features"}
    assert (built_home / "dbt" / "warehouse" / "run_results.json").is_file()


def test_every_known_user_has_twenty_items_for_her(read) -> None:
    lengths = read("SELECT user_id, count(*), max(rank) FROM recommendations WHERE surface = 'for_you' GROUP BY 1")
    assert len(lengths) == 161
    assert {(length, last) for _, length, last in lengths} == {(20, 20)}


def test_a_user_without_history_gets_what_is_popular(read) -> None:
    reasons = read("SELECT DISTINCT reason FROM recommendations WHERE user_id = 'newcomer' AND surface = 'for_you'")
    assert reasons == [("Popular now",)]


def test_all_surfaces_are_published_and_no_list_has_an_unavailable_item(read) -> None:
    assert {surface for (surface,) in read("SELECT DISTINCT surface FROM recommendations")} == set(SURFACES)
    assert read("SELECT count(*) FROM recommendations WHERE item_id = 'item003'") == [(0,)]


def test_nothing_bought_is_recommended_again(built_home: Path, read) -> None:
    events = built_home / "incoming/events.csv"
    bought = f"SELECT user_id, item_id FROM '{events}' WHERE event_type = 'purchase'"
    assert read(f"SELECT count(*) FROM recommendations SEMI JOIN ({bought}) USING (user_id, item_id)") == [(0,)]


def test_the_report_has_the_ranker_and_every_baseline_with_intervals(read) -> None:
    rows = read("SELECT model, value, ci_low, ci_high FROM model_report WHERE metric = 'ndcg' AND k = 10")
    models = {model: (value, low, high) for model, value, low, high in rows}
    assert {"ranker", "fusion", "popular", "repeat", "item_knn", "als", "ease", "covisited"} <= set(models)
    assert all(low <= value <= high for value, low, high in models.values())
    assert models["ranker"][0] > models["popular"][0]


def test_a_published_score_can_be_made_again_to_the_last_bit(built_home: Path, read) -> None:
    (method,) = {row[0] for row in read("SELECT DISTINCT model_version FROM recommendations")}
    assert method
    config = load_config({"RECSYS_HOME": str(built_home)})
    for user_id, item_id in read(
        "SELECT user_id, item_id FROM recommendations WHERE surface = 'for_you' AND rank IN (1, 20) "
        "AND user_id IN ('user000', 'user077', 'user159')"
    ):
        trace = trace_recommendation(config, str(user_id), str(item_id))
        assert trace.is_reproduced, trace.note
        assert trace.last_events.events[0].file_name == "events.csv"


@pytest.mark.slow
def test_the_same_input_twice_gives_the_same_tables(built_home: Path, tmp_path: Path) -> None:
    again = build_world(tmp_path / "again")
    with duckdb.connect() as connection:
        for name, home in (("a", built_home), ("b", again)):
            connection.execute(f"ATTACH '{(home / 'published/current').resolve()}/recsys.duckdb' AS {name} (READ_ONLY)")
        for table in OUTPUT_TABLES:
            columns = [row[0] for row in connection.execute(f"DESCRIBE a.{table}").fetchall()]
            compared = ", ".join(f'"{column}"' for column in columns if column not in NOT_COMPARED)
            for one, other in (("a", "b"), ("b", "a")):
                query = f"SELECT {compared} FROM {one}.{table} EXCEPT ALL SELECT {compared} FROM {other}.{table}"
                assert connection.execute(f"SELECT count(*) FROM ({query})").fetchall() == [(0,)], table


@pytest.mark.slow
def test_no_feature_sees_its_future(built_home: Path) -> None:
    config = load_config({"RECSYS_HOME": str(built_home)})
    assert prove_no_future_features(config, "validation", rebuild_features) == []


@pytest.mark.slow
def test_a_killed_build_leaves_the_old_bundle_whole_and_the_next_one_succeeds(built_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(built_home, home, symlinks=True)
    current = (home / "published/current").resolve()
    generator = random.Random(0)
    for _ in range(4):
        with subprocess.Popen(
            [RECSYS, "build"],
            env=os.environ | {"RECSYS_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            time.sleep(generator.uniform(4, 30))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        before, current = current, (home / "published/current").resolve()
        assert current == before or current.name > before.name  # a build may be killed after it has published
        verify_bundle(current)
    done = recsys(home, "build")
    assert done.returncode == 0, done.stderr
    assert (home / "published/current").resolve() != current


@pytest.mark.slow
@pytest.mark.parametrize(
    "events",
    [
        "user_id,item_id,ts\nu,a,2024-01-01\nu,b,2024-01-02\nu,c,2024-01-03\n",  # one user
        "user_id,item_id,ts\nu,a,2024-01-01\nv,a,2024-01-02\nw,a,2024-01-03\n",  # one item
    ],
    ids=["one user", "one item"],
)
def test_the_smallest_data_sets_are_published(tmp_path: Path, events: str) -> None:
    folder = tmp_path / "incoming"
    folder.mkdir()
    (folder / "events.csv").write_text(events)
    home = tmp_path / "home"
    assert recsys(home, "load", str(folder)).returncode == 0
    done = recsys(home, "build")
    assert done.returncode == 0, done.stderr
    assert (home / "published/current/recsys.duckdb").exists()
