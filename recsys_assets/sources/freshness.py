"""How old the events are, whether they come in their usual number, and how late they come."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

import duckdb

WEEKS_COMPARED: Final = 8
DAYS_OF_LOADING: Final = 7


@dataclass(frozen=True)
class EventAge:
    """The newest event of a type, the file it came in, and its age in days."""

    event_type: str
    newest_at: datetime
    file_name: str
    age_days: float


@dataclass(frozen=True)
class Volume:
    """The events of a day, and the median of the same weekday in the weeks before; None if none of those had any."""

    day: datetime
    n_events: int
    usual: float | None

    @property
    def ratio(self) -> float | None:
        """1 where the day is as usual; None where there is nothing to compare with."""
        return None if not self.usual else self.n_events / self.usual


@dataclass(frozen=True)
class Lateness:
    """Of the events of the last week of loading, how many were loaded too long after they happened."""

    n_events: int
    n_late: int

    @property
    def share(self) -> float:
        """0 where nothing was loaded."""
        return self.n_late / self.n_events if self.n_events else 0.0


def measure_event_ages(connection: duckdb.DuckDBPyConnection, now: datetime) -> list[EventAge]:
    """One entry per event type, the oldest first; `now` is naive UTC."""
    rows = connection.execute(
        """SELECT event_type, max(ts) AS newest_at, arg_max(file_name, (ts, load_number)) AS file_name
           FROM raw.events JOIN raw.files USING (file_id) GROUP BY event_type ORDER BY newest_at, event_type"""
    ).fetchall()
    return [EventAge(kind, newest, file, (now - newest) / timedelta(days=1)) for kind, newest, file in rows]


def measure_volume(connection: duckdb.DuckDBPyConnection, now: datetime) -> Volume:
    """The events of yesterday (UTC) against the same weekday of the eight weeks before, as far as the record goes back.

    A day without events counts 0; `now` is naive UTC.
    """
    day = datetime(now.year, now.month, now.day) - timedelta(days=1)
    days = [day - timedelta(weeks=week) for week in range(WEEKS_COMPARED + 1)]
    counted = dict(
        connection.execute(
            "SELECT date_trunc('day', ts)::TIMESTAMP, count(*) FROM raw.events WHERE ts >= ? AND ts < ? GROUP BY 1",
            [days[-1], day + timedelta(days=1)],
        ).fetchall()
    )
    ((first,),) = connection.execute("SELECT date_trunc('day', min(ts))::TIMESTAMP FROM raw.events").fetchall()
    earlier = [counted.get(one, 0) for one in days[1:] if first is not None and one >= first]
    return Volume(day, counted.get(day, 0), float(median(earlier)) if any(earlier) else None)


def measure_lateness(connection: duckdb.DuckDBPyConnection, late_after: timedelta) -> Lateness:
    """Over the files of the last seven days up to the latest load."""
    ((n_events, n_late),) = connection.execute(
        f"""WITH loaded AS (SELECT * FROM raw.files WHERE table_name = 'events')
            SELECT count(*), count(*) FILTER (WHERE loaded_at - ts > ?)
            FROM raw.events JOIN loaded USING (file_id)
            WHERE loaded_at >= (SELECT max(loaded_at) FROM loaded) - INTERVAL {DAYS_OF_LOADING} DAY""",
        [late_after],
    ).fetchall()
    return Lateness(n_events, n_late)
