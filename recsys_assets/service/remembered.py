"""Ids of events of a moment ago: whoever posts one of them again did not hear the answer."""

import json
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from recsys_assets.sources.contract import REJECTED


class Remembered:
    """The last so many ids."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ids: dict[str, None] = {}  # the oldest first

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, event_ids: Iterable[str]) -> None:
        """Remember these, and forget the oldest beyond the limit."""
        self._ids.update(dict.fromkeys(event_ids))
        for event_id in list(islice(self._ids, max(0, len(self._ids) - self._limit))):
            del self._ids[event_id]

    def add_files(self, segments: Iterable[Path]) -> None:
        """Remember the accepted ids of segments, the latest of which come first; one that is gone was landed."""
        found: dict[str, None] = {}
        for path in segments:
            if len(found) >= self._limit:
                break
            with suppress(FileNotFoundError):
                found.update(dict.fromkeys(reversed(_accepted_ids(path))))
        self.add(reversed(found))


def _accepted_ids(path: Path) -> list[str]:
    with path.open("rb") as lines:
        return [event_id for line in lines if (event_id := _accepted_id(line))]


def _accepted_id(line: bytes) -> str | None:
    try:
        record = json.loads(line)
    except ValueError:  # somebody else's file of that name: loading it says what is wrong
        return None
    return record.get("event_id") if isinstance(record, dict) and REJECTED not in record else None
