import re

import numpy as np
import polars as pl
import pytest
from skops import io as skops_io

from recsys_assets.errors import RecsysError
from recsys_assets.rating.baselines import fit_bias, fit_mean
from recsys_assets.rating.forest import FOREST_FILE, ForestModel, LearntWindow, build_features, fit_forest, load_forest
from recsys_assets.rating.frame import Snapshot


def mse(predicted: np.ndarray, window: pl.DataFrame) -> float:
    return float(np.mean((predicted - window["value"].to_numpy()) ** 2))


@pytest.fixture
def learn(world, tiny_home):
    """Learns the last third of what is known from the first two thirds, as a training window does."""

    def fit(seed: int = 1, threads: int = 2) -> ForestModel:
        snapshot, _ = world
        earlier = Snapshot("train_1", snapshot.ratings[:1200], snapshot.users, snapshot.items)
        window = LearntWindow(earlier, fit_bias(earlier.ratings, 5), snapshot.ratings[1200:])
        bias = fit_bias(snapshot.ratings, 5)
        return fit_forest([window], bias, tiny_home.rating.forest, leaf=5, threads=threads, seed=seed)

    return fit


def test_it_beats_the_mean_by_far(world, learn) -> None:
    snapshot, window = world
    assert mse(learn().predict(snapshot, window), window) < 0.6 * mse(
        fit_mean(snapshot.ratings).predict(window), window
    )


def test_the_seed_alone_decides_it(world, learn) -> None:
    snapshot, window = world
    first = learn().predict(snapshot, window)
    np.testing.assert_array_equal(learn(threads=1).predict(snapshot, window), first)
    assert (learn(seed=2).predict(snapshot, window) != first).any()


def test_unknown_users_and_items_get_a_rating_of_the_scale(world, learn) -> None:
    new = pl.DataFrame({"user_id": ["new", "u01"], "item_id": ["i01", "new"]})
    assert ((learn().predict(world[0], new) >= 1) & (learn().predict(world[0], new) <= 5)).all()


def test_features_are_biases_and_what_was_known(world) -> None:
    snapshot, _ = world
    pairs = pl.DataFrame({"user_id": ["u01", "new"], "item_id": ["new", "i01"]})
    bias = fit_bias(snapshot.ratings, 5)
    features = build_features(snapshot, bias, pairs)
    assert features.columns == ["bias_user", "bias_item", "bias_prediction", "user_n_events", "item_price"]
    assert features["item_price"].to_list() == [None, snapshot.items["item_price"][1]]
    assert features["bias_prediction"].to_list() == pytest.approx(bias.predict(pairs).tolist())


def test_what_is_saved_predicts_the_same(world, learn, tmp_path) -> None:
    snapshot, window = world
    model = learn()
    model.save(tmp_path)
    np.testing.assert_array_equal(load_forest(tmp_path).predict(snapshot, window), model.predict(snapshot, window))


def test_a_file_with_anything_but_a_forest_is_not_loaded(learn, tmp_path) -> None:
    learn().save(tmp_path)
    skops_io.dump(re.compile, tmp_path / FOREST_FILE)
    with pytest.raises(RecsysError, match=r"is not loaded, it is no forest of ours"):
        load_forest(tmp_path)
