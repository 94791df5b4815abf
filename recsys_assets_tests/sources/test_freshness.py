"""How old, how many, how late: by hand."""

from datetime import datetime, timedelta

import pytest

from recsys_assets.sources.freshness import Lateness, measure_event_ages, measure_lateness, measure_volume
from recsys_assets.warehouse import open_warehouse

NOW = datetime(2024, 6, 1, 12)  # a Saturday


def events(*days: str, kind: str = "view") -> str:
    return "user_id,item_id,ts,event_type\n" + "".join(f"u{n},a,{day},{kind}\n" for n, day in enumerate(days))


def test_the_newest_event_of_each_type_is_named_with_its_file(shop) -> None:
    shop.write("events/a.csv", events("2024-05-01", "2024-05-31T12:00"))
    shop.write("events/b.csv", events("2024-05-22T12:00", kind="purchase"))
    shop.load(NOW)
    with open_warehouse(shop.config) as connection:
        ages = measure_event_ages(connection, NOW)
    assert [(age.event_type, age.file_name, age.age_days) for age in ages] == [
        ("purchase", "b.csv", 10.0),
        ("view", "a.csv", 1.0),
    ]


def test_yesterday_is_held_against_the_same_weekday_of_eight_weeks(shop) -> None:
    yesterday = datetime(2024, 5, 31)
    days = [yesterday] * 3 + [yesterday - timedelta(weeks=week) for week in range(1, 9) for _ in range(4)]
    noise = [yesterday - timedelta(days=3)] * 50 + [yesterday - timedelta(weeks=9)] * 50 + [NOW] * 50
    shop.write("events.csv", events(*(f"{day:%Y-%m-%dT%H:%M}" for day in days + noise)))
    shop.load(NOW)
    with open_warehouse(shop.config) as connection:
        volume = measure_volume(connection, NOW)
    assert (volume.day, volume.n_events, volume.usual, volume.ratio) == (yesterday, 3, 4.0, 0.75)


def test_weeks_without_events_count_as_zero_but_not_before_the_first_event(shop) -> None:
    shop.write("events.csv", events("2024-05-31", "2024-05-24", "2024-05-24", "2024-05-10", "2024-05-10"))
    shop.load(NOW)
    with open_warehouse(shop.config) as connection:
        assert measure_volume(connection, NOW).usual == 2.0  # of 2, 0, 2
        assert measure_volume(connection, NOW - timedelta(weeks=3)).usual is None  # the very first day
        assert measure_volume(connection, NOW - timedelta(weeks=2)).usual == 2.0
        assert measure_volume(connection, NOW + timedelta(weeks=52)).usual is None


def test_late_are_events_loaded_long_after_they_happened_in_the_last_week_of_loading(shop) -> None:
    shop.write("events/first.csv", events("2020-01-01", "2020-01-02"))  # the first load is of another week
    shop.load(NOW - timedelta(days=8))
    shop.write("events/second.csv", events("2024-05-31", "2024-05-30", "2024-05-29", "2024-05-01"))
    shop.load(NOW)
    with open_warehouse(shop.config) as connection:
        late = measure_lateness(connection, timedelta(days=3, hours=12))
        assert late == Lateness(n_events=4, n_late=1)
        assert late.share == pytest.approx(0.25)
