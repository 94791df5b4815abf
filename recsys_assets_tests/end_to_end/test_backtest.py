"""`recsys backtest` from outside: killed and taken up, nothing done twice, and blind to what came later."""

import os
import signal
import subprocess
import time
from pathlib import Path

import duckdb
import polars as pl
import pytest

from recsys_assets.config import load_config
from recsys_assets_tests.end_to_end.command_line import RECSYS, recsys
from recsys_assets_tests.end_to_end.simulated_world import write_simulated_world
from recsys_assets_tests.fixtures.waiting import wait_until

FIRST, SECOND = "2024-03-20", "2024-04-10"
RANGE = ("backtest", "--from", FIRST, "--to", SECOND, "--every", "3w")
MODELS = {"published", "ranker", "fusion", *load_config({}).candidates.sources}

pytestmark = pytest.mark.slow


def ask(home: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def start_and_kill(home: Path) -> None:
    """Kill the command, and not the build that it has begun, as soon as there is something to take up."""
    with subprocess.Popen(
        [RECSYS, *RANGE], env=os.environ | {"RECSYS_HOME": str(home)}, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        wait_until(lambda: (home / "backtest" / FIRST / "home/build.lock").exists() or process.poll() is not None, 600)
        assert process.poll() is None
        time.sleep(3)
        process.send_signal(signal.SIGKILL)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("backtest")
    assert recsys(home, "load", str(write_simulated_world(home / "incoming"))).returncode == 0
    start_and_kill(home)
    ended = recsys(home, *RANGE)
    assert ended.returncode == 0, ended.stderr
    for number, origin in enumerate((FIRST, SECOND), 1):
        assert f"{number} of 2: {origin}: " in ended.stderr
        assert origin in ended.stdout
    return home


def test_every_origin_has_every_model_with_intervals_and_so_have_all_together(done: Path) -> None:
    rows = ask(done, "SELECT origin::VARCHAR, model, value, ci_low, ci_high FROM evaluation.backtest WHERE k = 10")
    assert {origin for origin, *_ in rows} == {FIRST, SECOND, None}
    for wanted in (FIRST, SECOND, None):
        assert {model for origin, model, *_ in rows if origin == wanted} == MODELS
    assert all(low <= value <= high for _, _, value, low, high in rows)
    ndcg = dict(
        ask(done, "SELECT model, value FROM evaluation.backtest WHERE origin IS NULL AND metric = 'ndcg' AND k = 10")
    )
    assert ndcg["published"] > ndcg["popular"]
    differences = ask(
        done,
        "SELECT origin::VARCHAR, difference FROM evaluation.backtest_differences WHERE is_best_baseline AND k = 10",
    )
    assert {origin for origin, _ in differences} == {FIRST, SECOND, None}
    assert (done / "reports/backtest.png").exists()


def test_lists_are_of_what_was_known_then_and_the_homes_are_gone(done: Path) -> None:
    events = pl.read_csv(done / "incoming/events.csv", try_parse_dates=True)
    for origin in (FIRST, SECOND):
        folder = done / "backtest" / origin
        assert {path.name for path in folder.iterdir()} == {"plan.json", "lists.parquet", "judged.parquet"}
        lists = pl.read_parquet(folder / "lists.parquet").filter(pl.col("model") == "published")
        bought = events.filter(
            pl.col("event_type") == "purchase", pl.col("ts") < pl.lit(origin).str.to_datetime()
        ).select("user_id", "item_id")
        assert lists["user_id"].n_unique() == 161
        assert lists.join(bought, on=["user_id", "item_id"], how="semi").is_empty()


def test_a_second_run_builds_nothing_and_says_the_same(done: Path) -> None:
    kept = {path: path.stat().st_mtime_ns for path in done.glob("backtest/*/*.parquet")}
    report = (done / "reports/backtest.parquet").read_bytes()
    again = recsys(done, *RANGE)
    assert again.returncode == 0, again.stderr
    assert "2 origins, 2 of them done already" in again.stderr
    assert "reading the asset graph" not in again.stderr
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert (done / "reports/backtest.parquet").read_bytes() == report


def test_another_future_gives_the_same_lists(done: Path, tmp_path: Path) -> None:
    """Everything from the origin's instant on is of other users, items and kinds; an event is added at that instant."""
    world = write_simulated_world(tmp_path / "incoming")
    origin = pl.lit(FIRST).str.to_datetime()
    events = pl.read_csv(world / "events.csv", try_parse_dates=True)
    future = events.filter(pl.col("ts") >= origin)
    changed = future.with_columns(
        pl.col("item_id").reverse(), pl.col("user_id").shuffle(seed=1), pl.col("event_type").shuffle(seed=2)
    )
    added = changed.head(1).with_columns(origin.alias("ts"), pl.lit(9_999_999).alias("event_id"))
    pl.concat(
        [events.filter(pl.col("ts") < origin), changed, added.select(changed.columns)], how="vertical_relaxed"
    ).write_csv(world / "events.csv")
    home = tmp_path / "home"
    assert recsys(home, "load", str(world)).returncode == 0
    ended = recsys(home, "backtest", "--from", FIRST, "--to", FIRST)
    assert ended.returncode == 0, ended.stderr
    ours, theirs = (pl.read_parquet(folder / "backtest" / FIRST / "lists.parquet") for folder in (done, home))
    assert ours.equals(theirs)
    judged, otherwise = (pl.read_parquet(folder / "backtest" / FIRST / "judged.parquet") for folder in (done, home))
    assert not judged.equals(otherwise)
