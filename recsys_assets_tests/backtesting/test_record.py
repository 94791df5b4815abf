"""What is cut at an instant: all that was there then, and nothing that came later."""

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from recsys_assets.backtesting.record import read_record, write_tables_before
from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.sources.landing import load_folder
from recsys_assets.warehouse import open_warehouse

SALE = datetime(2024, 1, 20, 11)  # e053, a return, is of this very instant
NOW = datetime(2024, 3, 1)


def cut(config: Config, folder: Path, until: datetime) -> Path:
    with open_warehouse(config, read_only=True) as connection:
        write_tables_before(connection, folder, until, until)
    return folder


def load_more(config: Config, folder: Path, name: str, text: str) -> None:
    folder.mkdir()
    (folder / name).write_text(text)
    load_folder(config, folder, NOW)


def test_an_event_at_the_very_instant_is_not_history(loaded: Config, tmp_path: Path) -> None:
    before = pl.read_parquet(cut(loaded, tmp_path / "a", SALE) / "events.parquet")
    assert before["event_id"].to_list() == [f"e{number:03}" for number in range(1, 53)]
    after = pl.read_parquet(cut(loaded, tmp_path / "b", SALE + timedelta(microseconds=1)) / "events.parquet")
    assert after["event_id"].to_list() == [*before["event_id"], "e053"]


def test_the_same_rows_load_again_with_all_they_hold(loaded: Config, tmp_path: Path) -> None:
    whole = cut(loaded, tmp_path / "cut", NOW)
    again = loaded.model_copy(update={"home": tmp_path / "again"})
    report = load_folder(again, whole, NOW)
    assert {file.rows_rejected for file in report.files} == {0}
    for table in ("events", "items", "users"):
        rows = []
        for config in (loaded, again):
            with open_warehouse(config, read_only=True) as connection:
                rows.append(
                    connection.execute(f"SELECT * EXCLUDE (file_id, line) FROM raw.{table} ORDER BY ALL").fetchall()
                )
        assert rows[0] == rows[1]


def test_what_happens_later_changes_no_byte_of_the_history(loaded: Config, tmp_path: Path) -> None:
    before = cut(loaded, tmp_path / "before", SALE)
    with duckdb.connect(str(loaded.warehouse_path)) as connection:
        connection.execute("UPDATE raw.events SET item_id = 'other', user_id = 'u99' WHERE ts >= ?", [SALE])
        connection.execute("DELETE FROM raw.events WHERE ts > ?", [SALE])
    after = cut(loaded, tmp_path / "after", SALE)
    assert {path.name for path in before.iterdir()} == {"events.parquet", "items.parquet", "users.parquet"}
    for path in before.iterdir():
        assert (after / path.name).read_bytes() == path.read_bytes()


def test_an_item_that_was_not_released_is_left_out_unless_somebody_touched_it(loaded: Config, tmp_path: Path) -> None:
    items = pl.read_csv(Path(__file__).parents[1] / "fixtures/tiny_world/items.csv", try_parse_dates=False)
    (released,) = items.filter(pl.col("item_id") == "i14")["released_at"]
    early = pl.read_parquet(cut(loaded, tmp_path / "early", SALE) / "items.parquet")["item_id"]
    assert str(released) > "2024-01-20"
    assert set(items["item_id"]) - set(early) == {"i14"}
    load_more(loaded, tmp_path / "more", "events.csv", "user_id,item_id,ts\nu01,i14,2024-01-02\n")
    assert "i14" in pl.read_parquet(cut(loaded, tmp_path / "touched", SALE) / "items.parquet")["item_id"]


def test_of_two_rows_on_an_item_the_later_loaded_stands_last(loaded: Config, tmp_path: Path) -> None:
    load_more(loaded, tmp_path / "more", "items.csv", "item_id,title\ni01,A new title\n")
    items = pl.read_parquet(cut(loaded, tmp_path / "cut", SALE) / "items.parquet")
    assert items.filter(pl.col("item_id") == "i01")["title"].to_list()[-1] == "A new title"


def test_a_file_of_later_events_leaves_the_past_as_it_was_and_one_of_earlier_events_does_not(
    loaded: Config, tmp_path: Path
) -> None:
    def fingerprint() -> str:
        with open_warehouse(loaded, read_only=True) as connection:
            return read_record(connection).fingerprint(SALE)

    first = fingerprint()
    load_more(loaded, tmp_path / "later", "events.csv", "user_id,item_id,ts\nu01,i02,2024-01-20 11:00:00\n")
    assert fingerprint() == first
    load_more(loaded, tmp_path / "earlier", "events.csv", "user_id,item_id,ts\nu01,i02,2024-01-20 10:59:59\n")
    second = fingerprint()
    assert second != first
    load_more(loaded, tmp_path / "items", "items.csv", "item_id,title\ni01,A new title\n")
    assert fingerprint() not in {first, second}


def test_without_events_there_is_no_past(tiny_home: Config) -> None:
    with open_warehouse(tiny_home) as connection, pytest.raises(RecsysError, match="Nothing is loaded"):
        read_record(connection)
