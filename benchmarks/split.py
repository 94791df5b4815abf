"""Cut data into what a system may see and what is hidden from it.

A split is a folder: `seen/` (events, items, users: a folder that `recsys load` takes), `target_users.parquet` (whom to
recommend for), `hidden/relevant.parquet` (user_id, item_id: what they went on to choose) and `meta.json` (counts).
"""

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.dataset import copy_descriptions, read_events
from recsys_assets.errors import RecsysError

PROTOCOLS = ("global", "llo")
MIN_EVENTS = 5  # global: train events of a target user; llo: events of a user whose last ones are held out
TEST_SHARE = 0.10  # global: of the events, the last
HELD_OUT_SHARE = 0.20  # llo: of each user's events, the last
RELEVANT_SHARE = 0.8  # of a rating scale's top: 4 of 5, 8 of 10
ENOUGH_USERS = 300  # target users below which `auto` takes llo
ENOUGH_TO_TUNE = 200
MAX_USERS = 10_000
MAX_USERS_TO_TUNE = 3_000

# A share of a count is rounded down, and 1e-9 mends what binary fractions lose: 0.9 * 10 is 9 events.
ASSIGN = {
    # the cut is the time of event number 0.9 n, counted from 0; whatever shares that time is test
    "global": """
        SELECT *, ts >= (
            SELECT ts FROM kept ORDER BY ts
            LIMIT 1 OFFSET (SELECT floor((1 - $share) * count(*) + 1e-9)::BIGINT FROM kept)
        ) AS is_test FROM kept""",
    "llo": f"""
        SELECT * EXCLUDE (place, n), n >= {MIN_EVENTS} AND place > n - floor($share * n + 1e-9) AS is_test
        FROM (
            SELECT *, count(*) OVER (PARTITION BY user_id) AS n,
                row_number() OVER (PARTITION BY user_id ORDER BY ts, item_id, event_type, value) AS place
            FROM kept
        )""",
}
# One step a rule; `meta.json` counts the pairs that each leaves.
RELEVANT = {
    "relevant_events": """
        SELECT DISTINCT user_id, item_id FROM cut
        WHERE is_test AND (event_type IS DISTINCT FROM 'rating' OR value >= (
            SELECT $relevant * CASE WHEN max(value) > 5 THEN 10 ELSE 5 END FROM kept WHERE event_type = 'rating'
        ))""",
    "of_users_with_history": """
        SELECT * FROM relevant_events SEMI JOIN (
            SELECT user_id FROM train GROUP BY user_id HAVING count(*) >= $min_events
        ) USING (user_id)""",
    "of_known_items": "SELECT * FROM of_users_with_history SEMI JOIN train USING (item_id)",
    "relevant_pairs": "SELECT * FROM of_known_items ANTI JOIN train USING (user_id, item_id)",
}


