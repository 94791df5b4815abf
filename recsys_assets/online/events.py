"""A user's events, those of a moment ago among them, judged as the warehouse judges them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys_assets.publishing.snapshot import State
from recsys_assets.settings import EventTypeConfig

UNKNOWN_ITEM = -1
RATING, DISLIKE = "rating", "dislike"
ROWS_AT_ONCE = 50_000  # numpy fills no more without letting requests in between
EPOCH = datetime(1970, 1, 1)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as somebody posted it; `ts` is naive UTC."""

    item_id: str
    event_type: str
    ts: datetime
    value: float | None = None
    event_id: str | None = None


@dataclass(frozen=True)
class UserEvents:
    """Events, the oldest first, as rows of `intermediate.int_history`: without those that take others back.

    Attributes:
        item: its position among the items of the bundle; UNKNOWN_ITEM where it is none of them.
        event_type: its name.
        value: NaN where there is none.
        occurred_at: microseconds since 1970, UTC.
        weight: 0 where it was taken back.
        is_liked: likewise False.
        is_disliked: by a low rating or a dislike.
        is_consumed: the item must not be recommended again.
        is_cancelled: a later event took it back.
    """

    item: Ints
    event_type: NDArray[np.object_]
    value: Floats
    occurred_at: Ints
    weight: Floats
    is_liked: Bools
    is_disliked: Bools
    is_consumed: Bools
    is_cancelled: Bools

    def __len__(self) -> int:
        """Their number."""
        return len(self.item)

    def take(self, rows: slice | Ints) -> Self:
        """Some of them."""
        return replace(self, **{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def read_events(frame: pl.DataFrame, items: Ints) -> UserEvents:
    """The rows of a snapshot's events, whose items' positions are `items`."""
    return UserEvents(
        item=items,
        event_type=_share_texts(frame["event_type"]),
        value=frame["value"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        occurred_at=frame["occurred_at"].cast(pl.Datetime("us")).to_physical().to_numpy(),
        weight=frame["weight"].to_numpy(),
        is_liked=frame["is_liked"].to_numpy(),
        is_disliked=frame["is_disliked"].to_numpy(),
        is_consumed=(frame["is_consuming"] & ~frame["is_repeatable"]).to_numpy(),
        is_cancelled=frame["is_cancelled"].to_numpy(),
    )


def _share_texts(texts: pl.Series) -> NDArray[np.object_]:
    """Each different text once in memory, however many rows have it."""
    different = texts.unique().sort()
    numbers = texts.cast(pl.Enum(different)).to_physical().to_numpy()
    each = np.array(different.to_list(), dtype=object)
    shared = np.empty(len(numbers), object)
    for start in range(0, len(numbers), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        shared[some] = each[numbers[some]]
    return shared


def add_events(known: UserEvents, new: Sequence[tuple[int, NewEvent]], state: State) -> UserEvents:
    """The user's events with new ones, each beside its item's position; those that take others back leave no row."""
    in_order = sorted(new, key=lambda one: one[1].ts)
    for cancels, some in groupby(in_order, key=lambda one: state.rules_of(one[1].event_type).cancels is not None):
        if not cancels:
            known = _add(known, list(some), state)
            continue
        for item, event in some:
            known = _take_back(known, item, event, state.rules_of(event.event_type))
    return known


def microseconds(moment: datetime) -> int:
    """Since 1970, of a naive time in UTC."""
    passed = moment - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _add(known: UserEvents, new: Sequence[tuple[int, NewEvent]], state: State) -> UserEvents:
    rows = [_judge(item, event, state) for item, event in new]
    added = {
        field.name: np.concatenate(
            [getattr(known, field.name), np.array([row[field.name] for row in rows], getattr(known, field.name).dtype)]
        )
        for field in fields(UserEvents)
    }
    order = np.argsort(added["occurred_at"], kind="stable")
    return UserEvents(**{name: values[order] for name, values in added.items()})


def _judge(item: int, event: NewEvent, state: State) -> dict[str, Any]:
    """One row."""
    rules = state.rules_of(event.event_type)
    is_liked, is_disliked = rules.relevance_label > 0, event.event_type == DISLIKE
    if event.event_type == RATING:
        is_liked = event.value is None or event.value >= state.liked_share * state.rating_top
        is_disliked = event.value is not None and event.value <= state.disliked_share * state.rating_top
    return {
        "item": item,
        "event_type": event.event_type,
        "value": np.nan if event.value is None else event.value,
        "occurred_at": microseconds(event.ts),
        "weight": rules.weight,
        "is_liked": is_liked,
        "is_disliked": is_disliked,
        "is_consumed": rules.consumes and not rules.repeatable,
        "is_cancelled": False,
    }


def _take_back(known: UserEvents, item: int, event: NewEvent, rules: EventTypeConfig) -> UserEvents:
    """The latest earlier event of the cancelled type on the item, if nothing took it back before."""
    same = np.flatnonzero(
        (known.item == item)
        & (known.event_type == rules.cancels)
        & (known.occurred_at <= microseconds(event.ts))
        & (item != UNKNOWN_ITEM)
    )
    if len(same) == 0 or known.is_cancelled[same[-1]]:
        return known
    changed: dict[str, Any] = {
        "is_cancelled": known.is_cancelled.copy(),
        "weight": known.weight.copy(),
        "is_liked": known.is_liked.copy(),
    }
    for name, values in changed.items():
        values[same[-1]] = name == "is_cancelled"
    return replace(known, **changed)
