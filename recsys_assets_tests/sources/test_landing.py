"""Folders, landed files, duplicates, and files that are refused as a whole."""

import gzip
import hashlib
import os
from collections.abc import Callable
from typing import Any

import pytest

from recsys_assets.errors import RecsysError
from recsys_assets_tests.sources.conftest import Shop

EVENTS = "user_id,item_id,ts,event_id\nu1,i1,2024-05-01,e1\nu2,i2,2024-05-02,e2\n"


def counts(shop: Shop) -> dict[str, int]:
    tables = ("events", "items", "users", "impressions", "files", "rejected_rows")
    return {table: shop.query(f"SELECT count(*) FROM raw.{table}")[0][0] for table in tables}


def refusal(shop: Shop) -> str:
    """The one sentence with which the folder is refused; nothing of it may have been landed."""
    with pytest.raises(RecsysError) as refused:
        shop.load()
    assert shop.landed() == []
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def test_every_table_is_there_after_a_load_and_files_have_their_place(shop: Shop) -> None:
    path = shop.write("events.csv", EVENTS)
    shop.load()
    assert counts(shop) == {"events": 2, "items": 0, "users": 0, "impressions": 0, "files": 1, "rejected_rows": 0}
    file_id = hashlib.sha256(path.read_bytes()).hexdigest()
    assert shop.query("SELECT * EXCLUDE (loaded_at) FROM raw.files") == [
        (file_id, 1, "events", "events.csv", f"landing/events/{file_id[:16]}__events.csv", len(EVENTS), 2, 2, 0)
    ]


def test_the_same_folder_twice_changes_nothing(shop: Shop) -> None:
    shop.write("events.csv", EVENTS)
    shop.load()
    before = counts(shop), shop.landed()
    again = shop.load()
    assert (counts(shop), shop.landed()) == before
    assert [(file.file_name, file.rows_read, file.already_loaded) for file in again.files] == [("events.csv", 0, True)]


def test_the_same_content_under_another_name_changes_nothing(shop: Shop) -> None:
    shop.write("events/a.csv", EVENTS)
    shop.write("events/b.csv", EVENTS)
    report = shop.load()
    assert [(file.file_name, file.already_loaded) for file in report.files] == [("a.csv", False), ("b.csv", True)]
    assert counts(shop)["events"] == 2


def test_the_first_row_with_an_event_id_stays_within_and_across_files(shop: Shop) -> None:
    shop.write("events/a.csv", EVENTS + "u3,i3,2024-05-03,e1\n,i4,2024-05-03,e9\n")
    shop.write("events/b.csv", "user_id,item_id,ts,event_id\nu4,i4,2024-05-04,e2\nu5,i5,2024-05-05,e9\n")
    report = shop.load()
    assert shop.query("SELECT event_id, user_id FROM raw.events ORDER BY event_id") == [
        ("e1", "u1"),
        ("e2", "u2"),
        ("e9", "u5"),  # the e9 before it was refused, so it had not been seen
    ]
    assert shop.query("SELECT file_name, line, reason, row FROM raw.rejected_rows ORDER BY ALL") == [
        ("a.csv", 4, "event_id 'e1' was first seen in a.csv, line 2", "u3,i3,2024-05-03,e1"),
        ("a.csv", 5, "user_id is missing", ",i4,2024-05-03,e9"),
        ("b.csv", 2, "event_id 'e2' was first seen in a.csv, line 3", "u4,i4,2024-05-04,e2"),
    ]
    assert (report.rows_read, report.rows_accepted, report.rows_rejected) == (6, 3, 3)


def test_equal_rows_without_an_event_id_are_all_kept(shop: Shop) -> None:
    shop.write("events.csv", "user_id,item_id,ts\n" + "u1,i1,2024-05-01\n" * 3)
    shop.load()
    assert shop.query("SELECT line FROM raw.events ORDER BY line") == [(2,), (3,), (4,)]


def test_reasons_are_counted_by_kind(shop: Shop) -> None:
    shop.write("events.csv", "user_id,item_id,ts\nu1,i1,never\nu1,i1,soon\n,i1,2024-05-01\nu1,i1,2024-05-01\n")
    reasons = shop.load().reasons
    assert [(reason.table, reason.reason, reason.rows) for reason in reasons] == [
        ("events", "ts … is not a time", 2),
        ("events", "user_id is missing", 1),
    ]


