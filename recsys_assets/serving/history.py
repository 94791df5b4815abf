"""What people did, from the warehouse: a bundle holds no events."""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.warehouse import open_warehouse


@dataclass(frozen=True)
class PastEvent:
    """One row of `raw.events`, its item's latest title, and the file and line that it came from."""

    item_id: str
    title: str | None
    event_type: str
    value: float | None
    ts: datetime
    file_name: str
    line: int


@dataclass(frozen=True)
class History:
    """Events, the latest first; `note` says why they are not shown, None when they are."""

    events: list[PastEvent]
    note: str | None


def user_history(config: Config, user_id: str, limit: int | None = 10, item_id: str | None = None) -> History:
    """The last `limit` (None: all) events of a user, on one item if `item_id` is given.

    A pipeline that runs holds the warehouse; then nothing waits, and the note says so.
    """
    try:
        with open_warehouse(config, read_only=True, wait_seconds=0) as connection:
            return History(_read_events(connection, user_id, limit, item_id), None)
    except RecsysError as error:
        return History([], f"The events are not shown. {error}")


def _read_events(
    connection: duckdb.DuckDBPyConnection, user_id: str, limit: int | None, item_id: str | None
) -> list[PastEvent]:
    rows = connection.execute(
        """
        WITH titles AS (
            SELECT items.item_id, items.title
            FROM raw.items AS items
            JOIN raw.files AS files ON files.file_id = items.file_id
            WHERE items.item_id IN (SELECT item_id FROM raw.events WHERE user_id = $user_id)
            QUALIFY row_number() OVER (
                PARTITION BY items.item_id ORDER BY files.load_number DESC, items.line DESC, files.file_id
            ) = 1
        )
        SELECT events.item_id, titles.title, events.event_type, events.value, events.ts, files.file_name, events.line
        FROM raw.events AS events
        JOIN raw.files AS files ON files.file_id = events.file_id
        LEFT JOIN titles ON titles.item_id = events.item_id
        WHERE events.user_id = $user_id AND ($item_id IS NULL OR events.item_id = $item_id)
        ORDER BY events.ts DESC, files.load_number DESC, events.line DESC, files.file_id
        LIMIT $limit
        """,
        {"user_id": user_id, "item_id": item_id, "limit": limit},
    ).fetchall()
    return [PastEvent(*row) for row in rows]


def users_by_activity(config: Config, least: int, most: int) -> list[str]:
    """The users with `least` to `most` events, by user_id.

    Raises:
        RecsysError: another process holds the warehouse, or there is none.
    """
    with open_warehouse(config, read_only=True, wait_seconds=0) as connection:
        rows = connection.execute(
            "SELECT user_id FROM raw.events GROUP BY user_id HAVING count(*) BETWEEN $least AND $most ORDER BY user_id",
            {"least": least, "most": most},
        ).fetchall()
    return [user_id for (user_id,) in rows]
