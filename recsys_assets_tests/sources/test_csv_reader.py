"""CSV as people write it: line numbers, delimiters, quotes, bytes."""

import gzip

import pytest

from recsys_assets.errors import RecsysError
from recsys_assets.sources import csv_reader
from recsys_assets_tests.sources.conftest import Shop

HEADER = "user_id,item_id,ts\n"
DAY = "2024-01-01"


def events(shop: Shop) -> list[tuple[object, ...]]:
    return shop.query("SELECT line, user_id, item_id FROM raw.events ORDER BY line")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_by_the_header(shop: Shop, delimiter: str) -> None:
    shop.write("events.csv", f"user_id,item_id,ts,price\nu1,i1,{DAY},1\n".replace(",", delimiter))
    shop.load()
    assert shop.query("SELECT user_id, item_id, attributes FROM raw.events") == [("u1", "i1", '{"price":"1"}')]


def test_an_unknown_delimiter_shows_as_missing_columns(shop: Shop) -> None:
    shop.write("events.csv", f"user_id:item_id:ts\nu1:i1:{DAY}\n")
    with pytest.raises(RecsysError, match=r"user_id, item_id, ts \(it has: user_id:item_id:ts\)"):
        shop.load()


def test_lists_may_be_separated_by_a_bar_in_a_comma_file(shop: Shop) -> None:
    shop.write("items.csv", "item_id,categories\ni1,a|b\n")
    shop.load()
    assert shop.query("SELECT item_id, categories FROM raw.items") == [("i1", ["a", "b"])]


def test_headers_may_have_a_bom_capitals_and_blanks(shop: Shop) -> None:
    shop.write("events.csv", f"\ufeffUser ID, ITEM_ID ,Ts,Country Name\nu1,i1,{DAY},NO\n")
    shop.load()
    assert shop.query("SELECT user_id, item_id, attributes FROM raw.events") == [("u1", "i1", '{"Country Name":"NO"}')]


def test_windows_and_old_mac_line_ends(shop: Shop) -> None:
    shop.write("events/a.csv", f"{HEADER}u1,i1,{DAY}\n".replace("\n", "\r\n"))
    shop.write("events/b.csv", f"{HEADER}u2,i2,{DAY}\n".replace("\n", "\r"))
    shop.load()
    assert shop.query("SELECT line, user_id FROM raw.events ORDER BY user_id") == [(2, "u1"), (2, "u2")]


def test_a_line_break_in_quotes_does_not_shift_line_numbers(shop: Shop) -> None:
    shop.write("items.csv", 'item_id,title\ni1,"two\nlines"\ni2,"three\n\nlines"\n,nameless\ni3,one\n')
    report = shop.load()
    assert shop.query("SELECT line, item_id, title FROM raw.items ORDER BY line") == [
        (2, "i1", "two\nlines"),
        (4, "i2", "three\n\nlines"),
        (8, "i3", "one"),
    ]
    assert shop.rejected() == [(7, "item_id is missing")]
    assert report.rows_read == 4


def test_blank_lines_are_counted_but_are_no_rows(shop: Shop) -> None:
    shop.write("events.csv", f"\n{HEADER}\nu1,i1,{DAY}\n   \nu2,i2,{DAY}\n\n")
    report = shop.load()
    assert events(shop) == [(4, "u1", "i1"), (6, "u2", "i2")]
    assert report.rows_read == 2


def test_a_line_of_another_width_is_refused_with_its_text(shop: Shop) -> None:
    shop.write("events.csv", f"{HEADER}u1,i1\nu2,i2,{DAY}\nu3,i3,{DAY},x,y\n")
    report = shop.load()
    assert events(shop) == [(3, "u2", "i2")]
    assert shop.query('SELECT line, reason, "row" FROM raw.rejected_rows ORDER BY line') == [
        (2, "the line has 2 fields where the header has 3", "u1,i1"),
        (4, "the line has 5 fields where the header has 3", f"u3,i3,{DAY},x,y"),
    ]
    assert (report.rows_read, report.rows_accepted, report.rows_rejected) == (3, 1, 2)


