"""Fitted models whose users go: the others' parameters stay, and the model answers as before."""

import importlib.util
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys_assets.rating.frame import Snapshot
from recsys_assets.sources.forgotten import Forgotten, Tombstone
from recsys_assets.upkeep.forget_models import erase_from_models, find_in_models
from recsys_assets_tests.fixtures.home_with_user import NOW


def forgotten(*user_ids: str) -> Forgotten:
    nobody = Forgotten()
    users = (Tombstone(hash=nobody.hash_id(user_id), forgotten_at=NOW, models=()) for user_id in user_ids)
    return Forgotten(salt=nobody.salt, users=tuple(users))


def test_arrays_of_users_lose_a_row_and_others_stay(tmp_path: Path) -> None:
    factors, items = np.arange(6.0).reshape(3, 2), np.array(["b", "x"])
    path = tmp_path / "als" / "model.npz"
    path.parent.mkdir()
    np.savez(path, user_ids=np.array(["a", "b", "c"]), user_factors=factors, item_ids=items, item_factors=factors)
    np.savez(tmp_path / "model.npz", item_ids=items)  # neighbours of items know no users
    assert find_in_models(tmp_path, forgotten("b", "z")) == {path: 1}
    erase_from_models(tmp_path, forgotten("b", "z"))
    with np.load(path) as arrays:
        assert arrays["user_ids"].tolist() == ["a", "c"]
        assert arrays["user_factors"].tolist() == [[0, 1], [4, 5]]
        assert arrays["item_ids"].tolist() == ["b", "x"]
        assert arrays["item_factors"].shape == (3, 2)
    assert find_in_models(tmp_path, forgotten("b", "z")) == {}


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed: `make setup-torch`")
def test_a_network_no_longer_knows_the_user(tmp_path: Path, tiny_home) -> None:
    from recsys_assets.rating.network import fit_network, load_network

    users = ("a", "b", "c")
    ratings = pl.DataFrame(
        {"user_id": users * 8, "item_id": [f"i{n % 4}" for n in range(24)], "value": [float(n % 5) for n in range(24)]}
    )
    features = pl.DataFrame({"user_id": users, "user_n_events": pl.Series([8.0, 8.0, 8.0], dtype=pl.Float32)})
    items = pl.DataFrame({"item_id": [f"i{n}" for n in range(4)], "item_price": pl.Series(range(4), dtype=pl.Float32)})
    snapshot = Snapshot("test", ratings, features, items)
    model, _ = fit_network(snapshot, tiny_home.rating.network, seed=1, judge=None, epochs=3)
    model.save(tmp_path)
    erase_from_models(tmp_path, forgotten("b"))
    after = load_network(tmp_path)
    pairs = pl.DataFrame({"user_id": ["a", "c", "b"], "item_id": ["i1", "i2", "i3"]})
    before, now = model.predict(snapshot, pairs), after.predict(snapshot, pairs)
    np.testing.assert_array_equal(now[:2], before[:2])
    assert now[2] != before[2]
    assert after.description["users"] == ["a", None, "c"]
    weights = after.network.state_dict()
    assert weights["users.weight"][2].abs().sum() == weights["user_bias.weight"][2].abs().sum() == 0
    assert weights["users.weight"][3].abs().sum() > 0
