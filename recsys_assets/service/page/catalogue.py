"""What the page looks up in a bundle: users and items by words, their numbers, what a user did."""

import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Any, Final

import duckdb
import numpy as np

from recsys_assets.online.events import EPOCH, UNKNOWN_ITEM, NewEvent
from recsys_assets.online.model import OnlineModel
from recsys_assets.publishing.manifest import DATABASE_FILE
from recsys_assets.service.loaded import LoadedBundle
from recsys_assets.service.page.words import Words

KINDS: Final = ("heavy", "medium", "light")
SHOWN_OF_KIND: Final = 6
_APART: Final = "\n"  # between a title and an id: no word that is searched for has it


@dataclass(frozen=True)
class PastEvent:
    """Something that a user did; `item_id` is None where the bundle does not know the item any more."""

    item_id: str | None
    title: str
    event_type: str
    value: float | None
    at: datetime
    is_cancelled: bool
    is_in_bundle: bool


@dataclass(frozen=True)
class Catalogue:
    """Users and items of one bundle, ready to be searched.

    Attributes:
        users: id -> number of events, most first.
        user_words: what a search looks into, in their order.
        items: id -> title (empty where unknown), those of most users first.
        item_words: likewise.
        features: item -> its features, named by `feature_names`.
        event_types: of the bundle's events, the most frequent first.
    """

    users: Mapping[str, int]
    user_words: Words
    items: Mapping[str, str]
    item_words: Words
    features: Mapping[str, tuple[Any, ...]]
    feature_names: Sequence[str]
    event_types: Sequence[str]

    def find_users(self, words: str, limit: int) -> list[tuple[str, int]]:
        """Users whose id holds the words, one that is just so first; each with the number of events."""
        found = _first(self.users, self.user_words.find([words.strip()]), words.strip(), limit)
        return [(user_id, self.users[user_id]) for user_id in found]

    def find_items(self, words: str, limit: int) -> list[tuple[str, str]]:
        """Items whose title and id hold every word, one whose id is just so first; each with its title."""
        found = _first(self.items, self.item_words.find(words.split()), words.strip(), limit)
        return [(item_id, self.items[item_id]) for item_id in found]

    def name(self, item_id: str) -> str:
        """The title of an item, or its id."""
        return self.items.get(item_id) or item_id

    def numbers(self, item_id: str) -> dict[str, float]:
        """The features of an item that are known."""
        row = self.features.get(item_id, ())
        return {name: value for name, value in zip(self.feature_names, row, strict=False) if value is not None}

    def kinds(self) -> dict[str, list[tuple[str, int]]]:
        """Kind -> some of the third of the active users that is as active, evenly spaced."""
        active = [(user_id, count) for user_id, count in self.users.items() if count > 0]
        bounds = [round(len(active) * third / len(KINDS)) for third in range(len(KINDS) + 1)]
        parts = [active[start:end] for start, end in pairwise(bounds)]
        return {
            kind: part[:: max(len(part) // SHOWN_OF_KIND, 1)][:SHOWN_OF_KIND]
            for kind, part in zip(KINDS, parts, strict=True)
        }


class Shelf:
    """The catalogue of the bundle in use, read when it is first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: tuple[weakref.ref[LoadedBundle], Catalogue] | None = None

    def find(self, bundle: LoadedBundle) -> Catalogue:
        """The bundle's catalogue; for a thread, as the first one of a bundle takes up to a second.

        It is the bundle in memory that counts: an erasure writes one anew under its name.
        """
        with self._lock:
            if self._latest is None or self._latest[0]() is not bundle:
                self._latest = weakref.ref(bundle), read_catalogue(bundle)
            return self._latest[1]


def read_catalogue(bundle: LoadedBundle) -> Catalogue:
    """Read users and items of a bundle."""
    quoted = str(bundle.path / DATABASE_FILE).replace("'", "''")
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"ATTACH '{quoted}' AS bundle (READ_ONLY)")
        users = connection.execute(
            "SELECT user_id, coalesce(n_events, 0) FROM bundle.user_features ORDER BY n_events DESC NULLS LAST, user_id"
        ).fetchall()
        found = connection.execute(
            "SELECT item_id, * EXCLUDE (item_id) FROM bundle.item_features ORDER BY n_users DESC NULLS LAST, item_id"
        )
        names = [column[0] for column in found.description or ()]
        features = {row[0]: tuple(row[1:]) for row in found.fetchall()}
    known = _titles(bundle)
    titles = {item_id: known.get(item_id) or "" for item_id in (*features, *known)}
    return Catalogue(
        users=dict(users),
        user_words=Words([user_id for user_id, _ in users]),
        items=titles,
        item_words=Words([f"{title}{_APART}{item_id}" for item_id, title in titles.items()]),
        features=features,
        feature_names=names[1:],
        event_types=_event_types(bundle.model),
    )


def past_events(bundle: LoadedBundle, user_id: str, new: Sequence[NewEvent]) -> list[PastEvent]:
    """What a user did, the latest first: in the bundle, and since then."""
    model = bundle.model
    since = [_since(bundle, event) for event in new]
    return sorted([*since, *(_built(model, user_id) if model else [])], key=lambda event: event.at, reverse=True)


def _built(model: OnlineModel, user_id: str) -> Iterator[PastEvent]:
    events = model.events_of(user_id)
    for row, item in enumerate(events.item):
        is_known = item != UNKNOWN_ITEM
        yield PastEvent(
            item_id=model.items.id_list[item] if is_known else None,
            title=model.items.titles[item] if is_known else "",
            event_type=str(events.event_type[row]),
            value=None if np.isnan(events.value[row]) else float(events.value[row]),
            at=EPOCH + timedelta(microseconds=int(events.occurred_at[row])),
            is_cancelled=bool(events.is_cancelled[row]),
            is_in_bundle=True,
        )


def _since(bundle: LoadedBundle, event: NewEvent) -> PastEvent:
    place = bundle.model.items.positions.get(event.item_id) if bundle.model else None
    title = bundle.model.items.titles[place] if bundle.model and place is not None else ""
    return PastEvent(event.item_id, title, event.event_type, event.value, event.ts, False, is_in_bundle=False)


def _titles(bundle: LoadedBundle) -> Mapping[str, str | None]:
    if bundle.model is None:
        return bundle.lists.titles
    return dict(zip(bundle.model.items.id_list, bundle.model.items.titles, strict=True))


def _event_types(model: OnlineModel | None) -> list[str]:
    if model is None:
        return []
    names, counts = np.unique(model.events.event_type.astype(str), return_counts=True)
    return [str(names[place]) for place in np.lexsort((names, -counts))]


def _first(known: Mapping[str, Any], places: Iterator[int], exact: str, limit: int) -> list[str]:
    """The first ids at the places; before all others the exact one if it is known."""
    ids = list(known)
    found = [ids[place] for place in islice(places, limit)]
    return list(dict.fromkeys([*([exact] if exact in known else []), *found]))[:limit]
