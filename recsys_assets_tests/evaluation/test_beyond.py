from math import sqrt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_assets.evaluation import beyond
from recsys_assets.evaluation.beyond import catalogue_coverage, per_user_diversity, per_user_novelty

LISTS = {"user_id": pl.String, "item_id": pl.String}
ITEMS = {"item_id": pl.String, "categories": pl.List(pl.String), "creators": pl.List(pl.String)}


def make_lists(**items_of_user: str) -> pl.DataFrame:
    rows = [(user, item) for user, items in items_of_user.items() for item in items]
    return pl.DataFrame(rows, schema=LISTS, orient="row")


def make_items(**tags: tuple[list[str], list[str]]) -> pl.DataFrame:
    return pl.DataFrame([(item, *lists) for item, lists in tags.items()], schema=ITEMS, orient="row")


def test_coverage_counts_distinct_items_of_the_catalogue() -> None:
    catalogue = pl.DataFrame({"item_id": list("abcde")})
    lists = make_lists(u1="ab", u2="bz")  # z is not in the catalogue
    assert catalogue_coverage(lists, catalogue) == 2 / 5
    assert catalogue_coverage(make_lists(), catalogue) == 0.0
    assert catalogue_coverage(lists, catalogue.head(0)) == 0.0


def test_novelty_is_in_bits() -> None:
    popularity = pl.DataFrame({"item_id": ["everybody", "half", "one"], "n_users": [8, 4, 1]})
    lists = pl.DataFrame(
        {"user_id": ["u1", "u1", "u2", "u3"], "item_id": ["everybody", "half", "one", "nobody"]},
    )
    novelty = per_user_novelty(lists, popularity, n_history_users=8)
    # an item that nobody has counts as if one of the 8 users had it
    assert novelty.rows() == [("u1", (0 + 1) / 2), ("u2", 3.0), ("u3", 3.0)]


def test_diversity_by_hand() -> None:
    items = make_items(
        a=(["drama"], ["ann"]),
        b=(["drama"], ["bob"]),  # shares one tag of two with a: cosine 1/2
        c=(["comedy"], ["cy"]),  # shares none
        d=(["drama"], []),  # one tag: cosine with a and b is 1 / sqrt(2 x 1)
        e=(["drama"], ["ann"]),  # just like a
    )
    lists = make_lists(u1="ab", u2="abc", u3="ac", u4="ad", u5="ae")
    assert dict(per_user_diversity(lists, items).rows()) == pytest.approx(
        {"u1": 1 / 2, "u2": (1 / 2 + 1 + 1) / 3, "u3": 1.0, "u4": 1 - 1 / sqrt(2), "u5": 0.0}, abs=1e-12
    )


def test_a_creator_is_no_category_of_the_same_name() -> None:
    items = make_items(a=(["queen"], []), b=([], ["queen"]))
    assert per_user_diversity(make_lists(u="ab"), items).rows() == [("u", 1.0)]


def test_items_without_metadata_are_left_out() -> None:
    items = make_items(a=(["x"], []), b=(["y"], []), empty=([], []))
    lists = pl.DataFrame(
        {
            "user_id": ["u1", "u1", "u1", "u1", "u2", "u2"],
            "item_id": ["a", "b", "empty", "unknown", "a", "empty"],
        }
    )
    assert per_user_diversity(lists, items).rows() == [("u1", 1.0)]  # u2 has one described item: no pairs


def test_no_described_list_gives_no_rows() -> None:
    empty = per_user_diversity(make_lists(u="ab"), make_items())
    assert empty.columns == ["user_id", "intra_list_diversity"]
    assert empty.is_empty()


tag_lists = st.lists(st.sampled_from("pqrst"), max_size=3)


@settings(max_examples=40)
@given(tags=st.lists(st.tuples(tag_lists, tag_lists), min_size=4, max_size=4), at_once=st.integers(1, 3))
def test_diversity_is_the_mean_over_pairs(tags: list[tuple[list[str], list[str]]], at_once: int) -> None:
    items = make_items(**dict(zip("abcd", tags, strict=True)))
    sets = {
        item: {("category", tag) for tag in categories} | {("creator", tag) for tag in creators}
        for item, (categories, creators) in zip("abcd", tags, strict=True)
    }
    expected = {}
    for user, listed in (("u1", "abcd"), ("u2", "ab"), ("u3", "bcd")):
        known = [sets[item] for item in listed if sets[item]]
        distances = [1 - len(x & y) / sqrt(len(x) * len(y)) for n, x in enumerate(known) for y in known[n + 1 :]]
        if distances:
            expected[user] = sum(distances) / len(distances)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beyond, "USERS_AT_ONCE", at_once)
        found = dict(per_user_diversity(make_lists(u1="abcd", u2="ab", u3="bcd"), items).rows())
    assert found == pytest.approx(expected, abs=1e-12)
    assert all(0 <= value <= 1 for value in found.values())
