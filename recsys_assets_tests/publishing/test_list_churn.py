"""The lists in the warehouse against those in use, on the hand-made world: u1 has i3 and i4, u2 has i4."""

from datetime import datetime

import pytest

from recsys_assets.config import Config, load_config
from recsys_assets.publishing.list_churn import build_list_churn, find_wholesale_change
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish

CHOICE = "CREATE TABLE evaluation.method_choice AS SELECT 'ranker' AS method, 'popular' AS fallback"


@pytest.fixture
def world(tiny_home: Config) -> Config:
    make_warehouse(tiny_home)
    publish(tiny_home, datetime(2024, 3, 1))
    with open_warehouse(tiny_home) as connection:
        connection.execute(CHOICE)
    return tiny_home


def churn_after(config: Config, *statements: str):
    with open_warehouse(config) as connection:
        for statement in statements:
            connection.execute(statement)
        return build_list_churn(connection, config)


def test_before_the_first_bundle_there_is_nothing_to_compare_with(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    churn = churn_after(tiny_home, CHOICE)
    assert len(churn) == 0
    assert find_wholesale_change(churn, tiny_home) == (None, False)


def test_the_same_lists(world: Config) -> None:
    (row,) = churn_after(world).iter_rows(named=True)
    assert row.pop("previous_build_id").startswith("20240301T")
    assert row == {
        "is_made_alike": True,
        "new_event_share": 0,
        "n_users_before": 2,
        "n_users": 2,
        "n_users_vanished": 0,
        "mean_overlap": 1,
        "n_items_before": 2,
        "n_items": 2,
        "score_psi": 0,
    }


def test_one_of_two_items_changed_for_one_of_two_users(world: Config) -> None:
    change = "UPDATE publishing.recommendations SET item_id = 'i5' WHERE user_id = 'u1' AND item_id = 'i3'"
    (row,) = churn_after(world, change).iter_rows(named=True)
    assert (row["mean_overlap"], row["n_items_before"], row["n_items"]) == (0.75, 2, 2)


def test_another_order_of_the_first_ten_is_no_change(world: Config) -> None:
    change = "UPDATE publishing.recommendations SET rank = 3 - rank WHERE user_id = 'u1' AND surface = 'for_you'"
    assert churn_after(world, change)["mean_overlap"].to_list() == [1]


def test_a_user_who_vanished_keeps_nothing(world: Config) -> None:
    churn = churn_after(world, "DELETE FROM publishing.recommendations WHERE user_id = 'u2'")
    assert churn.select("n_users_vanished", "n_users", "mean_overlap").rows() == [(1, 1, 0.5)]


REPLACE_ALL = "UPDATE publishing.recommendations SET item_id = 'i9' || item_id"


@pytest.mark.parametrize(
    ("explanation", "blocks"),
    [
        ("SELECT 1", True),
        ("UPDATE evaluation.method_choice SET method = 'als'", False),
        ("INSERT INTO features.user_features VALUES ('live', 'u3', 1)", False),  # 8 events instead of 7
        ("DELETE FROM features.user_features WHERE user_id = 'u2'", False),
    ],
    ids=["nothing", "another method", "new events", "fewer events"],
)
def test_a_wholesale_change_blocks_unless_something_explains_it(world: Config, explanation: str, blocks: bool) -> None:
    fault, is_unexplained = find_wholesale_change(churn_after(world, REPLACE_ALL, explanation), world)
    assert fault is not None
    assert fault.startswith("users keep 0% of their first 10 items of bundle 20240301T")
    assert is_unexplained is blocks


def test_other_settings_explain_it(world: Config) -> None:
    other = load_config({"RECSYS_HOME": str(world.home), "RECSYS__SEED": "7"})
    fault, is_unexplained = find_wholesale_change(churn_after(other, REPLACE_ALL), other)
    assert (fault is not None, is_unexplained) == (True, False)
