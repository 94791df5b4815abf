"""Co-visitation: what people moved on to from the items that the user had last."""

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.history import History
from recsys_assets.candidates.neighbours import Neighbours
from recsys_assets.config import Config

HALF_LIFE_EVENTS = 20.0


def fit_covisited(history: History, catalogue: Catalogue, config: Config) -> Neighbours:
    """The sum of `candidates.covisited_items` over the user's items, recent ones first.

    The item-to-item scores, directed and decayed by the gap between two events, come from the warehouse.
    """
    return Neighbours(catalogue.covisited, HALF_LIFE_EVENTS)
