"""One study: trials of one build's ranker, kept in SQLite, so that a killed one goes on where it stopped."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from recsys_assets.experiments.search_space import Distribution, Number, round_value
from recsys_assets.interrupts import interrupt_held

NDCG_BY_USER, SECONDS, VALUES = "ndcg_by_user", "seconds", "values"
RANDOM_TRIALS = 6  # before the sampler begins to learn

Judge = Callable[[Mapping[str, Number]], NDArray[np.float64]]
"""Values of settings -> NDCG of each user of a ranker that was trained with them."""


@interrupt_held()
def open_study(path: Path, name: str) -> optuna.Study:
    """The study of this name in a SQLite file, made if it is not there.

    What a killed process was at is marked as failed: failed trials teach the sampler nothing.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(study_name=name, storage=f"sqlite:///{path}", direction="maximize", load_if_exists=True)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    return study


@interrupt_held()
def finished_trials(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that count, in the order in which they were made."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def run_trial(
    study: optuna.Study, space: dict[str, Distribution], first: Sequence[Mapping[str, Number]], judge: Judge, seed: int
) -> FrozenTrial:
    """Make the next trial: the settings of `first` one by one, then what the sampler draws.

    The sampler is a new one each time, with a seed that moves with the number of finished trials: a study that was
    interrupted makes the same trials as one that was not. Source of the sampler: Bergstra et al., "Algorithms for
    hyper-parameter optimization", 2011 (TPE), in Optuna's multivariate form.
    """
    n_finished = len(finished_trials(study))
    distributions: dict[str, BaseDistribution] = {**space}
    if n_finished < len(first):
        values = dict(first[n_finished])
        ndcg, attributes = _judge(values, judge)
        with interrupt_held():
            study.add_trial(
                create_trial(
                    params=values, distributions=distributions, value=float(ndcg.mean()), user_attrs=attributes
                )
            )
        return finished_trials(study)[-1]
    study.sampler = optuna.samplers.TPESampler(
        seed=(seed + n_finished) % 2**32, n_startup_trials=RANDOM_TRIALS, multivariate=True, constant_liar=False
    )
    with interrupt_held():
        trial = study.ask(distributions)
    ndcg, attributes = _judge({key: round_value(value) for key, value in trial.params.items()}, judge)
    with interrupt_held():
        for name, value in attributes.items():
            trial.set_user_attr(name, value)
        return study.tell(trial, float(ndcg.mean()))


def _judge(values: dict[str, Number], judge: Judge) -> tuple[NDArray[np.float64], dict[str, Any]]:
    started = time.monotonic()
    ndcg = judge(values)
    seconds = round(time.monotonic() - started, 2)
    by_user = [round(float(value), 6) for value in ndcg]
    return ndcg, {NDCG_BY_USER: by_user, SECONDS: seconds, VALUES: values}
