"""Co-visitation: what people moved on to from the items that the user had last."""

import numpy as np

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.generate import Scorer
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.config import Config

HALF_LIFE_EVENTS = 20.0


def fit_covisited(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """The sum of `candidates.covisited_items` over the user's items, recent ones first.

    The item-to-item scores, directed and decayed by the gap between two events, come from the warehouse.
    """
    recent = history.recent(HALF_LIFE_EVENTS)

    def score(users: IntArray) -> FloatArray:
        return np.asarray((recent[users] @ catalogue.covisited).toarray(), np.float32)

    return score