def test_a_file_without_rows_is_fine(shop: Shop) -> None:
    shop.write("events.csv", "user_id,item_id,ts\n")
    assert [(file.rows_read, file.already_loaded) for file in shop.load().files] == [(0, False)]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("events.csv", b"", ["events.csv is empty", "header"]),
        ("events.csv", b"\n \n", ["events.csv is empty", "header"]),
        ("events.csv", b"user_id,item\nu1,i1\n", ["events.csv", "item_id, ts", "user_id, item"]),
        ("events.csv", "user_id,item_id,ts\n".encode("utf-16"), ["events.csv", "UTF-8"]),
        ("events.csv", b"user_id,item_id,ts,User ID\n", ["events.csv", "user_id twice"]),
        ("events.csv", b"user_id,item_id,ts,x,x\n", ["events.csv", "x twice"]),
        ("events.csv.gz", gzip.compress(os.urandom(40_000))[:20_000], ["events.csv.gz", "cut short"]),
        ("events.csv.gz", b"", ["events.csv.gz", "cut short"]),
        ("events.csv.gz", EVENTS.encode(), ["events.csv.gz", "gzip"]),
        ("events.jsonl", b'{"user_id": 1, "item_id": 2}\n', ["events.jsonl", "column ts"]),
        ("events.parquet", b"PAR1 no more", ["events.parquet", "Parquet"]),
        ("events.parquet", b"", ["events.parquet", "Parquet"]),
        ("events.xlsx", b"PK", ["events.xlsx", ".csv"]),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_before_it_is_landed(
    shop: Shop, name: str, content: bytes, words: list[str]
) -> None:
    shop.write("items.csv", "item_id\ni1\n")  # sound, and yet not loaded alone
    original = shop.write(name, content)
    sentence = refusal(shop)
    assert [word for word in words if word not in sentence] == []
    assert original.read_bytes() == content
    original.unlink()
    shop.write("events.csv", EVENTS)
    assert shop.load().rows_accepted == 3  # what was refused is in nobody's way


def test_parquet_that_is_damaged_inside_is_refused(shop: Shop, tmp_path: Any) -> None:
    import polars as pl

    pl.DataFrame({"user_id": [f"user {n}" for n in range(5_000)]}).write_parquet(shop.folder / "users.parquet")
    content = (shop.folder / "users.parquet").read_bytes()
    shop.write("users.parquet", content[:4] + bytes(len(content) // 2) + content[4 + len(content) // 2 :])
    assert "users.parquet" in refusal(shop)


def test_a_folder_must_hold_a_table(shop: Shop) -> None:
    shop.write("orders.csv", "a\n")
    assert "holds none of the tables" in refusal(shop)
    shop.folder = shop.folder / "nowhere"
    assert "There is no folder" in refusal(shop)


def test_a_table_may_not_stand_there_twice(shop: Shop) -> None:
    shop.write("events.csv", EVENTS)
    shop.write("events.jsonl", "")
    assert "holds events.csv and events.jsonl" in refusal(shop)


def test_the_same_content_cannot_be_two_tables(shop: Shop) -> None:
    shop.write("events.csv", "user_id,item_id,ts\n")
    shop.write("users.csv", "user_id,item_id,ts\n")
    assert "has the same content as" in refusal(shop)


def test_markers_and_hidden_files_are_passed_over(shop: Shop) -> None:
    shop.write("events/part-0.csv", EVENTS)
    shop.write("events/_SUCCESS", "")
    shop.write("events/.part-0.csv.crc", "x")
    shop.load()
    assert shop.landed() == ["events/part-0.csv"]


def test_a_warehouse_made_anew_takes_files_in_the_order_they_came(shop: Shop, make_shop: Callable[[str], Shop]) -> None:
    first = make_shop("first")
    first.config = shop.config
    first.write("items/z.csv", "item_id,title\ni1,Old\n")
    first.load()
    shop.write("items/a.csv", "item_id,title\ni1,New\n")
    shop.load()
    query = "SELECT load_number, file_name, rows_read FROM raw.files ORDER BY load_number"
    before = shop.query(query)
    assert before == [(1, "z.csv", 1), (2, "a.csv", 1)]
    shop.config.warehouse_path.unlink()
    shop.load()
    assert shop.query(query) == before


def test_a_landed_file_that_was_changed_is_named(shop: Shop) -> None:
    shop.write("users.csv", "user_id\nu1\n")
    shop.load()
    (landed,) = (shop.config.landing_path / "users").iterdir()
    landed.write_text("user_id\nu2\n")
    shop.config.warehouse_path.unlink()
    shop.write("users.csv", "user_id\nu3\n")
    with pytest.raises(RecsysError, match="was changed after it was landed: remove it and load it again"):
        shop.load()


def test_names_with_wildcards_and_unicode(shop: Shop) -> None:
    import polars as pl

    (shop.folder / "users").mkdir()
    pl.DataFrame({"user_id": ["u1"]}).write_parquet(shop.folder / "users" / "größe [1]*?'.parquet")
    shop.load()
    assert shop.query("SELECT file_name FROM raw.files") == [("größe [1]*?'.parquet",)]
