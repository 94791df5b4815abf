from datetime import datetime

import pytest

from recsys_assets.service.page.what_if import MOST_ADDED, Added, as_events, compare, read_added, read_value
from recsys_assets.service.stored import Entry

TYPES, ITEMS = ("view", "rating"), {"i1", "i:2", *(f"n{number}" for number in range(20))}


def entries(*items: str) -> list[Entry]:
    return [Entry(item, rank, None, None, "", None, ()) for rank, item in enumerate(items, start=1)]


def test_an_event_is_the_same_after_an_address_held_it() -> None:
    added = [Added("view", None, "i1"), Added("rating", 4.5, "i:2")]
    assert [str(one) for one in added] == ["view::i1", "rating:4.5:i:2"]
    assert read_added([str(one) for one in added], TYPES, ITEMS) == added


@pytest.mark.parametrize("text", ["", "view", "view:i1", "dance::i1", "view::unknown", "::i1"])
def test_what_is_no_event_of_this_bundle_is_left_out(text: str) -> None:
    assert read_added([text, "view::i1"], TYPES, ITEMS) == [Added("view", None, "i1")]


def test_events_are_counted_once_and_up_to_a_bound() -> None:
    texts = [f"view::n{number}" for number in (*range(20), 0)]
    assert read_added(texts, TYPES, ITEMS) == [Added("view", None, f"n{number}") for number in range(MOST_ADDED)]


@pytest.mark.parametrize(
    ("text", "value"), [("4.5", 4.5), ("-1", -1), ("", None), ("x", None), ("nan", None), ("inf", None), ("1e9", None)]
)
def test_value_is_a_number_of_ordinary_size_or_none(text: str, value: float | None) -> None:
    assert read_value(text) == value


def test_events_follow_one_another_from_now_on() -> None:
    now = datetime(2024, 3, 1)
    events = as_events([Added("view", None, "i1"), Added("rating", 5.0, "i:2")], now)
    assert [(one.item_id, one.event_type, one.value) for one in events] == [
        ("i1", "view", None),
        ("i:2", "rating", 5.0),
    ]
    assert now == events[0].ts < events[1].ts


def test_change_says_what_moved_what_came_and_what_left() -> None:
    change = compare(entries("a", "b", "c", "d"), entries("b", "a", "d", "z"), length=3)
    assert [(moved.entry.item_id, moved.words) for moved in change.after] == [
        ("b", "up 1"),
        ("a", "down 1"),
        ("d", "up 1"),
    ]
    assert [entry.item_id for entry in change.before] == ["a", "b", "c"]
    assert [entry.item_id for entry in change.gone] == ["c"]
    assert [moved.words for moved in compare(entries("a"), entries("a", "z"), 2).after] == ["same place", "new"]
