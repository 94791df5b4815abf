"""A random forest over the features of user and item at a cutoff, and the biases learnt from what was visible then."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from recsys_assets.errors import RecsysError
from recsys_assets.rating.baselines import DESCRIPTION_FILE, BiasModel, FloatArray, load_bias
from recsys_assets.rating.frame import Snapshot
from recsys_assets.settings import RatingForestConfig

FOREST_FILE = "forest.skops"
BIAS_FOLDER = "bias"
TRUSTED_TYPES = ["sklearn.tree._tree.Tree"]  # the one type of a forest that skops does not trust by itself
BIAS_FEATURES = ("bias_user", "bias_item", "bias_prediction")


@dataclass(frozen=True)
class LearntWindow:
    """The ratings of one cutoff's window (`pairs`), and what was known before them: what a forest learns from."""

    snapshot: Snapshot
    bias: BiasModel
    pairs: pl.DataFrame


@dataclass(frozen=True)
class ForestModel:
    """A forest, the biases that are among its features, and the names of all its features in order."""

    forest: RandomForestRegressor
    bias: BiasModel
    feature_names: tuple[str, ...]

    def predict(self, snapshot: Snapshot, pairs: pl.DataFrame) -> FloatArray:
        """One rating a row of `pairs`; `snapshot` has the features as of the cutoff that the biases were learnt at."""
        if pairs.is_empty():
            return np.empty(0)
        features = build_features(snapshot, self.bias, pairs).select(self.feature_names)
        return np.asarray(self.forest.predict(features.to_numpy()), np.float64)

    def save(self, folder: Path) -> None:
        """Write `forest.skops`, `model.json` (the features in order) and the biases into `folder`.

        The bytes of a skops file hold the time and memory addresses; what is loaded from it predicts the same.
        """
        self.bias.save(folder / BIAS_FOLDER)
        from skops import io as skops_io  # it imports all of sklearn, which takes seconds: not in every run

        skops_io.dump(self.forest, folder / FOREST_FILE)
        (folder / DESCRIPTION_FILE).write_text(json.dumps({"features": self.feature_names}), "utf-8")


def load_forest(folder: Path) -> ForestModel:
    """The model that `ForestModel.save` wrote into `folder`; it unpickles nothing.

    Raises:
        RecsysError: the file holds a type that no forest of ours has.
    """
    from skops import io as skops_io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        forest = skops_io.load(folder / FOREST_FILE, trusted=TRUSTED_TYPES)
    except UntrustedTypesFoundException as error:
        raise RecsysError(f"{folder / FOREST_FILE} is not loaded, it is no forest of ours: {error}") from None
    names = json.loads((folder / DESCRIPTION_FILE).read_text("utf-8"))["features"]
    return ForestModel(forest, load_bias(folder / BIAS_FOLDER), tuple(names))


def build_features(snapshot: Snapshot, bias: BiasModel, pairs: pl.DataFrame) -> pl.DataFrame:
    """One row per row of `pairs`, Float32, NULL where unknown: the biases and every feature of user and item."""
    of_user, of_item = bias.parts(pairs)
    values: Sequence[NDArray[np.float64]] = (of_user, of_item, bias.predict(pairs))
    biases = [pl.Series(name, value, pl.Float32) for name, value in zip(BIAS_FEATURES, values, strict=True)]
    return pl.DataFrame(biases).hstack(snapshot.features_of(pairs))


def fit_forest(
    windows: Sequence[LearntWindow],
    bias: BiasModel,
    settings: RatingForestConfig,
    *,
    leaf: int,
    threads: int,
    seed: int,
) -> ForestModel:
    """Learn the ratings of `windows`, each from what was known before it; `bias` is for predicting.

    So no rating is among the features of its own row. Source: Breiman, "Random forests", 2001; missing values go to
    the side that scikit-learn found better in training.
    """
    features = pl.concat(build_features(window.snapshot, window.bias, window.pairs) for window in windows)
    values = np.concatenate([window.pairs["value"].to_numpy() for window in windows])
    forest = RandomForestRegressor(
        n_estimators=settings.trees,
        max_depth=settings.max_depth,
        min_samples_leaf=leaf,
        max_features=settings.feature_share,
        max_samples=min(settings.rows_per_tree, len(values)),
        n_jobs=threads,
        random_state=seed,
    )
    forest.fit(features.to_numpy(), values)
    forest.n_jobs = 1  # several threads would add the trees' predictions in the order in which they end
    return ForestModel(forest, bias, tuple(features.columns))
