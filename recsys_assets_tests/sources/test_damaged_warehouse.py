"""A warehouse that is damaged or gone: the next load makes the same one from what was landed, and keeps the damaged."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from recsys_assets.errors import DamagedError
from recsys_assets.sources.landing import ingest_landed
from recsys_assets.warehouse import demand_sound, open_warehouse
from recsys_assets_tests.sources.conftest import NOW, Shop

TABLES = ("events", "items", "users", "impressions", "rejected_rows", "files")
BLOCK = 262_144


def write_events(shop: Shop, name: str, first: int, n_rows: int) -> None:
    rows = (f"e{n:06},u{n % 97},i{n % 89},2024-05-01 10:00:{n % 60:02}" for n in range(first, first + n_rows))
    shop.write(name, "\n".join(["event_id,user_id,item_id,ts", *rows, "nobody,,i1,2024-05-01"]) + "\n")


def rows_of(shop: Shop) -> dict[str, list[tuple[object, ...]]]:
    return {table: shop.query(f"SELECT * FROM raw.{table} ORDER BY ALL") for table in TABLES}


def set_aside(shop: Shop) -> list[Path]:
    return sorted(shop.config.home.glob("warehouse.duckdb.damaged-*"))


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def overwrite(path: Path, position: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        file.write(b"\xaa" * BLOCK)


def overwrite_the_middle(path: Path) -> None:
    overwrite(path, path.stat().st_size // 2)


@pytest.fixture
def loaded(shop: Shop) -> Shop:
    write_events(shop, "events/1.csv", 0, 60_000)
    shop.write("items.csv", "item_id,title\n" + "".join(f"i{n},Item {n}\n" for n in range(89)))
    shop.load()
    return shop


DAMAGES: dict[str, Callable[[Path], object]] = {
    "half": halve,
    "empty": lambda path: path.write_bytes(b""),
    "other content": lambda path: path.write_bytes(b"torn"),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "middle overwritten": overwrite_the_middle,
    "begin overwritten": lambda path: overwrite(path, 0),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_the_next_load_makes_the_same_rows_again_and_keeps_the_damaged_file(loaded: Shop, damage) -> None:
    warehouse = loaded.config.warehouse_path
    whole = warehouse.with_name("whole")
    shutil.copy(warehouse, whole)
    write_events(loaded, "events/2.csv", 59_000, 2_000)  # which repeat some: the load looks at the rows there are
    loaded.load()
    expected = rows_of(loaded)
    next(path for path in loaded.config.landing_path.glob("events/*2.csv")).unlink()
    shutil.move(whole, warehouse)
    damage(warehouse)
    damaged = warehouse.read_bytes()

    report = loaded.load()
    assert report.damage is not None
    assert report.damage.startswith(f"The warehouse {warehouse} is damaged (")
    assert report.damage.endswith(": all that was landed is loaded anew.")
    assert "\n" not in report.damage
    assert rows_of(loaded) == expected
    (kept,) = set_aside(loaded)
    assert kept.read_bytes() == damaged
    assert f"is kept as {kept.name}" in report.damage
    assert loaded.load().damage is None


def test_one_that_is_gone_is_made_again(loaded: Shop) -> None:
    expected = rows_of(loaded)
    loaded.config.warehouse_path.unlink()
    assert ingest_landed(loaded.config, NOW).damage is None
    assert rows_of(loaded) == expected
    assert set_aside(loaded) == []


def test_a_damaged_log_of_what_is_not_yet_in_the_file_is_kept_with_it(loaded: Shop) -> None:
    expected = rows_of(loaded)
    with open_warehouse(loaded.config) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("SET checkpoint_threshold = '1GB'")
        connection.execute("CREATE TABLE made_later AS SELECT range AS n FROM range(100_000)")
    log = loaded.config.warehouse_path.with_name("warehouse.duckdb.wal")
    content = bytearray(log.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 100] = b"\xaa" * 100
    log.write_bytes(content)
    assert loaded.load().damage is not None
    assert rows_of(loaded) == expected
    kept = set_aside(loaded)
    assert [path.name.endswith(".wal") for path in kept] == [False, True]
    assert kept[1].read_bytes() == content


def test_a_reader_says_so_and_moves_nothing(loaded: Shop) -> None:
    overwrite_the_middle(loaded.config.warehouse_path)
    with pytest.raises(DamagedError, match=r"is damaged \(.+\): move it away and run `recsys build`, which"):
        demand_sound(loaded.config, set_aside=False)
    with (
        pytest.raises(DamagedError, match="move it away"),
        open_warehouse(loaded.config, read_only=True) as connection,
    ):
        connection.execute("SELECT bit_xor(hash(events)) FROM raw.events").fetchall()
    assert loaded.config.warehouse_path.exists()


def test_a_mistake_in_a_query_is_no_damage(loaded: Shop) -> None:
    with pytest.raises(Exception, match="no_such_table"), open_warehouse(loaded.config) as connection:
        connection.execute("SELECT * FROM no_such_table")
    assert set_aside(loaded) == []
