from pathlib import Path

import pytest

from recsys_assets.config import load_config
from recsys_assets.errors import RecsysError
from recsys_assets.experiments.bench import Bench
from recsys_assets.experiments.search_space import read_values
from recsys_assets.experiments.tuned_file import forget_tuned, write_tuned
from recsys_assets.experiments.tuning import Tuning, tune
from recsys_assets.ranking.train import train_with_validation


@pytest.fixture
def environ(quick_settings, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "home").mkdir()
    return quick_settings | {"RECSYS_HOME": str(tmp_path / "home")}


def run(environ: dict[str, str], bench: Bench, lines: list[str], n_trials: int | None = None) -> Tuning:
    untuned, current = (load_config(environ, tuned=tuned) for tuned in (False, True))
    return tune(untuned, current, bench, {}, budget_seconds=0, n_trials=n_trials, say=lines.append)


def test_a_user_without_candidates_counts_as_zero(bench: Bench, quick_config) -> None:
    ranker, _ = train_with_validation(bench.rows, bench.validation, quick_config)
    judged = dict(zip(bench.user_ids, bench.judge(ranker), strict=True))
    assert judged["u99"] == 0
    assert max(judged.values()) == 1


def test_every_run_adds_a_trial_and_the_best_is_never_worse_than_today(environ, bench: Bench) -> None:
    lines: list[str] = []
    found = [run(environ, bench, lines) for _ in range(4)]
    assert [one.n_trials for one in found] == [1, 2, 3, 4]
    assert len({one.study for one in found}) == 1
    assert found[0].default == found[0].best == read_values(load_config(environ, tuned=False))
    assert [line.split(":")[0] for line in lines if line.startswith("trial")] == [f"trial {n}" for n in (1, 2, 3, 4)]
    best = [one.best_ndcg for one in found]
    assert best == sorted(best)
    assert best[0] == found[0].default_ndcg
    assert run(environ, bench, lines, n_trials=4).n_trials == 4


def test_what_is_written_is_what_a_build_then_trains_with(environ, bench: Bench) -> None:
    for _ in range(8):
        found = run(environ, bench, [])
    assert found.is_written == (found.best != found.default and found.expected.mean > 0)
    expected = found.best if found.is_written else found.default
    config = load_config(environ)
    # what the environment of this test sets has the last word
    assert read_values(config) | {"max_trees": 0, "feature_share": 0} == expected | {"max_trees": 0, "feature_share": 0}
    assert config.tuned_path.exists() == found.is_written


def test_other_data_begin_a_new_study_and_try_earlier_tuned_settings_second(environ, bench: Bench) -> None:
    first = run(environ, bench, [])
    config = load_config(environ)
    write_tuned(config, {"learning_rate": 0.11}, "By hand.")
    other = Bench(bench.rows, bench.validation, bench.labels.head(len(bench.labels) - 1), bench.list_length)
    lines: list[str] = []
    found = [run(environ, other, lines) for _ in range(2)][-1]
    assert (found.study != first.study, found.n_trials) == (True, 2)
    assert ["learning_rate 0.11" in line for line in lines if line.startswith("trial")] == [False, True]


def test_tuned_settings_count_after_the_defaults_and_before_ones_own(tmp_path: Path) -> None:
    environ = {"RECSYS_HOME": str(tmp_path), "RECSYS__RANKING__MAX_TREES": "70"}
    untuned = load_config(environ)
    write_tuned(untuned, {"learning_rate": 0.11, "max_trees": 99, "objectives.binary.num_leaves": 5}, "By hand.")
    ranking = load_config(environ).ranking
    assert (ranking.learning_rate, ranking.max_trees, ranking.objectives.binary.num_leaves) == (0.11, 70, 5)
    assert ranking.objectives.binary.min_data_in_leaf == untuned.ranking.objectives.binary.min_data_in_leaf
    assert load_config(environ, tuned=False) == untuned
    assert (forget_tuned(untuned), forget_tuned(untuned)) == (True, False)
    assert load_config(environ) == untuned


def test_an_unknown_key_in_the_tuned_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "tuned.yaml").write_text("ranking: {objectives: {binary: {leaves: 5}}}", encoding="utf-8")
    with pytest.raises(RecsysError, match=r"unknown key 'ranking\.objectives\.binary\.leaves'"):
        load_config({"RECSYS_HOME": str(tmp_path)})
