"""Baselines for ratings: the mean of all, and the mean with a bias for each user and item."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
ROUNDS = 20  # of alternation; on 80,000 ratings nothing moves in the fourth digit after ten
DESCRIPTION_FILE = "model.json"


@dataclass(frozen=True)
class BiasModel:
    """mean + bias of the user + bias of the item, with 0 for whom or what it does not know.

    Attributes:
        mean: of all ratings.
        users: `user_id`, `bias`, sorted; empty for the global mean.
        items: `item_id`, `bias`, sorted; likewise.
    """

    mean: float
    users: pl.DataFrame
    items: pl.DataFrame

    def parts(self, pairs: pl.DataFrame) -> tuple[FloatArray, FloatArray]:
        """The biases of the users and items of `pairs` (`user_id`, `item_id`), in its order."""
        return _look_up(pairs, self.users, "user_id"), _look_up(pairs, self.items, "item_id")

    def predict(self, pairs: pl.DataFrame) -> FloatArray:
        """One rating a row of `pairs`, on the scale of the data."""
        of_user, of_item = self.parts(pairs)
        return self.mean + of_user + of_item

    def save(self, folder: Path) -> None:
        """Write `model.json`, `user_bias.parquet` and `item_bias.parquet` into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DESCRIPTION_FILE).write_text(json.dumps({"mean": self.mean}), "utf-8")
        self.users.write_parquet(folder / "user_bias.parquet")
        self.items.write_parquet(folder / "item_bias.parquet")


def load_bias(folder: Path) -> BiasModel:
    """The model that `BiasModel.save` wrote into `folder`."""
    mean = json.loads((folder / DESCRIPTION_FILE).read_text("utf-8"))["mean"]
    return BiasModel(mean, pl.read_parquet(folder / "user_bias.parquet"), pl.read_parquet(folder / "item_bias.parquet"))


def fit_mean(ratings: pl.DataFrame) -> BiasModel:
    """The global mean of `ratings` (`user_id`, `item_id`, `value`; at least one row)."""
    mean = float(ratings["value"].to_numpy().mean())
    return BiasModel(mean, _biases("user_id", [], []), _biases("item_id", [], []))


def fit_bias(ratings: pl.DataFrame, regularization: float) -> BiasModel:
    """The least-squares biases of users and items around the mean, each shrunk as by `regularization` average ratings.

    Source: Koren, "Factorization meets the neighborhood", 2008, section 2.1; solved by alternation.
    """
    mean = float(ratings["value"].to_numpy().mean())
    residual = ratings["value"].to_numpy() - mean
    user_ids, user = _positions(ratings["user_id"])
    item_ids, item = _positions(ratings["item_id"])
    user_bias, item_bias = np.zeros(len(user_ids)), np.zeros(len(item_ids))
    user_weight = np.bincount(user, minlength=len(user_ids)) + regularization
    item_weight = np.bincount(item, minlength=len(item_ids)) + regularization
    for _ in range(ROUNDS):
        item_bias = np.bincount(item, residual - user_bias[user], len(item_ids)) / item_weight
        user_bias = np.bincount(user, residual - item_bias[item], len(user_ids)) / user_weight
    return BiasModel(mean, _biases("user_id", user_ids, user_bias), _biases("item_id", item_ids, item_bias))


def _positions(ids: pl.Series) -> tuple[pl.Series, NDArray[np.int64]]:
    known = ids.unique().sort()
    return known, ids.cast(pl.Enum(known)).to_physical().to_numpy().astype(np.int64)


def _biases(key: str, ids: pl.Series | list[str], values: FloatArray | list[float]) -> pl.DataFrame:
    return pl.DataFrame({key: pl.Series(ids, dtype=pl.String), "bias": pl.Series(values, dtype=pl.Float64)})


def _look_up(pairs: pl.DataFrame, biases: pl.DataFrame, key: str) -> FloatArray:
    found = pairs.select(key).join(biases, on=key, how="left", maintain_order="left")
    return found["bias"].fill_null(0.0).to_numpy()
