from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import polars as pl
import pytest

from recsys_assets.config import Config
from recsys_assets.sources.landing import load_folder
from recsys_assets.sources.simulation import CATEGORIES, SimulatedShop, write_days

FIRST, CHANGE = date(2026, 3, 1), date(2026, 3, 11)
SHOP = SimulatedShop(seed=5, n_users=120, n_items=60, first_day=FIRST, taste_changes_on=CHANGE)


def share_of_favourites(day: date) -> float:
    """Which share of a day's events is in the category that the user is said to like."""
    seen = SHOP.events(day).join(SHOP.users(day), on="user_id").join(SHOP.items(), on="item_id")
    return float((seen["categories"] == seen["favourite_category"]).mean())


def test_a_day_is_the_same_whichever_days_were_made_before() -> None:
    again = SimulatedShop(seed=5, n_users=120, n_items=60, first_day=FIRST, taste_changes_on=CHANGE)
    again.events(CHANGE - timedelta(days=1))
    assert again.events(CHANGE).equals(SHOP.events(CHANGE))
    other = SimulatedShop(seed=6, n_users=120, n_items=60, first_day=FIRST)
    assert not other.events(CHANGE).equals(SHOP.events(CHANGE))


@pytest.mark.parametrize("day", [FIRST, CHANGE - timedelta(days=1), CHANGE, CHANGE + timedelta(days=5)])
def test_people_take_what_they_like_on_that_day(day: date) -> None:
    # 0.7 by taste, and of the rest what falls on it by popularity
    assert 0.6 < share_of_favourites(day) < 0.95


def test_on_the_day_of_the_change_everybody_likes_the_next_category() -> None:
    before, after = SHOP.users(CHANGE - timedelta(days=1)), SHOP.users(CHANGE)
    assert set(before["favourite_category"]) == set(CATEGORIES)
    moved = dict(zip(CATEGORIES, (*CATEGORIES[1:], CATEGORIES[0]), strict=True))
    assert after["favourite_category"].to_list() == before["favourite_category"].replace_strict(moved).to_list()


def test_a_share_of_the_people_changes_and_the_others_never_do() -> None:
    shop = replace(SHOP, changing_share=0.25)
    before, after = (shop.users(day)["favourite_category"] for day in (FIRST, CHANGE))
    changed = before != after
    assert 0.15 < changed.mean() < 0.35  # of 120 users
    assert after.filter(changed).equals(SHOP.users(CHANGE)["favourite_category"].filter(changed))


def test_events_lie_within_their_day_and_have_ids_of_their_own() -> None:
    two_days = pl.concat([SHOP.events(FIRST), SHOP.events(FIRST + timedelta(days=1))])
    assert two_days["event_id"].is_unique().all()
    of_first = SHOP.events(FIRST)["ts"]
    assert datetime.combine(FIRST, time()) <= of_first.min() <= of_first.max() < datetime.combine(CHANGE, time())
    assert of_first.dt.date().unique().to_list() == [FIRST]


def test_what_is_written_is_taken_without_a_rejected_row_and_again_changes_nothing(
    tiny_home: Config, tmp_path: Path
) -> None:
    days = list(write_days(SHOP, tmp_path / "shop", 12))
    assert [day for day, _ in days] == [FIRST + timedelta(days=number) for number in range(12)]
    names = sorted(path.name for path in (tmp_path / "shop").rglob("*.csv"))
    assert len(names) == 1 + 2 + 12  # the items, the users before and after, the days
    report = load_folder(tiny_home, tmp_path / "shop", datetime(2026, 4, 1))
    assert sum(file.rows_rejected for file in report.files) == 0
    assert sum(file.rows_accepted for file in report.files if file.table == "events") == sum(n for _, n in days)
    list(write_days(SHOP, tmp_path / "shop", 12))
    again = load_folder(tiny_home, tmp_path / "shop", datetime(2026, 4, 1))
    assert all(file.already_loaded for file in again.files)
