"""The shop's rules on lists of letters."""

import random
from collections import Counter
from typing import Any

from recsys_assets.config import load_config
from recsys_assets.service.rules import Place, apply_rules
from recsys_assets.service.stored import Entry
from recsys_assets.settings import ServiceConfig


def entry(item_id: str) -> Entry:
    return Entry(item_id, 1, 1.0, None, "", None, ())


DEFAULTS = load_config({}).service.model_dump()


def apply(letters: str, length: int, seed: int = 0, **rules: Any) -> list[Place]:
    settings = ServiceConfig.model_validate(DEFAULTS | rules)
    return apply_rules(
        [entry(letter) for letter in letters],
        length,
        "for_you",
        settings,
        lambda item, category: category == "vowel" and item in "aeiou",
        lambda item: None if item == "gone" else entry(item),
        random.Random(seed),
    )


def letters(places: list[Place]) -> str:
    assert [place.entry.rank for place in places] == list(range(1, len(places) + 1))
    return "".join(place.entry.item_id for place in places)


def test_without_rules_the_list_is_cut() -> None:
    places = apply("abcdef", 4)
    assert letters(places) == "abcd"
    assert {place.propensity for place in places} == {1.0}
    assert letters(apply("ab", 4)) == "ab"


def test_blocked_items_are_in_no_list_even_pinned() -> None:
    pinned = [{"item_id": "b", "place": 1, "surface": "for_you"}]
    assert letters(apply("abcdef", 4, blocked=["b", "c"], pinned=pinned)) == "adef"


def test_pinned_items_have_their_places_and_no_second_one() -> None:
    pinned = [
        {"item_id": "x", "place": 1, "surface": "for_you"},
        {"item_id": "b", "place": 3, "surface": "for_you"},
        {"item_id": "y", "place": 2, "surface": "trending"},
        {"item_id": "gone", "place": 2, "surface": "for_you"},
    ]
    assert letters(apply("abcdef", 5, pinned=pinned)) == "xabcd"


def test_boosted_items_move_up_as_far_and_as_many_as_the_quota_says() -> None:
    assert letters(apply("bcdefgiou", 9, boosted=[{"category": "vowel", "places": 3, "quota": 2}])) == "ebcdifgou"
    assert letters(apply("bcde", 4, boosted=[{"category": "none", "places": 3, "quota": 2}])) == "bcde"


def test_chance_fills_the_last_places_as_often_as_the_propensities_say() -> None:
    drawn: Counter[str] = Counter()
    for seed in range(2000):
        places = apply("abcdefgh", 4, seed, exploration_share=0.5)
        assert letters(places)[:2] == "ab"
        assert [place.propensity for place in places] == [1.0, 1.0, 2 / 6, 2 / 6]
        drawn.update(place.entry.item_id for place in places[2:])
    assert set(drawn) == set("cdefgh")
    assert all(abs(count / 2000 - 2 / 6) < 0.05 for count in drawn.values())


def test_chance_has_no_part_where_nothing_else_could_be_shown() -> None:
    places = apply("abcd", 4, exploration_share=0.5)
    assert letters(places) == "abcd"
    assert {place.propensity for place in places} == {1.0}
