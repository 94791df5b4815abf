"""A study on a function with a known best place: interrupted, it makes the same trials as one that was not."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from recsys_assets.config import load_config
from recsys_assets.experiments.search_space import open_space, read_values
from recsys_assets.experiments.study import NDCG_BY_USER, VALUES, finished_trials, open_study, run_trial

CONFIG = load_config({})
SPACE = open_space(CONFIG, {})
FIRST = [read_values(CONFIG)]


def judge(values: Mapping[str, float]) -> np.ndarray:
    distance = abs(np.log(values["learning_rate"] / 0.05)) + abs(values["feature_share"] - 0.8)
    return np.array([0.0, 1.0, 0.5]) / (1 + distance)


def trials_of(path: Path, n_trials: int, interrupt_at: tuple[int, ...] = ()) -> list[tuple[object, ...]]:
    """The trials of a study whose process dies in the middle of some of them and is started again."""
    for stop in (*interrupt_at, n_trials):
        study = open_study(path, "study")

        def judge_or_die(values: Mapping[str, float]) -> np.ndarray:
            if stop in interrupt_at and len(finished_trials(study)) == stop:  # noqa: B023
                raise KeyboardInterrupt
            return judge(values)

        try:
            while len(finished_trials(study)) < n_trials:
                run_trial(study, SPACE, FIRST, judge_or_die, seed=42)
        except KeyboardInterrupt:
            assert len(finished_trials(study)) == stop
    found = finished_trials(open_study(path, "study"))
    return [(trial.value, trial.user_attrs[VALUES], trial.user_attrs[NDCG_BY_USER]) for trial in found]


def test_interrupted_and_run_again_it_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    whole = trials_of(tmp_path / "whole.db", 12)
    assert len(whole) == 12
    assert trials_of(tmp_path / "interrupted.db", 12, interrupt_at=(0, 3, 9)) == whole


def test_it_begins_with_todays_settings_and_gets_better(tmp_path: Path) -> None:
    trials = trials_of(tmp_path / "study.db", 14)
    assert trials[0][1] == FIRST[0]
    assert max(value for value, *_ in trials[6:]) > trials[0][0]  # type: ignore[operator]
    assert len({str(values) for _, values, _ in trials}) == 14


def test_studies_in_one_file_do_not_mix(tmp_path: Path) -> None:
    one, other = (open_study(tmp_path / "study.db", name) for name in ("one", "other"))
    run_trial(one, SPACE, FIRST, judge, seed=1)
    assert (len(finished_trials(one)), len(finished_trials(other))) == (1, 0)