def cut_data(source: Path, split: Path, protocol: str, max_users: int = MAX_USERS) -> dict[str, Any]:
    """Cut the data in `source` and write the split; an earlier one of that name is replaced.

    - `global`: the last 10 % of the events in time are test. Target users have at least 5 events before.
    - `llo` (leave last out): of each user with at least 5 events the last 20 % by time and item, rounded down, are
      test. All users see each other's future: a yardstick of quality, not a forecast.

    Relevant are a target user's test events, of ratings those of 4 of 5 (8 of 10) or more, without items of her train
    history and items that do not occur in train; users left with none are no target users. `return` events are left
    out altogether. Of more than `max_users` target users a fixed sample is taken, by md5 of user_id.

    Returns:
        What `meta.json` holds: protocol, cut (time, or None), counts of events, users, items, pairs after each rule.

    Raises:
        RecsysError: the protocol is unknown, or the events cannot be read.
    """
    if protocol not in PROTOCOLS:
        raise RecsysError(f"There is no protocol {protocol}: choose one of {', '.join(PROTOCOLS)}.")
    shutil.rmtree(split, ignore_errors=True)
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        read_events(connection, source)
        connection.execute("CREATE TABLE kept AS SELECT * FROM events WHERE event_type IS DISTINCT FROM 'return'")
        share = TEST_SHARE if protocol == "global" else HELD_OUT_SHARE
        connection.execute(f"CREATE TABLE cut AS {ASSIGN[protocol]}", {"share": share})
        connection.execute("CREATE TABLE train AS SELECT * EXCLUDE is_test FROM cut WHERE NOT is_test")
        settings = {"relevant": RELEVANT_SHARE, "min_events": MIN_EVENTS if protocol == "global" else 1}
        for table, select in RELEVANT.items():
            used = {name: value for name, value in settings.items() if f"${name}" in select}
            connection.execute(f"CREATE TABLE {table} AS {select}", used)
        connection.execute(
            f"""CREATE TABLE target_users AS SELECT user_id FROM relevant_pairs GROUP BY user_id
            ORDER BY md5(user_id), user_id LIMIT {max_users}"""
        )
        meta = {"protocol": protocol, **_count(connection, protocol)}
        _write(connection, split)
    copy_descriptions(source, split / "seen")
    (split / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")  # last: a split with it is whole
    return meta


def cut_to_tune(split: Path, protocol: str) -> Path:
    """The slice that peers are tuned on, cut out of a split's train part as that was cut out of the data.

    Where a global cut leaves fewer than 200 users, leave-last-out takes its place. Returns the slice, a split itself.

    Raises:
        RecsysError: no cut leaves anybody to tune on.
    """
    for kind in dict.fromkeys((protocol, "llo")):
        tuning = split / f"tuning-{kind}"
        meta = read_meta(tuning) or cut_data(split / "seen", tuning, kind, MAX_USERS_TO_TUNE)
        if meta["target_users"] >= ENOUGH_TO_TUNE:
            break
    demand_users(tuning, meta)
    return tuning


def demand_users(split: Path, meta: dict[str, Any]) -> None:
    """Refuse a split without target users.

    Raises:
        RecsysError: it has none.
    """
    if not meta["target_users"]:
        raise RecsysError(
            f"The {meta['protocol']} cut at {split} leaves nobody to recommend for: it needs more events."
        )


def read_meta(split: Path) -> dict[str, Any] | None:
    """What `meta.json` of a split says; None where there is no whole split."""
    file = split / "meta.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def _count(connection: duckdb.DuckDBPyConnection, protocol: str) -> dict[str, Any]:
    counts = {
        "cut": "SELECT strftime(min(ts), '%Y-%m-%d %H:%M:%S') FROM cut WHERE is_test"
        if protocol == "global"
        else "SELECT NULL",
        "events": "SELECT count(*) FROM cut",
        "train_events": "SELECT count(*) FROM train",
        "train_users": "SELECT count(DISTINCT user_id) FROM train",
        "train_items": "SELECT count(DISTINCT item_id) FROM train",
        **{table: f"SELECT count(*) FROM {table}" for table in RELEVANT},
        "users_with_relevant_pairs": "SELECT count(DISTINCT user_id) FROM relevant_pairs",
        "target_users": "SELECT count(*) FROM target_users",
    }
    return {name: row[0] for name, sql in counts.items() if (row := connection.execute(sql).fetchone())}


def _write(connection: duckdb.DuckDBPyConnection, split: Path) -> None:
    hidden = "SELECT * FROM relevant_pairs SEMI JOIN target_users USING (user_id)"
    files = {
        "seen/events": "SELECT * FROM train ORDER BY ts, user_id, item_id, event_type, value",
        "target_users": "SELECT * FROM target_users ORDER BY user_id",
        "hidden/relevant": f"{hidden} ORDER BY user_id, item_id",
    }
    for name, select in files.items():
        file = split / f"{name}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        connection.execute(f"COPY ({select}) TO '{str(file).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)")
