"""Which origins there are, which can be judged, and what a person is told of the others."""

from datetime import date, datetime

import pytest

from recsys_assets.backtesting.origins import choose_origins, parse_date, parse_days
from recsys_assets.backtesting.record import Record
from recsys_assets.errors import RecsysError

RECORD = Record(datetime(2024, 1, 1, 9), datetime(2024, 1, 31, 22), {})


def days(*numbers: int) -> tuple[date, ...]:
    return tuple(date(2024, 1, number) for number in numbers)


def choose(first: date, last: date, every: int = 7, horizon: int = 7):
    return choose_origins(first, last, every, horizon, RECORD)


def test_origins_follow_each_other_at_even_steps_and_not_beyond_the_last_day() -> None:
    assert choose(date(2024, 1, 3), date(2024, 1, 18)).judged == days(3, 10, 17)
    assert choose(date(2024, 1, 3), date(2024, 1, 17)).judged == days(3, 10, 17)
    assert choose(date(2024, 1, 3), date(2024, 1, 3)).judged == days(3)


def test_the_day_of_the_last_event_counts_as_whole_and_later_horizons_are_left_out_with_a_sentence() -> None:
    chosen = choose(date(2024, 1, 25), date(2024, 1, 27), every=1)
    assert chosen.judged == days(25)
    assert chosen.left_out == (
        "2024-01-26 to 2024-01-27 (2) are left out: 7 days on, the record has ended (last event 2024-01-31 22:00)."
    )
    assert choose(date(2024, 1, 25), date(2024, 1, 25)).left_out is None
    assert "2024-01-26 is left out" in str(choose(date(2024, 1, 25), date(2024, 1, 26), every=1).left_out)


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        (date(2024, 1, 9), date(2024, 1, 8), "--from 2024-01-09 is after --to 2024-01-08"),
        (date(2024, 1, 1), date(2024, 1, 8), "no events before 2024-01-01: the first one is of 2024-01-01 09:00"),
        (date(2024, 1, 30), date(2024, 2, 8), "the last origin that can be judged is 2024-01-25"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(first: date, last: date, sentence: str) -> None:
    with pytest.raises(RecsysError, match=sentence):
        choose(first, last)


def test_spans_and_days_are_read() -> None:
    assert (parse_days("7d", "--every"), parse_days("2w", "--every")) == (7, 14)
    assert parse_date("2024-02-29", "--from") == date(2024, 2, 29)


@pytest.mark.parametrize("text", ["0d", "-1d", "7", "1h", ""])
def test_a_span_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RecsysError, match="--every is a whole number of days or weeks above 0"):
        parse_days(text, "--every")


@pytest.mark.parametrize("text", ["2024-02-30", "yesterday", "1969-12-31"])
def test_a_day_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RecsysError, match="--from is "):
        parse_date(text, "--from")
