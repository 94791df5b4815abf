"""Rolling origins: the midnights (UTC) from which the past is played again, and which of them can be judged."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from recsys_assets.backtesting.record import Record
from recsys_assets.errors import RecsysError

FIRST_ORIGIN = date(1970, 1, 1)
DAYS_PER_UNIT = {"d": 1, "w": 7}


@dataclass(frozen=True)
class Origins:
    """Origins in order; `left_out` has one sentence for those that the record is too short to judge, or None."""

    judged: tuple[date, ...]
    left_out: str | None


def parse_days(text: str, option: str) -> int:
    """Days of a span such as 7d or 2w.

    Raises:
        RecsysError: it is none, or not above 0.
    """
    found = re.fullmatch(r"(\d+)([dw])", text.strip())
    if found is None or int(found[1]) == 0:
        raise RecsysError(f"{option} is a whole number of days or weeks above 0 (7d, 2w), not '{text}'.")
    return int(found[1]) * DAYS_PER_UNIT[found[2]]


def parse_date(text: str, option: str) -> date:
    """A day such as 2024-01-31.

    Raises:
        RecsysError: it is none, or lies before FIRST_ORIGIN.
    """
    try:
        day = datetime.strptime(text.strip(), "%Y-%m-%d").date()
    except ValueError:
        raise RecsysError(f"{option} is a day such as 2024-01-31, not '{text}'.") from None
    if day < FIRST_ORIGIN:
        raise RecsysError(f"{option} is {day}, and no origin lies before {FIRST_ORIGIN}.")
    return day


def instant(origin: date) -> datetime:
    """The origin's midnight: an event at this very instant is in the horizon, not in the history."""
    return datetime.combine(origin, time())


def choose_origins(first: date, last: date, every_days: int, horizon_days: int, record: Record) -> Origins:
    """Every `every_days` days from `first`, not beyond `last`, as far as the record reaches.

    Raises:
        RecsysError: `first` is after `last`, nothing happened before `first`, or no origin can be judged.
    """
    if first > last:
        raise RecsysError(f"--from {first} is after --to {last}: swap them.")
    origins = [first + timedelta(days=days) for days in range(0, (last - first).days + 1, every_days)]
    refuse_without_history(first, record)
    judged = [origin for origin in origins if last_origin(record, horizon_days) >= origin]
    if not judged:
        refuse_beyond_record(first, horizon_days, record)
    return Origins(tuple(judged), _explain_left_out(origins[len(judged) :], horizon_days, record))


def last_origin(record: Record, horizon_days: int) -> date:
    """The last origin with a whole horizon behind it; the day of the last event counts as whole."""
    return record.last_at.date() + timedelta(days=1 - horizon_days)


def refuse_without_history(origin: date, record: Record) -> None:
    """Raises RecsysError if no event lies before the origin."""
    if instant(origin) <= record.first_at:
        raise RecsysError(f"There are no events before {origin}: the first one is of {record.first_at:%Y-%m-%d %H:%M}.")


def refuse_beyond_record(origin: date, horizon_days: int, record: Record) -> None:
    """Raises RecsysError if the record ends before the origin's horizon does."""
    if origin > (last := last_origin(record, horizon_days)):
        raise RecsysError(
            f"The {horizon_days} days from {origin} reach beyond the last event ({record.last_at:%Y-%m-%d %H:%M}): "
            f"the last origin that can be judged is {last}."
        )


def _explain_left_out(left_out: Sequence[date], horizon_days: int, record: Record) -> str | None:
    if not left_out:
        return None
    who = f"{left_out[0]} is" if len(left_out) == 1 else f"{left_out[0]} to {left_out[-1]} ({len(left_out)}) are"
    return f"{who} left out: {horizon_days} days on, the record has ended (last event {record.last_at:%Y-%m-%d %H:%M})."
