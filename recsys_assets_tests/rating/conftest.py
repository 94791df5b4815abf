"""Rated worlds, made by hand and by a seed."""

import importlib.util

import numpy as np
import polars as pl
import pytest

from recsys_assets.rating.frame import Snapshot


@pytest.fixture
def torch_extra() -> None:
    """Skips where the extra is absent."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed: run `make setup-torch`")


@pytest.fixture
def world() -> tuple[Snapshot, pl.DataFrame]:
    """Ratings of 60 users and 40 items: the user's level, the item's, and its price; 1,800 known, 600 to come."""
    drawn = np.random.default_rng(5)
    pairs = drawn.permutation(60 * 40)
    user, item = pairs // 40, pairs % 40
    price = drawn.uniform(1, 9, 40)
    level = drawn.normal(0, 0.7, 60)[user] + drawn.normal(0, 0.5, 40)[item]
    value = np.clip(np.round(2 * (3.3 + level + 0.1 * (price[item] - 5) + drawn.normal(0, 0.3, len(pairs)))) / 2, 1, 5)
    ratings = pl.DataFrame(
        {"user_id": [f"u{n:02}" for n in user], "item_id": [f"i{n:02}" for n in item], "value": value}
    )
    counts = np.bincount(user[:1800], minlength=60)
    users = pl.DataFrame(
        {"user_id": [f"u{n:02}" for n in range(60)], "user_n_events": pl.Series(counts, dtype=pl.Float32)}
    )
    items = pl.DataFrame({"item_id": [f"i{n:02}" for n in range(40)], "item_price": pl.Series(price, dtype=pl.Float32)})
    return Snapshot("test", ratings[:1800], users, items), ratings[1800:]
