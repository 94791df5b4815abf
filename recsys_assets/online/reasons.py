"""Why an item is in a user's list, in words: the rules of `publishing.recommendations`, from memory."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from recsys_assets.candidates.spread import entries_of, links_between
from recsys_assets.online.candidates import Opinions
from recsys_assets.online.events import Floats, Ints
from recsys_assets.online.features import User
from recsys_assets.online.model import OnlineModel


class Reason(NamedTuple):
    """A sentence, and the position of the item of the user's that it names; None if it names none."""

    words: str
    evidence: int | None


def explain(model: OnlineModel, user: User, opinions: Opinions, items: Ints) -> list[Reason]:
    """A reason an item."""
    evidence, is_liked = _evidence(model, user, items)
    creators = _strongest(user.creator_shares, model.items.creators, items)
    categories = _strongest(user.category_shares, model.items.categories, items)
    popular = list(model.scorers).index("popular") if "popular" in model.scorers else None
    is_popular = (opinions.ranks[:, items] > 0).sum(axis=0) == 1
    if popular is not None:
        is_popular |= opinions.ranks[popular, items] > 0
    is_scored = np.isfinite(opinions.fused[items])
    columns = (column.tolist() for column in (evidence, is_liked, creators, categories, is_scored, is_popular))
    reasons = []
    for item, liked, creator, category, scored, popular_one in zip(*columns, strict=True):
        if item >= 0:
            words = "Because you liked" if liked else "Goes with"
            reasons.append(Reason(f"{words} {model.items.titles[item] or model.items.id_list[item]}", item))
        elif creator >= 0:
            reasons.append(Reason(f"More by {model.items.creator_names[creator]}", None))
        elif scored and category >= 0:
            reasons.append(Reason(f"You often choose {model.items.category_names[category]}", None))
        elif popular_one or not scored:
            reasons.append(Reason("Popular now", None))
        else:
            reasons.append(Reason("Chosen by people with a taste like yours", None))
    return reasons


def _evidence(model: OnlineModel, user: User, items: Ints) -> tuple[Ints, Ints]:
    """The item of the user's last that leads to each item most strongly, liked ones first; -1 where none does."""
    own = user.items
    counts = (own.last_recency_rank <= model.state.history_events) & ~own.is_disliked & (own.weight > 0)
    rows = np.flatnonzero(counts)
    rows = rows[np.lexsort((own.item[rows], own.last_recency_rank[rows]))]
    if len(rows) == 0 or len(items) == 0:
        return np.full(len(items), -1), np.zeros(len(items), np.int64)
    led, _ = links_between(model.covisited, own.item[rows], items)
    above_all = led.max(initial=0.0) + 1
    best = np.argmax(np.where(led > 0, led + above_all * own.is_liked[rows][:, None], -1), axis=0)
    is_led = led[best, np.arange(len(items))] > 0
    return np.where(is_led, own.item[rows[best]], -1), own.is_liked[rows[best]].astype(np.int64)


def _strongest(shares: Floats, of_items: sparse.csr_matrix, items: Ints) -> Ints:
    """For each item, which of its names has the largest share in the user's taste, by name among equals; -1 if none."""
    found = np.full(len(items), -1)
    if of_items.nnz == 0:
        return found
    entries = entries_of(of_items, items)
    names, of_item = entries.columns, entries.row
    order = np.lexsort((names, -shares[names], of_item))
    order = order[shares[names[order]] > 0]
    with_some, first = np.unique(of_item[order], return_index=True)
    found[with_some] = names[order[first]]
    return found