def test_after_an_unclosed_quote_reading_goes_on_with_the_next_line(shop: Shop) -> None:
    shop.write("events.csv", f'{HEADER}u1,i1,{DAY}\nu2,"i2,{DAY}\nu3,i3,{DAY}\nu4,"i4",{DAY}\nu5,i5,{DAY}\n')
    shop.load()
    assert events(shop) == [(2, "u1", "i1"), (4, "u3", "i3"), (5, "u4", "i4"), (6, "u5", "i5")]
    assert shop.query('SELECT line, reason, "row" FROM raw.rejected_rows') == [
        (3, "a quote is not closed", f'u2,"i2,{DAY}')
    ]


def test_an_unclosed_quote_in_the_last_line_loses_that_line_alone(shop: Shop) -> None:
    shop.write("events.csv", f'{HEADER}u1,i1,{DAY}\nu2,"i2,{DAY}')
    shop.load()
    assert events(shop) == [(2, "u1", "i1")]
    assert shop.rejected() == [(3, "a quote is not closed")]


def test_a_quote_that_seems_to_close_an_earlier_one_does_not_swallow_the_lines_between(shop: Shop) -> None:
    shop.write("events.csv", f'{HEADER}u1,"i1,{DAY}\nu2,i2,{DAY}\nu3,i3",{DAY},x\nu4,i4,{DAY}\n')
    shop.load()
    assert events(shop) == [(3, "u2", "i2"), (5, "u4", "i4")]
    assert [line for line, _ in shop.rejected()] == [2, 4]


def test_a_stray_quote_in_a_quoted_field_is_refused(shop: Shop) -> None:
    shop.write("items.csv", 'item_id,title\ni1,"a "big" one"\ni2,"a ""big"" one"\ni3,12" vinyl\n')
    shop.load()
    assert shop.query("SELECT item_id, title FROM raw.items ORDER BY line") == [
        ("i2", 'a "big" one'),
        ("i3", '12" vinyl'),
    ]
    assert shop.rejected() == [(2, "a quote inside a quoted field is not doubled")]


def test_bytes_that_are_not_utf8_cost_their_line_alone(shop: Shop) -> None:
    shop.write("items.csv", b"item_id,title\ni1,caf\xe9\ni2,caf\xc3\xa9\n")
    shop.load()
    assert shop.query("SELECT item_id, title FROM raw.items") == [("i2", "café")]
    assert shop.query('SELECT line, reason, "row" FROM raw.rejected_rows') == [
        (2, "the line is not UTF-8 text", "i1,caf\\xe9")
    ]


def test_a_field_without_end_is_bounded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "LONGEST_FIELD", 100)
    shop.write("items.csv", f"item_id,title\ni1,{'x' * 101}\ni2,{'y' * 100}\n")
    shop.load()
    assert shop.query("SELECT item_id FROM raw.items") == [("i2",)]
    assert shop.rejected() == [(2, "a field is longer than 100 characters")]


def test_results_do_not_depend_on_where_a_batch_ends(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "BATCH_LINES", 3)
    good = "".join(f"u{n},i{n},{DAY}\n" for n in range(2, 9))
    shop.write("events.csv", f'{HEADER}{good}u9,"i\n9",{DAY}\nu11,"i11,{DAY}\nu12,i12,{DAY}\n\nu14,i14\nu15,i15,{DAY}')
    shop.load()
    assert events(shop) == [
        *((n, f"u{n}", f"i{n}") for n in range(2, 9)),
        (9, "u9", "i\n9"),
        (12, "u12", "i12"),
        (15, "u15", "i15"),
    ]
    assert [line for line, _ in shop.rejected()] == [11, 14]


def test_gzip_is_read_like_the_plain_file(shop: Shop) -> None:
    shop.write("events.csv.gz", gzip.compress(f"{HEADER}u1,i1,{DAY}\n".encode()))
    shop.load()
    assert events(shop) == [(2, "u1", "i1")]


def test_unknown_columns_become_attributes_without_empty_ones(shop: Shop) -> None:
    shop.write("users.csv", 'user_id,country,,age\nu1,NO,"q""x",\nu2,,,\n')
    shop.load()
    assert shop.query("SELECT user_id, attributes FROM raw.users ORDER BY 1") == [
        ("u1", '{"country":"NO","column_3":"q\\"x"}'),
        ("u2", None),
    ]
