"""What a shop wants of a list whatever the model says: blocked, boosted and pinned items, and places left to chance."""

import math
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from recsys_assets.service.stored import Entry
from recsys_assets.settings import BoostedConfig, ServiceConfig

PINNED, EXPLORED = "pinned", "exploration"
MOST_EXPLORED = 100  # places of the longer list from which chance draws


class Place(NamedTuple):
    """A place of an answered list, and how likely its item was to be in the list."""

    entry: Entry
    propensity: float


def apply_rules(
    entries: Sequence[Entry],
    length: int,
    surface: str,
    settings: ServiceConfig,
    has_category: Callable[[str, str], bool],
    pin: Callable[[str], Entry | None],
    chance: random.Random,
) -> list[Place]:
    """The first `length` places of a longer list, after the shop's rules.

    Boosted items move up, pinned ones go to their places, and the last `exploration_share` of the places get items
    drawn evenly from what follows, whose propensity is the share of these that are drawn; all others have 1.

    Args:
        entries: the list, longer than `length` where there is more.
        length: how many places are answered.
        surface: of the list.
        settings: the rules.
        has_category: whether an item is of a category.
        pin: the entry of an item by its id; None where it is unknown or unavailable.
        chance: what draws.
    """
    if not (settings.blocked or settings.boosted or settings.pinned or settings.exploration_share):
        return [Place(entry.at(rank), 1.0) for rank, entry in enumerate(entries[:length], start=1)]
    allowed = [entry for entry in entries if entry.item_id not in settings.blocked]
    for boost in settings.boosted:
        allowed = _boost(allowed, boost, has_category)
    pins = {one.place: pin(one.item_id) for one in settings.pinned if one.surface == surface and one.place <= length}
    pinned = {place: entry for place, entry in pins.items() if entry and entry.item_id not in settings.blocked}
    pinned_ids = {entry.item_id for entry in pinned.values()}
    others = [entry for entry in allowed if entry.item_id not in pinned_ids]
    n_open = max(length - len(pinned), 0)
    places = _explore(others, n_open, math.floor(settings.exploration_share * n_open), chance)
    for place, entry in sorted(pinned.items()):
        places.insert(place - 1, Place(entry._replace(sources=(*entry.sources, PINNED)), 1.0))
    return [Place(place.entry.at(rank), place.propensity) for rank, place in enumerate(places[:length], start=1)]


def _boost(entries: list[Entry], boost: BoostedConfig, has_category: Callable[[str, str], bool]) -> list[Entry]:
    """The first items of the category, up to the quota, some places further up."""
    keys, left = [], boost.quota
    for place, entry in enumerate(entries):
        is_moved = left > 0 and has_category(entry.item_id, boost.category)
        left -= is_moved
        keys.append((place - boost.places - 0.5 if is_moved else place, place))
    return [entries[place] for _, place in sorted(keys)]


def _explore(entries: list[Entry], n_open: int, n_drawn: int, chance: random.Random) -> list[Place]:
    pool = entries[n_open - n_drawn : n_open - n_drawn + MOST_EXPLORED]
    if n_drawn == 0 or len(pool) <= n_drawn:
        return [Place(entry, 1.0) for entry in entries[:n_open]]
    drawn = chance.sample(pool, n_drawn)
    return [
        *(Place(entry, 1.0) for entry in entries[: n_open - n_drawn]),
        *(Place(entry._replace(sources=(*entry.sources, EXPLORED)), n_drawn / len(pool)) for entry in drawn),
    ]
