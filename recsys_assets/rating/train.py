"""All rating models of one build: chosen on validation, judged at test, refitted for live."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from recsys_assets.config import Config
from recsys_assets.evaluation.inputs import read_split
from recsys_assets.evaluation.report import MODEL_REPORT_SCHEMA
from recsys_assets.fitted import Savable
from recsys_assets.rating.baselines import FloatArray, fit_bias, fit_mean
from recsys_assets.rating.forest import ForestModel, LearntWindow, fit_forest
from recsys_assets.rating.frame import Snapshot, read_snapshot, read_window
from recsys_assets.rating.report import build_rating_report
from recsys_assets.schema import LIVE_CUTOFF
from recsys_assets.torch_extra import require_torch

MIN_RATINGS = 20  # in the windows that choose and judge, and to learn from


@dataclass(frozen=True)
class RatingModels:
    """What training left.

    Attributes:
        report: rows of `model_report`; empty where there are too few ratings.
        models: name -> the model refitted on everything that is visible now.
        note: one sentence on what was done, or why nothing was.
    """

    report: pl.DataFrame
    models: dict[str, Savable]
    note: str


@dataclass(frozen=True)
class Part:
    """A cutoff's snapshot and the ratings of its window."""

    snapshot: Snapshot
    window: pl.DataFrame

    @property
    def has_enough(self) -> bool:
        """Whether there is something to learn from, and to judge on."""
        return min(len(self.snapshot.ratings), len(self.window)) >= MIN_RATINGS


@dataclass(frozen=True)
class Parts:
    """The cutoffs in their roles, oldest first."""

    training: list[Part]
    validation: Part
    test: Part
    live: Snapshot


@dataclass(frozen=True)
class Trained:
    """One model: what it predicted at test without having seen it, itself refitted for live, and what was chosen."""

    predictions: FloatArray
    model: Savable
    choice: str


def train_rating_models(
    connection: duckdb.DuckDBPyConnection,
    config: Config,
    cutoffs_by_role: Mapping[str, list[str]],
    say: Callable[[str], None],
) -> RatingModels:
    """Train the models that `rating.models` names.

    Raises:
        RecsysError: `rating.models` names rating_network, and PyTorch is not installed.
    """
    if "rating_network" in config.rating.models:
        require_torch("rating.models names rating_network")
    parts = _read_parts(connection, cutoffs_by_role)
    if parts is None:
        note = f"No rating models: training, validation and test need {MIN_RATINGS} ratings before and after each."
        return RatingModels(pl.DataFrame(schema=MODEL_REPORT_SCHEMA), {}, note)
    trained: dict[str, Trained] = {}
    for name in config.rating.models:
        trained[name] = TRAINERS[name](parts, config)
        say(f"{name} on {len(parts.live.ratings):,} ratings{trained[name].choice}")
    report = build_rating_report(
        parts.test.window,
        {name: one.predictions for name, one in trained.items()},
        draws=config.evaluation.bootstrap_draws,
        seed=config.seed,
        cutoff=parts.test.snapshot.cutoff,
        split=read_split(connection),
    )
    note = f"Judged on {len(parts.test.window):,} ratings of the test window."
    return RatingModels(report, {name: one.model for name, one in trained.items()}, note)


def _read_parts(connection: duckdb.DuckDBPyConnection, cutoffs_by_role: Mapping[str, list[str]]) -> Parts | None:
    by_role = {
        role: [Part(read_snapshot(connection, cutoff), read_window(connection, cutoff)) for cutoff in cutoffs]
        for role, cutoffs in cutoffs_by_role.items()
        if role != LIVE_CUTOFF
    }
    training, validation, test = (
        [part for part in by_role.get(role, []) if part.has_enough] for role in ("training", "validation", "test")
    )
    if not (training and validation and test):
        return None
    return Parts(training, validation[0], test[0], read_snapshot(connection, LIVE_CUTOFF))


def _train_mean(parts: Parts, config: Config) -> Trained:
    at_test = fit_mean(parts.test.snapshot.ratings)
    return Trained(at_test.predict(parts.test.window), fit_mean(parts.live.ratings), "")


def _train_bias(parts: Parts, config: Config) -> Trained:
    strength = _choose_regularization(parts, config)
    at_test = fit_bias(parts.test.snapshot.ratings, strength)
    choice = f", biases regularised by {strength:g} ratings"
    return Trained(at_test.predict(parts.test.window), fit_bias(parts.live.ratings, strength), choice)


def _choose_regularization(parts: Parts, config: Config) -> float:
    errors = {
        strength: _mse(fit_bias(parts.validation.snapshot.ratings, strength).predict(parts.validation.window), parts)
        for strength in config.rating.regularizations
    }
    return min(errors, key=lambda strength: (errors[strength], -strength))


def _train_forest(parts: Parts, config: Config) -> Trained:
    strength = _choose_regularization(parts, config)
    validation, test = parts.validation, parts.test
    bias_at = {one.cutoff: fit_bias(one.ratings, strength) for one in _snapshots(parts)}

    def fit(windows: list[Part], snapshot: Snapshot, leaf: int) -> ForestModel:
        learnt = [LearntWindow(part.snapshot, bias_at[part.snapshot.cutoff], part.window) for part in windows]
        bias, settings = bias_at[snapshot.cutoff], config.rating.forest
        return fit_forest(learnt, bias, settings, leaf=leaf, threads=config.threads, seed=config.seed)

    errors = {
        leaf: _mse(
            fit(parts.training, validation.snapshot, leaf).predict(validation.snapshot, validation.window), parts
        )
        for leaf in config.rating.forest.leaves
    }
    leaf = min(errors, key=lambda leaf: (errors[leaf], -leaf))
    at_test = fit([*parts.training, validation], test.snapshot, leaf)
    model = fit([*parts.training, validation, test], parts.live, leaf)
    return Trained(at_test.predict(test.snapshot, test.window), model, f", leaves of {leaf}")


def _train_network(parts: Parts, config: Config) -> Trained:
    from recsys_assets.rating.network import fit_network  # only here, for it needs PyTorch

    settings, test = config.rating.network, parts.test
    _, epochs = fit_network(
        parts.validation.snapshot,
        settings,
        seed=config.seed,
        judge=parts.validation.window,
        epochs=settings.max_epochs,
    )
    at_test, _ = fit_network(test.snapshot, settings, seed=config.seed, judge=None, epochs=epochs)
    model, _ = fit_network(parts.live, settings, seed=config.seed, judge=None, epochs=epochs)
    return Trained(at_test.predict(test.snapshot, test.window), model, f", {epochs} epochs")


def _snapshots(parts: Parts) -> list[Snapshot]:
    return [*(part.snapshot for part in (*parts.training, parts.validation, parts.test)), parts.live]


def _mse(predictions: FloatArray, parts: Parts) -> float:
    """On the ratings of the validation window."""
    return float(np.mean((predictions - parts.validation.window["value"].to_numpy()) ** 2))


TRAINERS: dict[str, Callable[[Parts, Config], Trained]] = {
    "rating_mean": _train_mean,
    "rating_bias": _train_bias,
    "rating_forest": _train_forest,
    "rating_network": _train_network,
}
