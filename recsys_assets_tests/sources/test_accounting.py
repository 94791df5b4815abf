"""Accepted + rejected = read, whatever the rows are."""

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys_assets.config import load_config
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.sources.conftest import Shop

WORDS = st.one_of(
    st.sampled_from(
        ["", " ", "u1", "1.0", "2024-05-01", "2099-01-01", "1714557600", "1e400", "nan", '"', "a\nb", "ø|å", "[]"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
)
HEADER = ["user_id", "item_id", "ts", "value", "event_id", "note"]


def new_shop(folder: str) -> Shop:
    return Shop(load_config({"RECSYS_HOME": str(Path(folder) / "home")}), Path(folder) / "files")


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(WORDS, min_size=6, max_size=6), max_size=15))
def test_every_record_of_a_sound_csv_is_either_accepted_or_rejected(records: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([HEADER, *records])
    with tempfile.TemporaryDirectory() as folder:
        shop = new_shop(folder)
        shop.write("events.csv", text.getvalue())
        report = shop.load()
        with open_warehouse(shop.config) as connection:

            def query(sql: str) -> list[tuple[Any, ...]]:
                return connection.execute(sql).fetchall()

            ((accepted,),) = query("SELECT count(*) FROM raw.events")
            ((rejected,),) = query("SELECT count(*) FROM raw.rejected_rows")
            assert accepted + rejected == report.rows_read == len(records)
            assert (report.rows_accepted, report.rows_rejected) == (accepted, rejected)
            assert query("SELECT rows_read, rows_accepted, rows_rejected FROM raw.files") == [
                (len(records), accepted, rejected)
            ]
            # no line stands twice, and what was accepted keeps the contract
            assert query("SELECT line FROM raw.events INTERSECT SELECT line FROM raw.rejected_rows") == []
            assert query("SELECT * FROM raw.events WHERE user_id IS NULL OR item_id IS NULL OR ts IS NULL") == []
            assert query("SELECT event_id FROM raw.events GROUP BY ALL HAVING count(event_id) > 1") == []
            assert query("SELECT * FROM raw.rejected_rows WHERE reason IS NULL OR row IS NULL") == []


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200))
def test_any_bytes_after_the_header_are_taken_without_a_failure(noise: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = new_shop(folder)
        shop.write("events.csv", b"user_id,item_id,ts\nu1,i1,2024-05-01\n" + noise)
        shop.write("items.jsonl", b'{"item_id": 1}\n' + noise)
        report = shop.load()
        counted = shop.query(
            "SELECT (SELECT count(*) FROM raw.events) + (SELECT count(*) FROM raw.items)"
            " + (SELECT count(*) FROM raw.rejected_rows)"
        )
        assert counted == [(report.rows_read,)]
        assert report.rows_accepted >= 2
