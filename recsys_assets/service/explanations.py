"""What the features add to the scores of a list, for whoever asks why."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from recsys_assets.online.features import build_features
from recsys_assets.online.lists import View
from recsys_assets.online.model import OnlineModel
from recsys_assets.ranking.ranker import user_scale
from recsys_assets.service.rules import Place

SHOWN: Final = 8


def explain_places(model: OnlineModel, view: View, places: Sequence[Place]) -> dict[str, list[dict[str, Any]]]:
    """Item -> the features that move its score most: `feature`, `value` (None: unknown), `contribution`.

    Empty where no ranker made the list.
    """
    if model.ranker is None:
        return {}
    candidates = view.opinions.candidates
    of_candidates = build_features(model, view.user, view.opinions, candidates)
    mean, deviation = user_scale(model.ranker.part_values(of_candidates), np.array([len(candidates)]))
    known = [place.entry.item_id for place in places if place.entry.item_id in model.items.positions]
    items = np.array([model.items.positions[item_id] for item_id in known], np.int64)
    features = build_features(model, view.user, view.opinions, items)
    found = {}
    for item_id, row in zip(known, features, strict=True):
        shares = model.ranker.contributions(row, mean[0], deviation[0])
        values = dict(zip(model.ranker.feature_names, row.tolist(), strict=True))
        largest = sorted(shares, key=lambda name: (-abs(shares[name]), name))[:SHOWN]
        found[item_id] = [
            {
                "feature": name,
                "value": None if np.isnan(values[name]) else round(values[name], 6),
                "contribution": round(shares[name], 6),
            }
            for name in largest
        ]
    return found
