"""A neural network for ratings: embeddings of user and item, dense layers over them and a few features.

Only what is asked for a network imports this module: PyTorch is an extra.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from recsys_assets.rating.baselines import DESCRIPTION_FILE, FloatArray
from recsys_assets.rating.frame import Snapshot
from recsys_assets.settings import RatingNetworkConfig
from recsys_assets.torch_extra import seeded_torch

WEIGHTS_FILE = "weights.safetensors"
BATCH = 1024
ROWS_AT_ONCE = 100_000


class RatingNetwork(nn.Module):
    """mean + bias of user + bias of item + dense layers over (user, item, user x item, features).

    Position 0 stands for whom or what it does not know: its embedding and bias are zero, and stay so.
    Source: He et al., "Neural collaborative filtering", 2017, with the biases of matrix factorisation beside it.
    """

    def __init__(
        self, n_users: int, n_items: int, n_features: int, dimensions: int, hidden: int, dropout: float
    ) -> None:
        super().__init__()
        self.users = nn.Embedding(n_users + 1, dimensions, padding_idx=0)
        self.items = nn.Embedding(n_items + 1, dimensions, padding_idx=0)
        self.user_bias = nn.Embedding(n_users + 1, 1, padding_idx=0)
        self.item_bias = nn.Embedding(n_items + 1, 1, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Sequential(
            nn.Linear(3 * dimensions + n_features, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden // 2),
            nn.ReLU(),
            nn.Linear(hidden // 2, 1),
        )
        with torch.no_grad():
            for embedding, scale in (
                (self.users, 0.1),
                (self.items, 0.1),
                (self.user_bias, 0.0),
                (self.item_bias, 0.0),
            ):
                embedding.weight.normal_().mul_(scale)
                embedding.weight[0] = 0

    def forward(self, users: Tensor, items: Tensor, features: Tensor) -> Tensor:
        """One deviation from the mean a row; `users`, `items`: (n,) positions, `features`: (n, n_features)."""
        user, item = self.dropout(self.users(users)), self.dropout(self.items(items))
        deep = self.dense(torch.cat([user, item, user * item, features], dim=1))
        return (self.user_bias(users) + self.item_bias(items) + deep).squeeze(1)


@dataclass(frozen=True)
class NetworkModel:
    """A trained network and all it needs to read its input.

    Attributes:
        network: in evaluation mode.
        description: `users`, `items` (ids in the order of the embeddings), `features` (name -> mean and deviation),
            `mean`, `low`, `high` of the ratings, and the network's `sizes`.
    """

    network: RatingNetwork
    description: dict[str, Any]

    def predict(self, snapshot: Snapshot, pairs: pl.DataFrame) -> FloatArray:
        """One rating a row of `pairs`, within the range of the ratings it learnt from."""
        low, high = self.description["low"], self.description["high"]
        with torch.inference_mode():
            users, items, features = _encode(snapshot, pairs, self.description)
            parts = [
                self.network(users[start : start + ROWS_AT_ONCE], items[start : start + ROWS_AT_ONCE],
                             features[start : start + ROWS_AT_ONCE])
                for start in range(0, len(users), ROWS_AT_ONCE)
            ]  # fmt: skip
        deviations = torch.cat(parts).numpy() if parts else np.empty(0)
        return np.asarray(np.clip(deviations.astype(np.float64) + self.description["mean"], low, high), np.float64)

    def save(self, folder: Path) -> None:
        """Write `weights.safetensors` and `model.json` into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.network.state_dict(), folder / WEIGHTS_FILE)
        (folder / DESCRIPTION_FILE).write_text(json.dumps(self.description), "utf-8")


def load_network(folder: Path) -> NetworkModel:
    """The model that `NetworkModel.save` wrote into `folder`."""
    description = json.loads((folder / DESCRIPTION_FILE).read_text("utf-8"))
    network = RatingNetwork(**description["sizes"])
    network.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return NetworkModel(network.eval(), description)


