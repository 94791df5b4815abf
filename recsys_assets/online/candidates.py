"""What every candidate source thinks of every item for one user, and their fusion's best."""

from dataclasses import dataclass

import numpy as np

from recsys_assets.candidates.generate import best_places, rank_places
from recsys_assets.candidates.history import FloatArray, History
from recsys_assets.online.events import Bools, Ints
from recsys_assets.online.model import OnlineModel
from recsys_assets.online.user_items import UserItems


@dataclass(frozen=True)
class Opinions:
    """The sources' opinions, as `candidates.merged` holds them, but of all items.

    Attributes:
        scores: sources x items; 0 where an item is no candidate of the source.
        ranks: sources x items, from 1; 0 where the source does not list the item.
        fused: one value an item; minus infinity where no source gives a score.
        candidates: positions of the user's candidates, the best first.
        highest: the highest score of each source among the candidates.
    """

    scores: FloatArray
    ranks: Ints
    fused: FloatArray
    candidates: Ints
    highest: FloatArray


def ask_sources(model: OnlineModel, history: History, own: UserItems, allowed: Bools | None = None) -> Opinions:
    """Score all items for the one user of `history`; consumed, unavailable and not allowed ones are no candidates."""
    only = np.zeros(1, np.int32)
    scores = np.vstack([scorer(history, only) for scorer in model.scorers.values()])
    np.maximum(scores, 0, out=scores)
    scores[:, own.item[own.is_consumed]] = 0
    scores[:, model.items.unavailable] = 0
    if allowed is not None:
        scores[:, ~allowed] = 0
    fused = model.fusion.score_one(scores)
    best = best_places(fused[None, :], model.state.per_user)[0]
    candidates = best[np.isfinite(fused[best])]
    return Opinions(
        scores, rank_places(scores, model.state.list_length), fused, candidates, _highest(scores, candidates)
    )


def _highest(scores: FloatArray, candidates: Ints) -> FloatArray:
    highest: FloatArray = scores[:, candidates].max(axis=1, initial=0)
    return highest
