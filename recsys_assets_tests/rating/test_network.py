import numpy as np
import polars as pl
import pytest

from recsys_assets.rating.baselines import fit_mean
from recsys_assets.rating.frame import Snapshot

pytestmark = pytest.mark.usefixtures("torch_extra")


def fit(world, config, seed: int = 1, **changed):
    from recsys_assets.rating.network import fit_network

    snapshot, window = world
    settings = config.rating.network.model_copy(update={"dimensions": 8, "hidden": 16, "learning_rate": 0.02})
    arguments = {"judge": window, "epochs": 15} | changed
    return fit_network(snapshot, settings, seed=seed, **arguments)


def test_it_beats_the_mean_by_far(world, tiny_home) -> None:
    snapshot, window = world
    model, epochs = fit(world, tiny_home)
    errors = [
        np.mean((predicted - window["value"].to_numpy()) ** 2)
        for predicted in (model.predict(snapshot, window), fit_mean(snapshot.ratings).predict(window))
    ]
    assert errors[0] < 0.6 * errors[1]
    assert 1 <= epochs <= 15


def test_the_seed_alone_decides_it(world, tiny_home) -> None:
    snapshot, window = world
    one, two, other = (fit(world, tiny_home, seed, judge=None, epochs=2)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.predict(snapshot, window), two.predict(snapshot, window))
    assert (one.predict(snapshot, window) != other.predict(snapshot, window)).any()


def test_it_leaves_the_random_state_and_the_threads_of_others_alone(world, tiny_home) -> None:
    import torch

    torch.manual_seed(3)
    expected, threads = torch.rand(1), torch.get_num_threads()
    torch.manual_seed(3)
    fit(world, tiny_home, judge=None, epochs=1)
    assert (torch.rand(1), torch.get_num_threads()) == (expected, threads)


def test_it_stops_when_later_ratings_are_predicted_no_better(world, tiny_home) -> None:
    snapshot, window = world
    noise = window.with_columns(value=pl.Series(np.random.default_rng(0).uniform(1, 5, len(window))))
    _, epochs = fit((snapshot, noise), tiny_home, epochs=40)
    assert epochs < 30


def test_no_feature_that_a_rating_entered_is_learnt_from(world, tiny_home) -> None:
    snapshot, window = world
    told = snapshot.users.with_columns(user_mean_rating_value=pl.Series(np.arange(60), dtype=pl.Float32))
    model, _ = fit((Snapshot("test", snapshot.ratings, told, snapshot.items), window), tiny_home, judge=None, epochs=1)
    assert set(model.description["features"]) == {"user_n_events", "item_price"}


def test_what_is_saved_predicts_the_same_also_for_whom_it_does_not_know(world, tiny_home, tmp_path) -> None:
    from recsys_assets.rating.network import load_network

    snapshot, _ = world
    pairs = pl.DataFrame({"user_id": ["u01", "new", "new"], "item_id": ["i01", "i01", "new"]})
    model, _ = fit(world, tiny_home, judge=None, epochs=2)
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "weights.safetensors"]
    np.testing.assert_array_equal(load_network(tmp_path).predict(snapshot, pairs), model.predict(snapshot, pairs))
    assert model.predict(snapshot, pairs[:0]).shape == (0,)
