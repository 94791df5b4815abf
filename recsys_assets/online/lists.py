"""One user's lists from memory: what a build publishes, by what she did a moment ago."""

from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from typing import NamedTuple

import numpy as np

from recsys_assets.online.candidates import Opinions, ask_sources
from recsys_assets.online.events import Bools, Floats, Ints, UserEvents
from recsys_assets.online.features import User, build_features, describe_user
from recsys_assets.online.model import OnlineModel
from recsys_assets.online.reasons import Reason, explain
from recsys_assets.online.user_items import UserItems, history_of, sum_up
from recsys_assets.ranking.rerank import POOL_PER_USER, RerankRules, choose
from recsys_assets.schema import FUSION, RANKER

NEW_RELEASES, DISCOVER = "new_releases", "discover"


class Listed(NamedTuple):
    """One place of a list: the fields of `recommendations`."""

    item: int
    rank: int
    score: float
    reason: Reason
    sources: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """A user as she is now, with what the sources think of every item for her.

    Attributes:
        model: the bundle's.
        user: her features' inputs.
        opinions: of the sources.
    """

    model: OnlineModel
    user: User
    opinions: Opinions

    @property
    def items(self) -> UserItems:
        """What she had to do with."""
        return self.user.items

    @cached_property
    def candidate_scores(self) -> Floats:
        """The method's score of each candidate, in their order."""
        return score_items(self, self.opinions.candidates)


def look_at(model: OnlineModel, user_id: str, events: UserEvents, allowed: Bools | None = None) -> View:
    """Ask all sources about a user with at least one event.

    Args:
        model: the bundle's.
        user_id: her id.
        events: hers.
        allowed: which items may be offered; None: all that are available.
    """
    own = sum_up(events)
    history = history_of(user_id, own, model.items.ids)
    return View(model, describe_user(model, events, own, history), ask_sources(model, history, own, allowed))


def score_items(view: View, items: Ints) -> Floats:
    """The method's scores of some items, comparable with one another."""
    method = view.model.state.method
    if len(items) == 0:
        return np.empty(0)
    if view.model.ranker is not None and method == RANKER:
        features = build_features(view.model, view.user, view.opinions, items)
        return view.model.ranker.score(features, np.array([len(items)]))
    if method == FUSION:
        return np.asarray(view.opinions.fused[items], np.float64)
    scores: Floats = view.opinions.scores[list(view.model.scorers).index(method), items].astype(np.float64)
    return scores


def make_list(view: View, surface: str, length: int) -> list[Listed]:
    """The user's list on a surface that is made of scores: `for_you`, `new_releases` or `discover`.

    It may be shorter than `length`: the caller fills it up with what is popular.
    """
    model, candidates, scores = view.model, view.opinions.candidates, view.candidate_scores
    settings = model.state.rerank
    rules = RerankRules(length, settings.max_per_category, settings.diversity)
    if surface == NEW_RELEASES:
        is_new = model.is_new[candidates]
        candidates, scores = candidates[is_new], scores[is_new]
    if surface == DISCOVER and len(scores):
        spread = max(float(np.ptp(scores)), 1e-9)
        penalty = settings.discover_popularity_penalty * model.items.popularity_percentile[candidates]
        scores = (scores - scores.min()) / spread - penalty
        rules = RerankRules(length, settings.max_per_category, settings.discover_diversity)
    # of as many as the published list is chosen from: what is chosen first does not depend on how many are to follow
    order = np.lexsort((candidates, -scores))[: max(POOL_PER_USER, length, settings.list_length)]
    chosen = order[choose(scores[order], candidates[order], np.array([len(order)]), model.descriptions, rules)[0]]
    return describe(view, candidates[chosen], scores[chosen])


def describe(view: View, items: Ints, scores: Floats) -> list[Listed]:
    """Places of a list, with reasons and sources."""
    reasons = explain(view.model, view.user, view.opinions, items)
    names = list(view.model.scorers)
    listed = (view.opinions.ranks[:, items] > 0).T.tolist()
    return [
        Listed(item, rank, score, reason, tuple(compress(names, by)))
        for rank, (item, score, reason, by) in enumerate(
            zip(items.tolist(), scores.tolist(), reasons, listed, strict=True), start=1
        )
    ]
