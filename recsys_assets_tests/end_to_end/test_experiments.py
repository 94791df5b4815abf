"""`recsys tune` and `recsys ablate` from outside, on a copy of the built home."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import duckdb
import optuna
import polars as pl
import pytest

from recsys_assets.config import load_config
from recsys_assets.evaluation.metrics import per_user_metrics
from recsys_assets.evaluation.model_lists import read_labels, read_model_lists
from recsys_assets.experiments.bench import read_bench
from recsys_assets.experiments.feature_groups import FEATURE_GROUPS, group_features
from recsys_assets.experiments.study import VALUES, finished_trials
from recsys_assets.experiments.without_source import read_bench_without
from recsys_assets.ranking.training_frame import FIRST_COLUMNS
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.end_to_end.command_line import RECSYS, recsys


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    shutil.copyfile(built_home / "warehouse.duckdb", tmp_path / "home/warehouse.duckdb")
    return tmp_path / "home"


def feature_names(home: Path) -> list[str]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        columns = [row[0] for row in connection.execute("DESCRIBE ranking.training_frame").fetchall()]
    return [name for name in columns if name not in FIRST_COLUMNS]


def trials(home: Path) -> list[tuple[object, ...]]:
    storage = f"sqlite:///{home / 'tuning.db'}"
    (name,) = optuna.get_all_study_names(storage)
    found = finished_trials(optuna.load_study(study_name=name, storage=storage))
    return [(trial.value, trial.user_attrs[VALUES]) for trial in found]


def test_every_feature_of_a_build_is_in_one_group_and_every_pattern_is_of_use(built_home: Path) -> None:
    names = feature_names(built_home)
    groups = group_features(names)
    assert list(groups) == list(FEATURE_GROUPS)
    assert sorted(name for members in groups.values() for name in members) == sorted(names)
    for patterns in FEATURE_GROUPS.values():
        for pattern in patterns:
            assert pl.Series(names).str.contains(f"^{pattern.replace('*', '.*')}$").any(), pattern


def test_frames_without_no_source_are_the_stored_ones_to_the_bit(built_home: Path) -> None:
    config = load_config({"RECSYS_HOME": str(built_home)})
    with open_warehouse(config, read_only=True) as connection:
        stored, again = read_bench(connection, config), read_bench_without(connection, config, None)
    assert again.fingerprint(config) == stored.fingerprint(config)


@pytest.mark.slow
def test_the_first_trial_is_what_the_gate_measured_and_a_second_run_goes_on(home: Path) -> None:
    config = load_config({"RECSYS_HOME": str(home)})
    with open_warehouse(config, read_only=True) as connection:
        lists, labels = read_model_lists(connection, "validation"), read_labels(connection, "validation")
    gate = per_user_metrics(lists.filter(pl.col("model") == "ranker"), labels, 10)["ndcg"].mean()
    done = recsys(home, "tune", "--trials", "1", "--budget", "1h")
    assert done.returncode == 0, done.stderr
    assert f"{gate:.4f}" in done.stdout
    assert "No trial is better than the untuned settings" in done.stdout
    assert trials(home)[0][0] == pytest.approx(gate, abs=1e-12)
    done = recsys(home, "tune", "--trials", "2")
    assert "1 trials are there" in done.stderr
    assert len(trials(home)) == 2
    assert recsys(home, "tune", "--forget").returncode == 0
    assert not (home / "tuned.yaml").exists()


@pytest.mark.slow
def test_a_killed_study_goes_on_as_if_nothing_had_happened(home: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(home, whole)
    assert recsys(whole, "tune", "--trials", "8", "--budget", "1h").returncode == 0
    for end, seconds in ((signal.SIGKILL, 6), (signal.SIGINT, 9), (signal.SIGKILL, 8)):
        with subprocess.Popen(
            [RECSYS, "tune", "--trials", "8", "--budget", "1h"],
            env=os.environ | {"RECSYS_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            time.sleep(seconds)
            process.send_signal(end)
            _, told = process.communicate()
        assert "Traceback" not in told
    assert recsys(home, "tune", "--trials", "8", "--budget", "1h").returncode == 0
    assert trials(home) == trials(whole)
    tuned = [(folder / "tuned.yaml").exists() and (folder / "tuned.yaml").read_text() for folder in (home, whole)]
    assert tuned[0] == tuned[1]


@pytest.mark.slow
def test_an_ablation_has_a_row_a_group_and_a_source_and_trains_nothing_twice(home: Path) -> None:
    report = home / "reports/ablation.parquet"
    done = recsys(home, "ablate", "--groups")
    assert done.returncode == 0, done.stderr
    assert pl.read_parquet(report)["left_out"].sort().to_list() == sorted(FEATURE_GROUPS)
    done = recsys(home, "ablate", "--sources")
    assert done.returncode == 0, done.stderr
    assert "with everything" not in done.stderr
    table = pl.read_parquet(report)
    sources = load_config({}).candidates.sources
    assert table.filter(pl.col("kind") == "source")["left_out"].sort().to_list() == sorted(sources)
    assert table["n_features"].sum() == len(feature_names(home)) + 3 * len(sources)  # score, value, rank
    assert all((home / f"reports/ablation.{ending}").exists() for ending in ("md", "png"))
    again = recsys(home, "ablate")
    assert (again.returncode, again.stderr) == (0, "")
    assert pl.read_parquet(report).equals(table)
