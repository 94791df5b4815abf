from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from recsys_assets.errors import RecsysError
from recsys_assets.evaluation.leak import TableDifference, compare_cutoff, scramble_future

N_USERS = 20
EVENTS_PER_USER = 10
# user u00 has events at 00:00, 01:00, ..., 09:00; every third is a rating, and the seventh is a return
WORLD = f"""
    CREATE SCHEMA raw;
    CREATE TABLE raw.events AS
    SELECT printf('u%02d', u) AS user_id, printf('i%02d', (u * 7 + n * 3) % 30) AS item_id,
        TIMESTAMP '2024-01-01' + INTERVAL (n) HOUR + INTERVAL (u) MINUTE AS ts,
        CASE WHEN n = 6 THEN 'return' WHEN n % 3 = 0 THEN 'rating' WHEN n % 2 = 0 THEN 'view' ELSE 'purchase' END
            AS event_type,
        CASE WHEN n <> 6 AND n % 3 = 0 THEN 1 + (u + n) % 5 WHEN n % 2 = 1 THEN 10 * u END::DOUBLE AS value,
        's' || u || '-' || n // 5 AS session_id, 'e' || u || '-' || n AS event_id,
        CASE WHEN u % 2 = 0 THEN '{{"page":' || n || '}}' END AS attributes,
        'file' || u % 2 AS file_id, u * 100 + n AS line
    FROM range({N_USERS}) AS users (u), range({EVENTS_PER_USER}) AS numbers (n);
    CREATE SCHEMA intermediate;
"""
TEMPORAL = """
    CREATE TABLE intermediate.int_cutoffs AS
    FROM (VALUES ('validation', 'validation', 'temporal', TIMESTAMP '2024-01-01 05:00'),
                 ('test', 'test', 'temporal', TIMESTAMP '2024-01-01 07:30'),
                 ('late', 'test', 'temporal', TIMESTAMP '2025-01-01'),
                 ('live', 'live', 'temporal', NULL)) AS rows (cutoff, role, split, visible_until)
"""
LEAVE_LAST = """
    CREATE TABLE intermediate.int_cutoffs AS
    FROM (VALUES ('test', 'test', 'leave_last', NULL::TIMESTAMP), ('live', 'live', 'leave_last', NULL::TIMESTAMP))
    AS rows (cutoff, role, split, visible_until);
    -- the last events of the even users are held out; the odd users have nothing held out
    CREATE TABLE intermediate.int_user_cutoffs AS
    SELECT 'test' AS cutoff, user_id, CASE WHEN line // 100 % 2 = 0 THEN max(ts) - INTERVAL 3 HOUR END AS visible_until
    FROM raw.events GROUP BY user_id, line // 100
"""
HELD_OUT = "EXISTS (FROM intermediate.int_user_cutoffs c WHERE c.user_id = raw.events.user_id AND ts >= visible_until)"
COLUMNS = "user_id, item_id, ts, event_type, value, session_id, event_id, attributes, file_id, line"


