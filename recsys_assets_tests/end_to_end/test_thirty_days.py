"""A shop's traffic through the sensors, day after day: nothing fails, nothing gets old, and lists follow new tastes.

RECSYS_REPLAY_DAYS says how many days, a minute or two each; without it nothing is replayed. docs/operations.md has what
they showed.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from recsys_assets.config import load_config
from recsys_assets.sources.simulation import SimulatedShop
from recsys_assets_tests.end_to_end.replay import Day, replay

DAYS = int(os.environ.get("RECSYS_REPLAY_DAYS", "0"))
pytestmark = [pytest.mark.slow, pytest.mark.skipif(DAYS == 0, reason="RECSYS_REPLAY_DAYS names no number of days")]
DAYS_BEFORE = 28
CHANGE_AFTER = DAYS // 3
DAYS_TO_FOLLOW = 14  # from the day of the change until most of a list is of the new taste
FIRST_WEEK = 7  # few_events_come_late looks at a week of loading, so that long at the history that came at first
HEADER = """
| day | runs | not passed | published | `recsys health` | new taste | old taste | others' taste |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Day]]:
    """Each day of traffic as it looked a day later; `-s` shows them as they come, as a table in Markdown."""
    home = tmp_path_factory.mktemp("days") / "home"
    first_day = datetime.now(UTC).date() + timedelta(days=1 - DAYS_BEFORE)
    change = first_day + timedelta(days=DAYS_BEFORE + CHANGE_AFTER)
    shop = SimulatedShop(7, 200, 300, first_day, taste_changes_on=change, changing_share=0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECSYS_HOME", str(home))
        patch.setenv("DAGSTER_HOME", str(home / "dagster"))
        seen = []
        print(HEADER)
        for day in replay(load_config(), shop, DAYS_BEFORE, DAYS):
            seen.append(day)
            print(show(day, len(seen)), flush=True)
        yield seen


def show(day: Day, number: int) -> str:
    """A row of the table."""
    runs = "; ".join(f"{run.job} ({run.reason}) {run.seconds:.0f} s" for run in day.runs)
    cells = (
        number,
        runs + ("" if all(run.succeeded for run in day.runs) else " FAILED"),
        ", ".join(f"{name} ({severity})" for name, severity in sorted(day.failed_checks)),
        ", ".join(sorted(set(day.freshness.values()))),
        ", ".join(day.not_fresh) or "all fresh",
        f"{day.tastes.new:.0%}",
        f"{day.tastes.old:.0%}",
        f"{day.tastes.kept:.0%}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def test_every_days_files_are_taken_by_one_run_and_no_run_fails(days: list[Day]) -> None:
    for day in days:
        assert all(run.succeeded for run in day.runs), day
        assert [run.reason for run in day.runs].count("1 file in the inbox") <= 1, day
        assert 1 <= len(day.runs) <= 2, day


def test_a_model_is_not_trained_every_day(days: list[Day]) -> None:
    builds = [day for day in days if any(run.job == "build" for run in day.runs)]
    assert len(builds) <= 1 + len(days) // 5


def test_nothing_is_ever_red_or_old(days: list[Day]) -> None:
    for number, day in enumerate(days, start=1):
        assert set(day.freshness.values()) == {"PASS"}, day
        assert day.not_fresh == (), day
        yellow = {name for name, severity in day.failed_checks if severity == "WARN"}
        assert len(yellow) == len(day.failed_checks), day
        assert not yellow & {"newest_events_are_recent", "volume_is_as_on_the_same_weekday"}, day
        if number != FIRST_WEEK:  # the seconds of the two loads decide
            assert ("few_events_come_late" in yellow) == (number < FIRST_WEEK), day


def test_lists_follow_those_whose_taste_changes_and_stay_with_the_others(days: list[Day]) -> None:
    before, after = days[:CHANGE_AFTER], days[CHANGE_AFTER:]
    assert max(day.tastes.new for day in before) < 0.2 < 0.5 < min(day.tastes.old for day in before)
    assert all(day.tastes.kept > 0.5 for day in days)
    if len(after) < DAYS_TO_FOLLOW:
        pytest.skip(f"lists are given {DAYS_TO_FOLLOW} days to follow, and {len(after)} are replayed after the change")
    assert all(day.tastes.new > 0.5 for day in after[DAYS_TO_FOLLOW - 1 :])
