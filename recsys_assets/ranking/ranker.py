"""The ranker: LightGBM boosters of several objectives and the fusion of the sources, on one scale and added up."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsys_assets.ranking.boosting import lgb

DESCRIPTION_FILE = "ranker.json"
ROWS_WORTH_THREADS = 10_000
# a part of its own, on which no booster splits: its weights are others at every cutoff, most of all at the first
FUSED = "fused_score"


@dataclass(frozen=True)
class Ranker:
    """A trained ranker.

    A row's score is the weighted sum over parts (each booster's raw score, and the fusion's) of (value - mean) /
    standard deviation, both taken over the user's candidates. Lambdarank alone is unstable with few training users; the
    blend is steadier.

    Attributes:
        feature_names: the columns of the feature matrix, in order.
        boosters: objective -> booster.
        fusion_weight: how much the fusion counts, in boosters; 0 where it is not among the features.
    """

    feature_names: tuple[str, ...]
    boosters: dict[str, lgb.Booster]
    fusion_weight: float = 0.0

    @property
    def part_names(self) -> tuple[str, ...]:
        """The parts that a score is the sum of."""
        return (*self.boosters, FUSED) if FUSED in self.feature_names else tuple(self.boosters)

    @property
    def part_weights(self) -> tuple[float, ...]:
        """What each part counts."""
        return tuple(self.fusion_weight if name == FUSED else 1.0 for name in self.part_names)

    def part_values(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Rows x parts: each part's raw value, before it is put on the user's scale."""
        # 0: all threads there are; a row's value does not depend on it
        threads = 1 if len(features) < ROWS_WORTH_THREADS else 0
        values = [booster.predict(features, raw_score=True, num_threads=threads) for booster in self.boosters.values()]
        if FUSED in self.feature_names:
            values.append(features[:, self.feature_names.index(FUSED)].astype(np.float64))
        return np.column_stack(values)

    def score(self, features: NDArray[np.float32], group: NDArray[np.int64]) -> NDArray[np.float64]:
        """One score a row, comparable within a user; higher is better."""
        values = self.part_values(features)
        mean, deviation = user_scale(values, group)
        return combine_parts(
            values, np.repeat(mean, group, axis=0), np.repeat(deviation, group, axis=0), self.part_weights
        )

    def contributions(
        self, features: NDArray[np.float32], mean: NDArray[np.float64], deviation: NDArray[np.float64]
    ) -> dict[str, float]:
        """What each feature adds to one row's score.

        In a booster, relative to the model's average (SHAP values of LightGBM); by the fusion, to the user's.

        Args:
            features: one row.
            mean: the user's scale, one value a part, and
            deviation: likewise.
        """
        total = dict.fromkeys(self.feature_names, 0.0)
        if FUSED in total:
            fused = float(features[self.feature_names.index(FUSED)])
            total[FUSED] = self.fusion_weight * (fused - float(mean[-1])) / float(deviation[-1])
        for booster, scale in zip(self.boosters.values(), deviation[: len(self.boosters)], strict=True):
            shares = np.asarray(booster.predict(features.reshape(1, -1), pred_contrib=True, num_threads=1))[0, :-1]
            for name, share in zip(self.feature_names, shares, strict=True):
                total[name] += float(share / scale)
        return total

    def gains(self) -> dict[str, float]:
        """Feature -> its share of a booster's gain, averaged over boosters: their gains are on different scales."""
        total = np.zeros(len(self.feature_names))
        for booster in self.boosters.values():
            gain = np.asarray(booster.feature_importance("gain"), np.float64)
            total += gain / max(gain.sum(), 1e-12) / len(self.boosters)
        return dict(zip(self.feature_names, total.tolist(), strict=True))

    def splits(self) -> dict[str, int]:
        """Feature -> number of splits on it over all boosters."""
        total = sum(np.asarray(booster.feature_importance("split"), np.int64) for booster in self.boosters.values())
        return dict(zip(self.feature_names, np.asarray(total).tolist(), strict=True))

    def save(self, folder: Path) -> None:
        """Write LightGBM text files and one JSON file into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        for objective, booster in self.boosters.items():
            booster.save_model(str(folder / f"{objective}.txt"))
        description = {
            "feature_names": self.feature_names,
            "objectives": list(self.boosters),
            "fusion_weight": self.fusion_weight,
        }
        (folder / DESCRIPTION_FILE).write_text(json.dumps(description, indent=1), encoding="utf-8")


def load_ranker(folder: Path) -> Ranker:
    """Read what `Ranker.save` wrote."""
    description = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    return Ranker(
        feature_names=tuple(description["feature_names"]),
        boosters={name: lgb.Booster(model_file=str(folder / f"{name}.txt")) for name in description["objectives"]},
        fusion_weight=description.get("fusion_weight", 0.0),  # bundles of before have no such part
    )


def user_scale(
    values: NDArray[np.float64], group: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Users x parts: mean and standard deviation of each part over the user's rows (1 where a part is constant)."""
    starts = np.concatenate([[0], np.cumsum(group)[:-1]]).astype(np.int64)
    if len(group) == 0:
        return np.zeros((0, values.shape[1])), np.ones((0, values.shape[1]))
    mean = np.add.reduceat(values, starts, axis=0) / group[:, None]
    spread = np.add.reduceat((values - np.repeat(mean, group, axis=0)) ** 2, starts, axis=0) / group[:, None]
    deviation = np.sqrt(spread)
    return mean, np.where(deviation > 1e-9, deviation, 1.0)


def combine_parts(
    values: NDArray[np.float64],
    mean: NDArray[np.float64],
    deviation: NDArray[np.float64],
    weights: Sequence[float],
) -> NDArray[np.float64]:
    """The score of each row from its parts and its user's scale (all rows x parts): the same bits wherever called."""
    total = np.zeros(len(values))
    for part, weight in enumerate(weights):
        total += weight * ((values[:, part] - mean[:, part]) / deviation[:, part])
    return total