@pytest.fixture(params=["temporal", "leave_last"])
def split(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def world(split: str) -> Iterator[duckdb.DuckDBPyConnection]:
    with make_world(TEMPORAL if split == "temporal" else LEAVE_LAST) as connection:
        yield connection


def make_world(cutoffs: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(WORLD)
    connection.execute(cutoffs)
    return connection


def rows(connection: duckdb.DuckDBPyConnection, where: str, columns: str = COLUMNS) -> list[tuple]:
    return connection.execute(f"SELECT {columns} FROM raw.events WHERE {where} ORDER BY file_id, line").fetchall()


def future_of(split: str) -> str:
    return "ts >= TIMESTAMP '2024-01-01 07:30'" if split == "temporal" else HELD_OUT


def test_the_past_stays_and_the_future_changes(world: duckdb.DuckDBPyConnection, split: str) -> None:
    past, future = rows(world, f"NOT {future_of(split)}"), rows(world, future_of(split))
    layout = world.execute("DESCRIBE raw.events").fetchall()
    n_changed = scramble_future(world, "test", seed=1)
    changed = rows(world, future_of(split))
    assert rows(world, f"NOT {future_of(split)}") == past
    assert world.execute("DESCRIBE raw.events").fetchall() == layout
    assert n_changed == sum(old != new for old, new in zip(future, changed, strict=True))
    assert n_changed > 0.8 * len(future) > 30


def test_what_decides_the_cutoffs_stays(world: duckdb.DuckDBPyConnection, split: str) -> None:
    kept = "ts, event_type = 'return', event_id, file_id, line"
    before, pairs = rows(world, "true", kept), Counter(rows(world, "true", "event_type, value"))
    per_user = rows(world, "true", "file_id, line, user_id, ts")
    scramble_future(world, "test", seed=1)
    assert rows(world, "true", kept) == before
    assert Counter(rows(world, "true", "event_type, value")) == pairs
    if split == "leave_last":
        assert rows(world, "true", "file_id, line, user_id, ts") == per_user


@pytest.mark.parametrize("column", ["item_id", "event_type", "value", "session_id", "attributes", "user_id"])
def test_every_column_moves(world: duckdb.DuckDBPyConnection, split: str, column: str) -> None:
    before = rows(world, future_of(split), column)
    scramble_future(world, "test", seed=1)
    moved = sum(old != new for old, new in zip(before, rows(world, future_of(split), column), strict=True))
    if column == "user_id" and split == "leave_last":
        assert moved == 0
    else:
        assert moved > len(before) / 4


def test_events_are_dropped_and_new_ones_added(world: duckdb.DuckDBPyConnection, split: str) -> None:
    future = rows(world, future_of(split))
    scramble_future(world, "test", seed=1)
    new_items = rows(world, "item_id LIKE 'scrambled-item_id-%'")
    new_users = rows(world, "user_id LIKE 'scrambled-user_id-%'")
    assert len(new_items) == -(-len(future) // 10)  # a tenth, rounded up
    assert new_users == (new_items if split == "temporal" else [])


def test_the_seed_decides(split: str) -> None:
    results = []
    for seed in (1, 1, 2):
        with make_world(TEMPORAL if split == "temporal" else LEAVE_LAST) as connection:
            scramble_future(connection, "test", seed=seed)
            results.append(rows(connection, "true"))
    assert results[0] == results[1] != results[2]


def test_an_earlier_cutoff_has_more_future() -> None:
    with make_world(TEMPORAL) as connection:
        past = rows(connection, "ts < TIMESTAMP '2024-01-01 05:00'")
        assert scramble_future(connection, "validation", seed=1) > len(rows(connection, future_of("temporal")))
        assert rows(connection, "ts < TIMESTAMP '2024-01-01 05:00'") == past


def test_other_types_may_be_the_cancelling_ones() -> None:
    with make_world(TEMPORAL) as connection:
        before = rows(connection, "true", "event_type = 'view'")
        scramble_future(connection, "validation", seed=1, cancelling_types=["view"])
        assert rows(connection, "true", "event_type = 'view'") == before
        assert rows(connection, "event_type = 'return'", "line") != [(u * 100 + 6,) for u in range(N_USERS)]


@pytest.mark.parametrize(
    ("cutoff", "sentence"),
    [
        ("live", "Cutoff 'live' is not one with a future"),
        ("nowhere", "Cutoff 'nowhere' is not one with a future"),
        ("late", "Cutoff 'late' has no events after it"),
    ],
)
def test_without_a_future_it_is_refused_in_one_sentence(cutoff: str, sentence: str) -> None:
    with make_world(TEMPORAL) as connection, pytest.raises(RecsysError, match=sentence):
        scramble_future(connection, cutoff, seed=1)


@pytest.fixture
def two_files(tmp_path: Path) -> tuple[Path, Path]:
    paths = (tmp_path / "a's.duckdb", tmp_path / "b.duckdb")
    for path in paths:
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE SCHEMA features")
            connection.execute(
                """CREATE TABLE features.user_features AS FROM (VALUES
                   ('test', 'u1', 0.1::DOUBLE, ['x']), ('test', 'u2', NULL, []), ('test', 'u2', NULL, []),
                   ('train_1', 'u1', 'nan'::DOUBLE, NULL)) AS rows (cutoff, user_id, share, categories)"""
            )
            connection.execute(
                "CREATE TABLE features.item_features AS SELECT cutoff, user_id FROM features.user_features"
            )
    return paths


def change(path: Path, sql: str) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(sql)


TABLES = ["features.user_features", "features.item_features"]


def test_equal_rows_in_another_order_are_the_same(two_files: tuple[Path, Path]) -> None:
    change(
        two_files[1],
        "CREATE OR REPLACE TABLE features.user_features AS FROM features.user_features ORDER BY user_id DESC",
    )
    assert compare_cutoff(*two_files, "test", TABLES) == []
    assert compare_cutoff(*two_files, "train_1", TABLES) == []


def test_only_the_cutoff_asked_for_is_compared(two_files: tuple[Path, Path]) -> None:
    change(two_files[1], "UPDATE features.user_features SET share = 2 WHERE cutoff = 'train_1'")
    assert compare_cutoff(*two_files, "test", TABLES) == []
    assert compare_cutoff(*two_files, "train_1", TABLES) == [TableDifference("features.user_features", 1, 1)]


@pytest.mark.parametrize(
    ("sql", "only_in_a", "only_in_b"),
    [
        # the last bit of a double: 0.1 + 0.2 is not 0.3, and this is not 0.1
        ("UPDATE features.user_features SET share = 0.30000000000000004::DOUBLE - 0.2 WHERE user_id = 'u1'", 1, 1),
        ("UPDATE features.user_features SET share = 0 WHERE user_id = 'u2'", 2, 2),
        ("INSERT INTO features.user_features VALUES ('test', 'u1', 0.1::DOUBLE, ['x'])", 0, 1),  # once more than in a
        ("DELETE FROM features.user_features WHERE user_id = 'u2'", 2, 0),
        ("UPDATE features.user_features SET categories = ['y'] WHERE user_id = 'u1'", 1, 1),
    ],
)
def test_every_difference_is_counted(two_files: tuple[Path, Path], sql: str, only_in_a: int, only_in_b: int) -> None:
    change(two_files[1], sql)
    assert compare_cutoff(*two_files, "test", TABLES) == [
        TableDifference("features.user_features", only_in_a, only_in_b)
    ]


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("DROP TABLE features.item_features", "features.item_features is missing in warehouse b"),
        ("ALTER TABLE features.item_features ADD COLUMN price DOUBLE", "features.item_features has different columns"),
    ],
)
def test_tables_that_cannot_be_compared_are_refused(two_files: tuple[Path, Path], sql: str, sentence: str) -> None:
    change(two_files[1], sql)
    with pytest.raises(RecsysError, match=sentence):
        compare_cutoff(*two_files, "test", TABLES)


def test_a_table_without_cutoff_is_refused(two_files: tuple[Path, Path]) -> None:
    for path in two_files:
        change(path, "CREATE TABLE features.plain AS SELECT 1 AS number")
    with pytest.raises(RecsysError, match=r"features\.plain has no column cutoff"):
        compare_cutoff(*two_files, "test", ["features.plain"])
