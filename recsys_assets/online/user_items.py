"""What a user had to do with each item: `intermediate.int_user_items` of one user."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys_assets.candidates.history import History
from recsys_assets.online.events import UNKNOWN_ITEM, Bools, Floats, Ints, UserEvents

WEIGHT_DECIMALS = 12  # those of the warehouse's sums


@dataclass(frozen=True)
class UserItems:
    """One row an item of the bundle that the user had to do with, by position."""

    item: Ints
    n_events: Ints
    weight: Floats
    is_liked: Bools
    is_disliked: Bools
    is_consumed: Bools
    last_at: Ints
    last_recency_rank: Ints

    def recent(self, n: int) -> Ints:
        """The rows of the n items that she had last, the last first."""
        return np.argsort(self.last_recency_rank, kind="stable")[:n]


def sum_up(events: UserEvents) -> UserItems:
    """The items of a user's events."""
    is_known = events.item != UNKNOWN_ITEM
    rank = np.arange(len(events), 0, -1)[is_known]
    items, of = np.unique(events.item[is_known], return_inverse=True)
    n = len(items)

    def any_of(flags: Bools) -> Bools:
        return np.bincount(of, weights=flags[is_known], minlength=n) > 0

    last_at, nearest = np.full(n, np.iinfo(np.int64).min), np.full(n, len(events) + 1)
    np.maximum.at(last_at, of, events.occurred_at[is_known])
    np.minimum.at(nearest, of, rank)
    is_liked = any_of(events.is_liked)
    return UserItems(
        item=items,
        n_events=np.bincount(of, minlength=n),
        weight=np.round(np.bincount(of, weights=events.weight[is_known], minlength=n), WEIGHT_DECIMALS),
        is_liked=is_liked,
        is_disliked=any_of(events.is_disliked) & ~is_liked,
        is_consumed=any_of(events.is_consumed),
        last_at=last_at,
        last_recency_rank=nearest,
    )


def history_of(user_id: str, own: UserItems, item_ids: NDArray[np.str_]) -> History:
    """A history of this user alone, over the items of the bundle: what the candidate sources score."""
    pairs: dict[str, NDArray[Any]] = {
        "user": np.zeros(len(own.item), np.int32),
        "item": own.item.astype(np.int32),
        "weight": own.weight,
        "is_liked": own.is_liked,
        "is_disliked": own.is_disliked,
        "is_consumed": own.is_consumed,
        "last_recency_rank": own.last_recency_rank,
    }
    return History("live", np.array([user_id]), item_ids, pairs, np.zeros(1, np.int32))
