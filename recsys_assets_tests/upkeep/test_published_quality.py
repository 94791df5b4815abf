"""Two bundles of the hand-made world, and events after each: what counts, and against which lists."""

from datetime import datetime

import pytest

from recsys_assets.upkeep.published_quality import TABLE, measure_published, write_published_quality
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish

# for_you of u1 is i3, i4 and of u2 i4; the lists know events until 2024-01-04 10:00
HISTORY = """
    ('u1', 'i1', '2024-01-01 10:00', 3, true, NULL), ('u1', 'i2', '2024-01-04 10:00', 1, false, NULL),
    ('u2', 'i3', '2024-01-02 10:00', 1, false, NULL), ('u2', 'i4', '2024-01-02 11:00', 1, false, NULL)"""


def add_events(config, *rows: str) -> None:
    with open_warehouse(config) as connection:
        connection.execute(
            f"""CREATE SCHEMA IF NOT EXISTS intermediate;
            CREATE OR REPLACE TABLE intermediate.int_interactions AS
            SELECT user_id, item_id, moment::TIMESTAMP AS occurred_at, label AS relevance_label,
                consumes AS is_consuming, false AS is_repeatable, cancelled::TIMESTAMP AS cancelled_at
            FROM (VALUES {", ".join((HISTORY, *rows))}) AS t (user_id, item_id, moment, label, consumes, cancelled)"""
        )


@pytest.fixture
def published(tiny_home):
    make_warehouse(tiny_home)
    publish(tiny_home, datetime(2024, 1, 5))
    return tiny_home


def measure(config):
    with open_warehouse(config) as connection:
        return measure_published(config, connection)


def test_a_bundle_that_nothing_followed_is_not_judged(published) -> None:
    add_events(published)
    assert measure(published) == []


def test_lists_are_judged_by_what_was_chosen_after_them(published) -> None:
    add_events(
        published, "('u1', 'i3', '2024-01-06 10:00', 1, false, NULL)", "('u2', 'i3', '2024-01-06 11:00', 3, true, NULL)"
    )
    (quality,) = measure(published)
    assert (quality.n_users, quality.ndcg, quality.hit_rate) == (2, 0.5, 0.5)  # u1's first place, and nothing of u2's
    assert quality.ndcg_low <= quality.ndcg <= quality.ndcg_high
    assert (quality.test_ndcg, quality.split, quality.method) == (0.3, "leave_last", "ranker")
    assert (quality.events_from, quality.events_until) == (datetime(2024, 1, 4, 10), None)


@pytest.mark.parametrize(
    "row",
    [
        "('u1', 'i3', '2024-01-06 10:00', 0, false, NULL)",
        "('u1', 'i3', '2024-01-06 10:00', 3, true, '2024-01-07')",
        "('u1', 'i1', '2024-01-06 10:00', 3, true, NULL)",
        "('u1', 'i9', '2024-01-06 10:00', 3, true, NULL)",
        "('u9', 'i3', '2024-01-06 10:00', 3, true, NULL)",
        "('u1', 'i3', '2024-01-04 09:00', 3, true, NULL)",
    ],
    ids=["not relevant", "taken back", "consumed before", "an item not known then", "a user without a list", "before"],
)
def test_what_a_list_could_not_hold_or_should_not_does_not_count(published, row: str) -> None:
    add_events(published, row)
    assert measure(published) == []


def test_each_bundle_is_judged_by_what_came_while_it_was_in_use(published) -> None:
    with open_warehouse(published) as connection:
        connection.execute("UPDATE publishing.recommendations SET as_of = '2024-01-08 10:00'")
    publish(published, datetime(2024, 1, 9))
    add_events(
        published, "('u1', 'i3', '2024-01-06 10:00', 1, false, NULL)", "('u1', 'i4', '2024-01-10 10:00', 3, true, NULL)"
    )
    first, second = measure(published)
    assert (first.events_until, second.events_from) == (datetime(2024, 1, 8, 10), datetime(2024, 1, 8, 10))
    assert first.ndcg == 1.0
    assert second.ndcg == pytest.approx(0.6309297535714575)  # 1 / log2(3)


def test_rows_of_bundles_that_are_gone_stay_and_a_bundle_has_one_row(published) -> None:
    add_events(published, "('u1', 'i3', '2024-01-06 10:00', 1, false, NULL)")
    with open_warehouse(published) as connection:
        connection.execute("CREATE SCHEMA health")
        for _ in range(2):
            write_published_quality(connection, measure_published(published, connection))
        write_published_quality(connection, [])
        assert connection.execute(f"SELECT count(*), max(ndcg) FROM {TABLE}").fetchall() == [(1, 1.0)]
