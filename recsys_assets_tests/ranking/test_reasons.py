"""Why an item is in a list, over the shop by hand."""

from datetime import datetime

import polars as pl
import pytest

from recsys_assets.config import load_config
from recsys_assets.ranking import reasons
from recsys_assets.ranking.reasons import write_recommendations
from recsys_assets.ranking.surfaces import LIST_SCHEMA, Method, build_lists

FUSED = Method("fusion", "popular_decayed_slow")
SCORED_AT = datetime(2024, 3, 2, 12)


@pytest.fixture
def written(shop, quick_config):
    lists = build_lists(shop, quick_config, FUSED)
    assert write_recommendations(shop, quick_config, FUSED, lists, SCORED_AT) == len(lists)

    def row(user: str, surface: str, item: str) -> tuple:
        ((reason, evidence, sources),) = shop.execute(
            """
            SELECT reason, evidence_item_id, candidate_sources FROM publishing.recommendations
            WHERE user_id = ? AND surface = ? AND item_id = ?
            """,
            [user, surface, item],
        ).fetchall()
        return reason, evidence, sources

    return row


def test_the_strongest_link_from_a_liked_item_is_the_evidence(written) -> None:
    # m leads to b by 5, k and a, which she had later, by 3 and 2; z by 9, but it is not liked
    assert written("u1", "for_you", "b") == ("Because you liked m", "m", ["popular", "als"])


def test_a_link_from_a_liked_item_comes_before_a_stronger_one(written) -> None:
    assert written("u1", "for_you", "c") == ("Because you liked Apple", "a", ["als"])  # a by 0.5, z by 1


def test_because_you_liked_has_the_item_that_the_list_is_about(written) -> None:
    assert written("u1", "because_you_liked", "b") == ("Because you liked Apple", "a", ["popular", "als"])


def test_without_a_liked_link_another_one_counts_by_its_id_where_it_has_no_title(shop, written, quick_config) -> None:
    assert written("u1", "for_you", "d") == ("Goes with z", "z", ["popular"])


def test_trending_has_no_other_reason(written) -> None:
    assert written("u1", "trending", "b") == ("Trending now", None, ["popular", "als"])
    assert written("u3", "trending", "a") == ("Trending now", None, ["popular_decayed_fast"])


def test_what_fills_a_list_up_is_popular_and_its_source_is_the_fallback(written) -> None:
    assert written("u1", "for_you", "e") == ("Popular now", None, ["popular_decayed_slow"])
    assert written("u3", "for_you", "a") == ("Popular now", None, ["popular_decayed_slow"])
    assert written("u3", "new_releases", "e") == ("New and popular", None, ["popular_decayed_slow"])


def one_row(shop, config, user: str, item: str) -> tuple:
    lists = pl.DataFrame([(user, "for_you", 1, item, 0.5)], LIST_SCHEMA, orient="row")
    write_recommendations(shop, config, FUSED, lists, SCORED_AT)
    return shop.execute("SELECT reason, evidence_item_id FROM publishing.recommendations").fetchall()[0]


def test_without_a_link_a_creator_then_a_category_then_the_crowd(shop, quick_config) -> None:
    shop.execute("DELETE FROM candidates.covisited_items")
    assert one_row(shop, quick_config, "u1", "d") == ("More by Ann", None)
    shop.execute("DELETE FROM features.user_creator_shares")
    assert one_row(shop, quick_config, "u1", "d") == ("You often choose toy", None)
    shop.execute("DELETE FROM features.user_category_shares")
    assert one_row(shop, quick_config, "u1", "d") == ("Popular now", None)  # popular lists it
    shop.execute("UPDATE candidates.merged SET rank_popular = NULL, n_sources = 2")
    assert one_row(shop, quick_config, "u1", "d") == ("Chosen by people with a taste like yours", None)


def test_of_equal_creators_the_first_by_name_is_named(shop, quick_config) -> None:
    shop.execute("DELETE FROM candidates.covisited_items")
    shop.execute("UPDATE staging.stg_raw__items SET creators = ['Bob', 'Ann'] WHERE item_id = 'd'")
    assert one_row(shop, quick_config, "u1", "d") == ("More by Ann", None)
    shop.execute("UPDATE features.user_creator_shares SET share = 0.6 WHERE creator = 'Bob'")
    assert one_row(shop, quick_config, "u1", "d") == ("More by Bob", None)


def test_disliked_and_weightless_items_are_no_evidence(shop, quick_config) -> None:
    assert one_row(shop, quick_config, "u2", "c") == ("Popular now", None)  # a leads to c, but she dislikes it
    shop.execute("UPDATE intermediate.int_user_items SET weight = 0 WHERE user_id = 'u1' AND item_id = 'm'")
    assert one_row(shop, quick_config, "u1", "b") == ("Because you liked Kite", "k")


def test_only_the_last_events_are_evidence(shop, quick_settings) -> None:
    config = load_config(quick_settings | {"RECSYS__FEATURES__HISTORY_EVENTS": "1"})
    assert one_row(shop, config, "u1", "b") == ("Goes with z", "z")


def test_sources_may_leave_popular_out(shop, quick_settings) -> None:
    config = load_config(quick_settings | {"RECSYS__CANDIDATES__SOURCES": "[als]"})
    shop.execute("ALTER TABLE candidates.merged DROP rank_popular")
    assert one_row(shop, config, "u1", "b") == ("Because you liked m", "m")


def test_titles_times_and_order(shop, written) -> None:
    rows = shop.execute("SELECT user_id, surface, rank, item_id, title FROM publishing.recommendations").fetchall()
    assert [row[:3] for row in rows] == sorted(row[:3] for row in rows)
    assert {row[3]: row[4] for row in rows} == {
        "a": "Apple",
        "b": "Book",
        "c": "Card",
        "d": "Doll",
        "e": None,
        "f": None,
    }
    times = shop.execute("SELECT DISTINCT as_of, scored_at FROM publishing.recommendations").fetchall()
    assert times == [(datetime(2024, 3, 1), SCORED_AT)]


@pytest.mark.parametrize(("method", "expected"), [("fusion", []), ("ranker", [("u1", "b", [1.0])])])
def test_features_are_kept_of_rows_that_the_ranker_scored_and_for_you_lists(
    shop, quick_config, method, expected
) -> None:
    method = Method(method, "popular")
    write_recommendations(shop, quick_config, method, build_lists(shop, quick_config, method), SCORED_AT)
    assert shop.execute("SELECT * FROM publishing.recommendation_features").fetchall() == [
        (user, item, pytest.approx(features)) for user, item, features in expected
    ]


def test_writing_by_parts_of_users_changes_nothing(shop, quick_config, monkeypatch) -> None:
    lists = build_lists(shop, quick_config, FUSED)
    read = "SELECT * FROM publishing.recommendations"
    write_recommendations(shop, quick_config, FUSED, lists, SCORED_AT)
    at_once = shop.execute(read).fetchall()
    assert len({row[0] for row in at_once}) > 1
    monkeypatch.setattr(reasons, "USERS_PER_PART", 1)
    assert write_recommendations(shop, quick_config, FUSED, lists.reverse(), SCORED_AT) == len(lists)
    assert shop.execute(read).fetchall() == at_once
