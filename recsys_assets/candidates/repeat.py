"""Repeat: what the user had to do with before and may still be offered (looked at, left in the cart, bought again)."""

import numpy as np

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.generate import Scorer
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.config import Config

HALF_LIFE_EVENTS = 20.0


def fit_repeat(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """The user's own items by summed weight, halved for every 20 events of hers since the last contact."""
    pairs = history.pairs
    decay = np.exp2(-(pairs["last_recency_rank"].to_numpy() - 1) / HALF_LIFE_EVENTS)
    own = history.matrix(pairs["weight"].to_numpy() * decay)

    def score(users: IntArray) -> FloatArray:
        return np.asarray(own[users].toarray(), np.float32)

    return score
