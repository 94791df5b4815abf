"""`recsys tune`: search for the settings with which the ranker of this build would be best on validation."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.evaluation.bootstrap import Interval, bootstrap_mean_interval, bootstrap_paired_difference
from recsys_assets.experiments.bench import Bench
from recsys_assets.experiments.halves import cross_fitted_gains
from recsys_assets.experiments.search_space import Number, apply_values, open_space, read_values
from recsys_assets.experiments.study import NDCG_BY_USER, SECONDS, VALUES, finished_trials, open_study, run_trial
from recsys_assets.experiments.tuned_file import forget_tuned, write_tuned
from recsys_assets.locks import only_one
from recsys_assets.ranking.train import train_with_validation


@dataclass(frozen=True)
class Tuning:
    """What a study has found so far.

    Attributes:
        study: its name: the fingerprint of data, features and untuned settings.
        n_trials: finished ones; the first is the untuned configuration.
        n_users: validation users.
        default: settings (dotted keys under `ranking`) of the first trial.
        best: those of the trial with the highest mean NDCG@10; `default` if no other is better.
        default_ndcg: mean NDCG@10 over the validation users.
        best_ndcg: likewise.
        difference: of the two, user by user; flattered, since the best was chosen on these very users.
        expected: the same on users that the choice did not look at (`cross_fitted_gains`).
        is_written: whether the best settings were written to `tuned.yaml`.
    """

    study: str
    n_trials: int
    n_users: int
    default: dict[str, Number]
    best: dict[str, Number]
    default_ndcg: float
    best_ndcg: float
    difference: Interval
    expected: Interval
    is_written: bool


def tune(
    untuned: Config,
    current: Config,
    bench: Bench,
    own_settings: Mapping[str, Any],
    *,
    budget_seconds: float,
    n_trials: int | None,
    say: Callable[[str], None],
) -> Tuning:
    """Add trials to the study of this build until the time is over or there are `n_trials`, and write what is better.

    The best settings are written only if choosing them also gains on users that the choice did not look at; what an
    earlier run of the same study wrote is taken back if that no longer holds.

    Args:
        untuned: the configuration without `tuned.yaml`: the first trial.
        current: the configuration with it: the second, where it differs.
        bench: the build's frames.
        own_settings: what a person set; it is not searched.
        budget_seconds: no trial begins later; the first of a run always does.
        n_trials: of the whole study, earlier runs included; None: as many as the time allows.
        say: gets one line a trial.

    Raises:
        RecsysError: a person set everything that there is to search, or another process tunes this home.
    """
    space = open_space(untuned, own_settings)
    if not space:
        raise RecsysError("There is nothing to tune: RECSYS_CONFIG and the environment set all of `ranking`.")
    default, earlier = ({key: read_values(config)[key] for key in space} for config in (untuned, current))
    within = all(space[key].low <= value <= space[key].high for key, value in earlier.items())
    first = [default, earlier] if earlier != default and within else [default]

    def judge(values: Mapping[str, Number]) -> Any:
        config = apply_values(untuned, values)
        ranker, _ = train_with_validation(bench.rows, bench.validation, config)
        return bench.judge(ranker)

    with only_one(untuned.tuning_path.with_suffix(".lock"), "recsys tune"):
        name = bench.fingerprint(untuned)
        study = open_study(untuned.tuning_path, name)
        deadline = time.monotonic() + budget_seconds
        say(f"study {name}: {len(finished_trials(study))} trials are there; {len(bench.user_ids):,} validation users")
        is_first = True
        while (n_trials is None or len(finished_trials(study)) < n_trials) and (
            is_first or time.monotonic() < deadline
        ):
            is_first = False
            run_trial(study, space, first, judge, untuned.seed)
            say(_describe(finished_trials(study)))
        return _conclude(untuned, bench, name, finished_trials(study))


def _describe(trials: list[FrozenTrial]) -> str:
    values = [trial.value or 0.0 for trial in trials]
    last = trials[-1]
    settings = ", ".join(
        f"{key.removeprefix('objectives.')} {value:g}" for key, value in last.user_attrs[VALUES].items()
    )
    best = "the best so far" if len(values) > 1 and values[-1] > max(values[:-1]) else f"best {max(values):.4f}"
    return (
        f"trial {len(trials)}: NDCG@10 {values[-1]:.4f} ({values[-1] - values[0]:+.4f}; {best}; "
        f"{last.user_attrs[SECONDS]:.1f} s): {settings}"
    )


def _conclude(config: Config, bench: Bench, name: str, trials: list[FrozenTrial]) -> Tuning:
    ndcg = np.array([trial.user_attrs[NDCG_BY_USER] for trial in trials])
    means = [trial.value or 0.0 for trial in trials]
    best = means.index(max(means))
    draws, seed = config.evaluation.bootstrap_draws, config.seed
    expected = bootstrap_mean_interval(cross_fitted_gains(ndcg, bench.user_ids), draws, seed)
    found = Tuning(
        study=name,
        n_trials=len(trials),
        n_users=len(bench.user_ids),
        default=trials[0].user_attrs[VALUES],
        best=trials[best].user_attrs[VALUES],
        default_ndcg=means[0],
        best_ndcg=means[best],
        difference=bootstrap_paired_difference(ndcg[best], ndcg[0], draws, seed),
        expected=expected,
        is_written=best > 0 and expected.mean > 0,
    )
    if found.is_written:
        heading = (
            f"Found by `recsys tune`, study {name}, {len(trials)} trials: NDCG@10 on validation {means[best]:.4f}, "
            f"untuned {means[0]:.4f}."
        )
        write_tuned(config, found.best, heading)
    elif f"study {name}," in (config.tuned_path.read_text("utf-8") if config.tuned_path.exists() else ""):
        forget_tuned(config)  # more trials have shown that what this study wrote was luck
    return found
