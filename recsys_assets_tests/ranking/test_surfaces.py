"""The lists of every surface, over a shop by hand with lists of four."""

import polars as pl
import pytest

from recsys_assets.config import load_config
from recsys_assets.ranking.surfaces import LIST_SCHEMA, Method, build_lists
from recsys_assets.schema import SURFACES

FUSED = Method("fusion", "popular")


def items_of(lists: pl.DataFrame, user: str, surface: str) -> list[str]:
    own = lists.filter(pl.col("user_id") == user, pl.col("surface") == surface)
    assert own["rank"].to_list() == list(range(1, len(own) + 1))
    return own["item_id"].to_list()


def scores_of(lists: pl.DataFrame, user: str, surface: str) -> list[float]:
    return lists.filter(pl.col("user_id") == user, pl.col("surface") == surface)["score"].to_list()


def test_for_you_is_the_methods_order_filled_up_with_popular_items(shop, quick_config) -> None:
    lists = build_lists(shop, quick_config, FUSED)
    assert items_of(lists, "u1", "for_you") == ["b", "c", "d", "e"]  # a is consumed, x is not available
    assert scores_of(lists, "u1", "for_you") == pytest.approx([0.9, 0.8, 0.5, 1 / 5 - 2])
    assert items_of(lists, "u2", "for_you") == ["c", "d", "e"]
    assert items_of(lists, "u3", "for_you") == ["a", "b", "c", "d"]  # without history: popular, b and c tie
    assert scores_of(lists, "u3", "for_you") == pytest.approx([5 / 5 - 2, 4 / 5 - 2, 4 / 5 - 2, 2 / 5 - 2])


@pytest.mark.parametrize(
    ("method", "expected"),
    [("fusion", ["b", "c", "d", "e"]), ("als", ["c", "b", "d", "e"]), ("ranker", ["d", "c", "b", "e"])],
)
def test_the_method_decides_whose_scores_count(shop, quick_config, method, expected) -> None:
    lists = build_lists(shop, quick_config, Method(method, "popular"))
    assert items_of(lists, "u1", "for_you") == expected
    scores = scores_of(lists, "u1", "for_you")
    assert scores == sorted(scores, reverse=True)  # what fills up scores below all that was scored


@pytest.mark.parametrize(
    ("fallback", "expected"),
    [
        ("popular", ["a", "b", "c", "d"]),
        ("popular_decayed_slow", ["d", "a", "c", "b"]),
        ("popular_decayed_fast", ["d", "c", "b", "a"]),
    ],
)
def test_the_fallback_decides_what_people_without_history_get(shop, quick_config, fallback, expected) -> None:
    assert items_of(build_lists(shop, quick_config, Method("fusion", fallback)), "u3", "for_you") == expected


def test_new_releases_are_new_by_release_or_where_that_is_unknown_by_first_event(shop, quick_config) -> None:
    lists = build_lists(shop, quick_config, FUSED)
    # d: released 10 days ago. e: no release date, first seen 365 days ago. c: seen for 5 days, but released long ago.
    for user in ("u1", "u2", "u3"):
        assert items_of(lists, user, "new_releases") == ["d", "e"]
    assert scores_of(lists, "u1", "new_releases")[0] == 0.5  # hers by the method's score
    younger = quick_config.model_copy(
        update={"rerank": quick_config.rerank.model_copy(update={"new_release_days": 364})}
    )
    assert items_of(build_lists(shop, younger, FUSED), "u3", "new_releases") == ["d"]


def test_discover_is_less_popular_and_more_diverse(shop, quick_config) -> None:
    lists = build_lists(shop, quick_config, FUSED)
    # b 1 - 0.4, c 0.75 - 0.4, d 0 - 0; then c shares its category with b, and d shares nothing
    assert items_of(lists, "u1", "discover") == ["b", "d", "c"]
    assert scores_of(lists, "u1", "discover") == pytest.approx([0.6, 0.0, 0.35])
    assert items_of(lists, "u2", "discover") == items_of(lists, "u3", "discover") == []


def test_because_you_liked_follows_the_last_like_that_has_similar_items(shop, quick_config) -> None:
    lists = build_lists(shop, quick_config, FUSED)
    # z was last but is not liked, k is liked but nothing is similar to it; k itself is consumed
    assert items_of(lists, "u1", "because_you_liked") == ["b", "c"]
    assert items_of(lists, "u2", "because_you_liked") == []  # she likes nothing
    assert items_of(lists, "u3", "because_you_liked") == []


def test_trending_is_the_overall_list_without_what_was_consumed(shop, quick_config) -> None:
    lists = build_lists(shop, quick_config, FUSED)
    assert items_of(lists, "u1", "trending") == ["d", "b", "e", "c"]
    assert items_of(lists, "u2", "trending") == ["d", "e", "c", "f"]  # as long as anybody's, though she has two of them
    assert items_of(lists, "u3", "trending") == ["d", "b", "a", "e"]


def test_nothing_consumed_or_unavailable_is_in_any_list(shop, quick_config) -> None:
    lists = build_lists(shop, quick_config, FUSED)
    consumed = {("u1", "k"), ("u1", "a"), ("u1", "m"), ("u2", "a"), ("u2", "b"), ("u2", "k")}
    assert not consumed & set(lists.select("user_id", "item_id").rows())
    assert "x" not in lists["item_id"].to_list()
    assert set(lists["surface"]) == set(SURFACES)
    assert set(lists["user_id"]) == {"u1", "u2", "u3"}
    assert lists.select("user_id", "surface", "item_id").is_unique().all()


def test_twice_gives_the_same_rows_in_order(shop, quick_config) -> None:
    first, second = (build_lists(shop, quick_config, FUSED) for _ in range(2))
    assert first.equals(second)
    assert first.schema == LIST_SCHEMA
    assert first.equals(first.sort("user_id", "surface", "rank"))


def test_caps_hold_for_what_the_method_scored(shop, quick_settings) -> None:
    config = load_config(quick_settings | {"RECSYS__RERANK__MAX_PER_CATEGORY": "1"})
    lists = build_lists(shop, config, FUSED)
    assert items_of(lists, "u1", "for_you")[:2] == ["b", "d"]


def test_a_method_without_any_score_leaves_the_popular_list(shop, quick_config) -> None:
    shop.execute("DELETE FROM candidates.merged")
    lists = build_lists(shop, quick_config, FUSED)
    assert items_of(lists, "u1", "for_you") == ["b", "c", "d", "e"]
    assert items_of(lists, "u1", "new_releases") == ["d", "e"]
    assert set(lists["surface"]) == set(SURFACES) - {"discover"}


def test_a_shop_without_descriptions_has_lists_too(shop, quick_config) -> None:
    shop.execute("DELETE FROM staging.stg_raw__items")
    lists = build_lists(shop, quick_config, FUSED)
    assert items_of(lists, "u1", "for_you") == ["b", "c", "d", "x"]  # nothing says any more that x is not available
    assert items_of(lists, "u1", "discover") == ["b", "c", "d"]
