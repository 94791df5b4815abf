"""JSON Lines: a record a line, whatever is in it."""

import gzip
import json

from recsys_assets.sources.contract import REJECTED, TABLES
from recsys_assets.sources.cutting import find_forgotten_rows
from recsys_assets.sources.forgotten import Forgotten, Tombstone
from recsys_assets.sources.formats import InputFile
from recsys_assets_tests.sources.conftest import NOW, Shop

GOOD = '{"user_id": "u1", "item_id": "i1", "ts": "2024-01-01"}'


def test_malformed_lines_are_refused_with_their_text(shop: Shop) -> None:
    lines = [GOOD, '{"user_id": "u2", ', "[1, 2]", "", '"text"', GOOD.replace("u1", "u6")]
    shop.write("events.jsonl", "\n".join(lines))
    report = shop.load()
    assert shop.query("SELECT line, user_id FROM raw.events ORDER BY line") == [(1, "u1"), (6, "u6")]
    assert shop.query('SELECT line, reason, "row" FROM raw.rejected_rows ORDER BY line') == [
        (2, "the line is not valid JSON", lines[1]),
        (3, "the line is not a JSON object", "[1, 2]"),
        (5, "the line is not a JSON object", '"text"'),
    ]
    assert report.rows_read == 5


def test_bytes_that_are_not_utf8_cost_their_line_alone(shop: Shop) -> None:
    shop.write("users.jsonl", b'{"user_id": "caf\xe9"}\n{"user_id": "caf\xc3\xa9"}\n')
    shop.load()
    assert shop.query("SELECT user_id FROM raw.users") == [("café",)]
    assert shop.rejected() == [(1, "the line is not UTF-8 text")]


def test_a_record_may_lack_a_required_key_and_keys_may_differ_in_spelling(shop: Shop) -> None:
    shop.write_jsonl(
        "events.jsonl",
        [
            {"user_id": "u1", "item_id": "i1", "ts": "2024-01-01"},
            {"User ID": "u2", "item_id": "i1", "ts": "2024-01-01"},
            {"item_id": "i1", "ts": "2024-01-01"},
            {"user_id": None, "item_id": "i1", "ts": "2024-01-01"},
        ],
    )
    shop.load()
    assert shop.query("SELECT user_id FROM raw.events ORDER BY line") == [("u1",), ("u2",)]
    assert shop.rejected() == [(3, "user_id is missing"), (4, "user_id is missing")]


def test_unknown_keys_become_attributes_with_their_types(shop: Shop) -> None:
    shop.write_jsonl("users.jsonl", [{"user_id": "u1", "age": 7, "tags": ["a"], "none": None}, {"user_id": "u2"}])
    shop.load()
    found = shop.query("SELECT user_id, attributes FROM raw.users ORDER BY 1")
    assert [(user, text and json.loads(text)) for user, text in found] == [
        ("u1", {"age": 7, "tags": ["a"]}),
        ("u2", None),
    ]


def test_attributes_given_as_an_object_are_not_nested(shop: Shop) -> None:
    shop.write_jsonl("users.jsonl", [{"user_id": "u1", "attributes": {"age": 7}, "country": "NO"}])
    shop.load()
    ((text,),) = shop.query("SELECT attributes FROM raw.users")
    assert json.loads(text) == {"age": 7, "country": "NO"}


def test_a_record_that_was_rejected_on_arrival_stays_rejected(shop: Shop) -> None:
    good = json.loads(GOOD)
    marked = [good | {REJECTED: "ts is in the future"}, {"user_id": "u2", REJECTED: ""}, good | {REJECTED: None}]
    shop.write_jsonl("events.jsonl", [*marked, good | {"note": REJECTED, "more": {REJECTED: "deep"}}])
    shop.load()
    assert shop.rejected() == [(1, "ts is in the future"), (2, "")]
    assert shop.query("SELECT line FROM raw.events ORDER BY line") == [(3,), (4,)]


def test_a_file_of_records_that_were_rejected_on_arrival_is_not_refused_for_what_they_lack(shop: Shop) -> None:
    shop.write_jsonl("events.jsonl", [{"user_id": "u1", REJECTED: "item_id is missing"}])
    shop.load()
    assert shop.rejected() == [(1, "item_id is missing")]


def test_a_record_that_was_rejected_on_arrival_is_its_users_when_she_is_forgotten(shop: Shop) -> None:
    shop.write_jsonl("events.jsonl", [{"user_id": user, REJECTED: "item_id is missing"} for user in ("café", "u2")])
    forgotten = Forgotten(users=())
    tombstone = Tombstone(hash=forgotten.hash_id("café"), forgotten_at=NOW, models=())
    file = InputFile(TABLES["events"], shop.folder / "events.jsonl", "events.jsonl")
    assert find_forgotten_rows(file, forgotten.model_copy(update={"users": (tombstone,)})).ranges == ((1, 2),)


def test_nan_is_no_value(shop: Shop) -> None:
    shop.write("items.jsonl", '{"item_id": "i1", "price": NaN, "x": NaN, "title": "NaN: a film"}\n')
    shop.load()
    assert shop.query("SELECT item_id, price, title, attributes FROM raw.items") == [("i1", None, "NaN: a film", None)]


def test_types_of_json_are_minded(shop: Shop) -> None:
    event = {"user_id": "u1", "item_id": "i1", "ts": "2024-01-01"}
    shop.write_jsonl(
        "events.jsonl",
        [
            event | {"user_id": 7, "item_id": 8.0},
            event | {"user_id": [1]},
            event | {"item_id": {"a": 1}},
            event | {"value": True},
        ],
    )
    shop.load()
    assert shop.query("SELECT user_id, item_id FROM raw.events") == [("7", "8")]
    assert shop.rejected() == [
        (2, "user_id '[1]' is not an id"),
        (3, "item_id '{\"a\":1}' is not an id"),
        (4, "value 'true' is not a number"),
    ]


def test_deep_nesting_does_no_harm(shop: Shop) -> None:
    shop.write(
        "users.jsonl", '{"user_id": "u1"}\n' + "[" * 200_000 + "\n" + '{"user_id": "u3", "x": ' + "[" * 5000 + "\n"
    )
    shop.load()
    assert shop.query("SELECT user_id FROM raw.users") == [("u1",)]
    assert shop.rejected() == [(2, "the line is not valid JSON"), (3, "the line is not valid JSON")]


def test_gzip_and_an_empty_file(shop: Shop) -> None:
    shop.write("events.jsonl.gz", gzip.compress(GOOD.encode()))
    shop.write("users.jsonl", "")
    shop.write("items.jsonl", "")
    report = shop.load()
    assert shop.query("SELECT user_id FROM raw.events") == [("u1",)]
    assert report.rows_read == 1