def fit_network(
    snapshot: Snapshot, settings: RatingNetworkConfig, *, seed: int, judge: pl.DataFrame | None, epochs: int
) -> tuple[NetworkModel, int]:
    """Learn the visible ratings of `snapshot`.

    Args:
        snapshot: its ratings are learnt; of its features, those that no rating's value enters.
        settings: sizes and rates.
        seed: of weights, order and dropout.
        judge: later ratings (`user_id`, `item_id`, `value`) to stop on; the best epoch's weights are returned, and
            training ends after `settings.patience` epochs without a better one. None: exactly `epochs` epochs.
        epochs: at most so many.

    Returns:
        The model, and how many epochs it was trained for.
    """
    ratings = snapshot.ratings
    description = _describe(snapshot, settings)
    target = torch.from_numpy((ratings["value"].to_numpy() - description["mean"]).astype(np.float32))
    users, items, features = _encode(snapshot, ratings, description)
    with seeded_torch(seed) as generator:
        network = RatingNetwork(**description["sizes"])
        optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
        model = NetworkModel(network, description)
        best, best_error, best_state = 0, float("inf"), network.state_dict()
        for epoch in range(1, epochs + 1):
            network.train()
            for batch in _batches(len(target), generator):
                optimizer.zero_grad()
                error = network(users[batch], items[batch], features[batch]) - target[batch]
                (error**2).mean().backward()
                optimizer.step()
            network.eval()
            if judge is None:
                best = epoch
                continue
            error_now = float(np.mean((model.predict(snapshot, judge) - judge["value"].to_numpy()) ** 2))
            if error_now < best_error:
                best, best_error, best_state = epoch, error_now, deepcopy(network.state_dict())
            elif epoch - best >= settings.patience:
                break
        if judge is not None:
            network.load_state_dict(best_state)
    return NetworkModel(network.eval(), description), best


def _batches(n_rows: int, generator: torch.Generator) -> Iterator[Tensor]:
    order = torch.randperm(n_rows, generator=generator)
    yield from order.split(BATCH)


def _describe(snapshot: Snapshot, settings: RatingNetworkConfig) -> dict[str, Any]:
    ratings = snapshot.ratings
    known = snapshot.features_of(ratings, without_values=True).select(_shrunk())
    scales = {}
    for name in known.columns:
        values = known[name].drop_nulls().drop_nans().to_numpy().astype(np.float64)
        if len(values) and values.std() > 0:
            scales[name] = [float(values.mean()), float(values.std())]
    users, items = (ratings[key].unique().sort().to_list() for key in ("user_id", "item_id"))
    return {
        "users": users,
        "items": items,
        "features": scales,
        "mean": float(ratings["value"].to_numpy().mean()),
        "low": float(ratings["value"].to_numpy().min()),
        "high": float(ratings["value"].to_numpy().max()),
        "sizes": {
            "n_users": len(users),
            "n_items": len(items),
            "n_features": len(scales),
            "dimensions": settings.dimensions,
            "hidden": settings.hidden,
            "dropout": settings.dropout,
        },
    }


def _encode(snapshot: Snapshot, pairs: pl.DataFrame, description: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    users, items = (
        torch.from_numpy(_positions(pairs[key], description[name]))
        for key, name in (("user_id", "users"), ("item_id", "items"))
    )
    raw = snapshot.features_of(pairs, without_values=True).select(_shrunk())
    columns = [
        ((pl.col(name) - mean) / deviation).clip(-4, 4).fill_nan(0).fill_null(0)
        for name, (mean, deviation) in description["features"].items()
    ]
    features = raw.select(columns).to_numpy().astype(np.float32).reshape(len(pairs), len(columns))
    return users, items, torch.from_numpy(features)


def _shrunk() -> pl.Expr:
    return pl.all().sign() * (pl.all().abs() + 1).log()


def _positions(ids: pl.Series, known: list[str]) -> np.ndarray:
    table = pl.DataFrame({"id": pl.Series(known, dtype=pl.String), "position": np.arange(1, len(known) + 1)})
    found = ids.to_frame("id").join(table, on="id", how="left", maintain_order="left")["position"]
    return found.fill_null(0).to_numpy().astype(np.int64)
