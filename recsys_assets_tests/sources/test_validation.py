"""What values become, and why others are refused."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recsys_assets_tests.sources.conftest import NOW, Shop

TEN = datetime(2024, 1, 1, 10)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-01-01", datetime(2024, 1, 1)),
        ("2024-01-01 10:00:00", TEN),
        ("2024-01-01T10:00:00Z", TEN),
        ("2024-01-01T12:00:00+02:00", TEN),
        ("2024-01-01T12:00:00.25+0200", datetime(2024, 1, 1, 10, 0, 0, 250_000)),
        ("2024-01-01 11:00:00 Europe/Paris", TEN),
        ("1704103200", TEN),
        ("1704103200.5", datetime(2024, 1, 1, 10, 0, 0, 500_000)),
        ("1704103200000", TEN),
        ("1704103200000000", TEN),
        (" 2024-01-01 10:00:00 ", TEN),
    ],
)
def test_times_from_text(shop: Shop, text: str, time: datetime) -> None:
    shop.write("events.csv", f"user_id,item_id,ts\nu1,i1,{text}\n")
    shop.load()
    assert shop.query("SELECT ts FROM raw.events") == [(time,)]


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([1_704_103_200]),
        pl.Series([1_704_103_200.0]),
        pl.Series([1_704_103_200_000]),
        pl.Series([1_704_103_200_000_000]),
        pl.Series([TEN]),
        pl.Series([TEN]).cast(pl.Datetime("ns")),
        pl.Series([TEN]).cast(pl.Datetime("ms")),
        pl.Series([TEN.replace(tzinfo=UTC)]).dt.convert_time_zone("Europe/Paris"),
    ],
    ids=lambda values: str(values.dtype),
)
def test_times_from_parquet(shop: Shop, values: pl.Series) -> None:
    pl.DataFrame({"user_id": ["u1"], "item_id": ["i1"], "ts": values}).write_parquet(shop.folder / "events.parquet")
    shop.load()
    assert shop.query("SELECT ts FROM raw.events") == [(TEN,)]


def test_dates_are_midnight(shop: Shop) -> None:
    frame = pl.DataFrame({"user_id": ["u1"], "item_id": ["i1"], "ts": [date(2024, 1, 1)]})
    frame.write_parquet(shop.folder / "events.parquet")
    shop.load()
    assert shop.query("SELECT ts FROM raw.events") == [(datetime(2024, 1, 1),)]


@pytest.mark.parametrize("text", ["yesterday", "2024-13-01", "01/02/2024", "infinity", "now", "epoch", "1e30", "nan"])
def test_what_is_not_a_time(shop: Shop, text: str) -> None:
    shop.write("events.csv", f"user_id,item_id,ts\nu1,i1,{text}\n")
    shop.load()
    assert shop.rejected() == [(2, f"ts '{text}' is not a time")]


def test_the_future_begins_after_the_tolerance(shop: Shop) -> None:
    shop.write("events.csv", "user_id,item_id,ts\nu1,i1,2024-06-01 12:10:00\nu2,i1,2024-06-01 12:10:01\n")
    shop.load(NOW)
    assert shop.query("SELECT user_id FROM raw.events") == [("u1",)]
    assert shop.rejected() == [(3, "ts '2024-06-01 12:10:01' is in the future")]


def test_now_may_be_given_in_another_zone(shop: Shop) -> None:
    shop.write("events.csv", "user_id,item_id,ts\nu1,i1,2024-06-01 12:10:00\nu2,i1,2024-06-01 12:10:01\n")
    shop.load(datetime.fromisoformat("2024-06-01T14:00:00+02:00"))
    assert shop.query("SELECT user_id FROM raw.events") == [("u1",)]
    assert shop.query("SELECT loaded_at FROM raw.files") == [(NOW,)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pl.Series([7, 0, None]), ["7", "0", None]),
        (pl.Series([1.0, float("nan"), 2.5]), ["1", None, "2.5"]),
        (pl.Series([2.0**60, 0.0, None]), [str(2**60), "0", None]),
        (pl.Series([" a ", "", "1.0"]), ["a", None, "1.0"]),
        (pl.Series(["a", "b", "a"], dtype=pl.Categorical), ["a", "b", "a"]),
        (pl.Series([b"caf\xc3\xa9", b"", None]), ["café", None, None]),
    ],
    ids=lambda values: str(getattr(values, "dtype", "")),
)
def test_ids_from_parquet(shop: Shop, values: pl.Series, expected: list[str | None]) -> None:
    pl.DataFrame({"user_id": values}).write_parquet(shop.folder / "users.parquet")
    shop.load()
    assert shop.query("SELECT user_id FROM raw.users ORDER BY line") == [(i,) for i in expected if i is not None]
    assert shop.rejected() == [(n, "user_id is missing") for n, i in enumerate(expected, start=1) if i is None]


def test_ids_from_csv(shop: Shop) -> None:
    shop.write("users.csv", 'user_id,x\n1,a\n2.0,a\n007,a\n 8 ,a\n"",a\n  ,a\n0,a\npurchase,a\n\u00a0v\u00a0,a\n')
    shop.load()
    assert shop.query("SELECT user_id FROM raw.users ORDER BY line") == [
        (i,) for i in ("1", "2", "007", "8", "0", "purchase", "v")
    ]
    assert shop.rejected() == [(6, "user_id is missing"), (7, "user_id is missing")]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (pl.Series([True]), "user_id 'true' is not an id"),
        (pl.Series([float("inf")]), "user_id 'inf' is not an id"),
        (pl.Series([["a"]]), "user_id '[a]' is not an id"),
    ],
    ids=["boolean", "infinity", "list"],
)
def test_what_is_not_an_id(shop: Shop, values: pl.Series, reason: str) -> None:
    pl.DataFrame({"user_id": values}).write_parquet(shop.folder / "users.parquet")
    shop.load()
    assert shop.rejected() == [(1, reason)]


@pytest.mark.parametrize(
    ("text", "price"), [("1.5", 1.5), (" 2 ", 2.0), ("", None), ("nan", None), ("NaN", None), ("-3e2", -300.0)]
)
def test_numbers(shop: Shop, text: str, price: float | None) -> None:
    shop.write("items.csv", f"item_id,price\ni1,{text}\n")
    shop.load()
    assert shop.query("SELECT price FROM raw.items") == [(price,)]


@pytest.mark.parametrize("text", ["inf", "-Infinity", "1e400", "$5", "1_000", "0x10", "five"])
def test_what_is_not_a_number(shop: Shop, text: str) -> None:
    shop.write("items.csv", f"item_id,price\ni1,{text}\n")
    shop.load()
    assert shop.rejected() == [(2, f"price '{text}' is not a number")]


def test_nan_in_parquet_is_no_value_and_infinity_is_refused(shop: Shop) -> None:
    frame = pl.DataFrame({"item_id": ["a", "b", "c"], "price": [float("nan"), float("inf"), 1.0]})
    frame.write_parquet(shop.folder / "items.parquet")
    shop.load()
    assert shop.query("SELECT item_id, price FROM raw.items ORDER BY line") == [("a", None), ("c", 1.0)]
    assert shop.rejected() == [(2, "price 'inf' is not a number")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", ["a", "b"]),
        (" a | |b ", ["a", "b"]),
        ('"[""a"", ""b|c""]"', ["a", "b|c"]),
        ("\"['a', 'b']\"", ["a", "b"]),
        ("[]", []),
        ("", []),
        ("Cicurel", ["Cicurel"]),
        ('"Cicurel, Francine, 1947-"', ["Cicurel, Francine, 1947-"]),
        ("a|a|b", ["a", "b"]),
    ],
)
def test_lists_from_text(shop: Shop, text: str, expected: list[str]) -> None:
    shop.write("items.csv", f"item_id,creators\ni1,{text}\n")
    shop.load()
    assert shop.query("SELECT creators, categories FROM raw.items") == [(expected, [])]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(["a", None, " "], ["a"]), ([1, 2], ["1", "2"]), ("a|b", ["a", "b"]), (None, []), (5, ["5"])],
)
def test_lists_from_json(shop: Shop, value: Any, expected: list[str]) -> None:
    shop.write_jsonl("items.jsonl", [{"item_id": "i1", "categories": value}])
    shop.load()
    assert shop.query("SELECT categories FROM raw.items") == [(expected,)]


def test_what_is_not_a_list(shop: Shop) -> None:
    shop.write_jsonl("items.jsonl", [{"item_id": "i1", "categories": {"a": 1}}, {"item_id": "i2", "creators": [["a"]]}])
    shop.load()
    assert shop.rejected() == [
        (1, "categories '{\"a\":1}' is not a list"),
        (2, "creators '[[\"a\"]]' is not a list"),
    ]


def test_lists_from_parquet(shop: Shop) -> None:
    frame = pl.DataFrame({"item_id": ["a", "b", "c"], "categories": [["x", " y "], [], None]})
    frame.write_parquet(shop.folder / "items.parquet")
    shop.load()
    assert shop.query("SELECT categories FROM raw.items ORDER BY line") == [(["x", "y"],), ([],), ([],)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), ("No", False), ("1", True), ("0.0", False), ("Y", True), ("off", False), ("", True)],
)
def test_available(shop: Shop, text: str, expected: bool) -> None:
    shop.write("items.csv", f"item_id,available\ni1,{text}\n")
    shop.load()
    assert shop.query("SELECT available FROM raw.items") == [(expected,)]


def test_what_is_not_available(shop: Shop) -> None:
    shop.write("items.csv", "item_id,available\ni1,perhaps\n")
    shop.load()
    assert shop.rejected() == [(2, "available 'perhaps' is not yes or no")]


def test_a_release_may_lie_ahead_or_be_a_year(shop: Shop) -> None:
    shop.write("items.csv", "item_id,released_at\ni1,2031-05-01\ni2,1995\ni3,soon\n")
    shop.load()
    assert shop.query("SELECT released_at FROM raw.items ORDER BY line") == [
        (datetime(2031, 5, 1),),
        (datetime(1995, 1, 1),),
    ]
    assert shop.rejected() == [(4, "released_at 'soon' is not a date")]


def test_event_type_is_view_by_default(shop: Shop) -> None:
    shop.write("events/a.csv", "user_id,item_id,ts\nu1,i1,2024-01-01\n")
    shop.write("events/b.csv", "user_id,item_id,ts,event_type\nu2,i1,2024-01-01,\nu3,i1,2024-01-01,Purchase\n")
    shop.load()
    assert shop.query("SELECT user_id, event_type FROM raw.events ORDER BY user_id") == [
        ("u1", "view"),
        ("u2", "view"),
        ("u3", "purchase"),
    ]


def test_positions_are_whole_and_propensities_probabilities(shop: Shop) -> None:
    head = "list_id,user_id,item_id,position,ts,propensity\n"
    rows = ["1,0.5", "2.0,", "1.5,0.5", "-1,0.5", "3,1.5", "99999999999,1"]
    body = "".join(f"l1,u1,i1,{row.split(',')[0]},2024-01-01,{row.split(',')[1]}\n" for row in rows)
    shop.write("impressions.csv", head + body)
    shop.load()
    assert shop.query("SELECT position, propensity FROM raw.impressions ORDER BY line") == [(1, 0.5), (2, None)]
    assert shop.rejected() == [
        (4, "position '1.5' is not a position"),
        (5, "position '-1' is not a position"),
        (6, "propensity '1.5' is not a probability"),
        (7, "position '99999999999' is not a position"),
    ]


def test_unicode_and_long_values(shop: Shop) -> None:
    title = "Amélie 🎬 天空の城 \u202e\u05e2\u05d1"
    shop.write("items.csv", f"item_id,title,price\ni1,{title},1\ni2,x,{'9a' * 50}\n")
    shop.load()
    assert shop.query("SELECT title FROM raw.items") == [(title,)]
    ((_, reason),) = shop.rejected()
    assert reason == f"price '{('9a' * 50)[:59]}…' is not a number"


def test_metadata_that_is_all_null(shop: Shop) -> None:
    columns = {"item_id": ["i1", "i2"]} | {
        name: [None, None] for name in ("title", "categories", "creators", "released_at", "price", "available", "x")
    }
    pl.DataFrame(columns).write_parquet(shop.folder / "items.parquet")
    shop.load()
    assert shop.query("SELECT * EXCLUDE (file_id) FROM raw.items ORDER BY line") == [
        (f"i{line}", None, [], [], None, None, None, True, None, line) for line in (1, 2)
    ]


def test_attributes_of_parquet_keep_types_and_lose_nan(shop: Shop, tmp_path: Path) -> None:
    frame = pl.DataFrame({"user_id": ["a", "b"], "age": [7.5, float("nan")], "day": [date(2024, 1, 1), None]})
    frame.write_parquet(shop.folder / "users.parquet")
    shop.load()
    assert shop.query("SELECT user_id, attributes FROM raw.users ORDER BY 1") == [
        ("a", '{"age":7.5,"day":"2024-01-01"}'),
        ("b", None),
    ]


def test_a_refused_row_of_parquet_is_kept_as_json(shop: Shop) -> None:
    frame = pl.DataFrame({"user_id": ["a", None], "x": [1, 2]})
    frame.write_parquet(shop.folder / "users.parquet")
    shop.load()
    assert shop.query('SELECT line, "row" FROM raw.rejected_rows') == [(2, '{"user_id":null,"x":2}')]
