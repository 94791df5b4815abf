"""Events that exist on the page alone: as its address holds them, and what they would change in a list."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from recsys_assets.online.events import NewEvent
from recsys_assets.service.stored import Entry

MOST_ADDED: Final = 10
MOST_VALUE: Final = 1e6


@dataclass(frozen=True)
class Added:
    """An event of the page's. In an address it is `TYPE:VALUE:ITEM`, the value empty where there is none."""

    event_type: str
    value: float | None
    item_id: str

    def __str__(self) -> str:
        """As an address holds it."""
        return f"{self.event_type}:{'' if self.value is None else f'{self.value:g}'}:{self.item_id}"


@dataclass(frozen=True)
class Moved:
    """A place of the list after the events; `before` is its rank without them, None if it was in no place shown."""

    entry: Entry
    before: int | None

    @property
    def words(self) -> str:
        """What became of it."""
        if self.before is None:
            return "new"
        places = self.before - self.entry.rank
        return "same place" if places == 0 else f"up {places}" if places > 0 else f"down {-places}"


@dataclass(frozen=True)
class Change:
    """A list before and after: its places now, and what is not among them any more."""

    before: list[Entry]
    after: list[Moved]
    gone: list[Entry]


def read_added(texts: Sequence[str], event_types: Collection[str], items: Collection[str]) -> list[Added]:
    """The events that an address holds, each once, up to MOST_ADDED; what the bundle does not know is left out."""
    read = [_read_one(text) for text in dict.fromkeys(texts)]
    known = [added for added in read if added and added.event_type in event_types and added.item_id in items]
    return known[:MOST_ADDED]


def read_value(text: str) -> float | None:
    """A number that somebody typed; None for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) <= MOST_VALUE else None  # not a number compares as False


def as_events(added: Sequence[Added], now: datetime) -> list[NewEvent]:
    """As if the user had just done these, one after another."""
    return [
        NewEvent(one.item_id, one.event_type, now + timedelta(seconds=place), one.value)
        for place, one in enumerate(added)
    ]


def compare(before: Sequence[Entry], after: Sequence[Entry], length: int) -> Change:
    """What moved in the first `length` places."""
    ranks = {entry.item_id: entry.rank for entry in before}
    there = {entry.item_id for entry in after[:length]}
    return Change(
        before=list(before[:length]),
        after=[Moved(entry, ranks.get(entry.item_id)) for entry in after[:length]],
        gone=[entry for entry in before[:length] if entry.item_id not in there],
    )


def _read_one(text: str) -> Added | None:
    event_type, _, rest = text.partition(":")
    value, colon, item_id = rest.partition(":")
    return Added(event_type, read_value(value), item_id) if colon else None
