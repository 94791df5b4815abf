"""The real data sets are taken as they are: every row, with the values that the files hold."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from recsys_assets_tests.sources.conftest import Shop

NOW = datetime(2026, 11, 24)
ROWS = {  # events, items, users, as data/README.md and the files say
    "online-retail": (725_769, 5_104, 5_942),
    "library-loans": (73_262, 15_291, 0),
    "lastfm-2k": (74_993, 17_632, 0),
    "rent-the-runway": (173_255, 5_850, 105_571),
    "ml-latest-small": (80_896, 9_742, 0),
}


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize("name", list(ROWS))
def test_every_row_is_accepted_and_unchanged(shop: Shop, realdata: Callable[[str], Path], name: str) -> None:
    shop.folder = realdata(name)
    report = shop.load(NOW)
    assert report.rows_rejected == 0
    assert report.rows_accepted == sum(ROWS[name])
    assert shop.query(
        "SELECT (SELECT count(*) FROM raw.events), (SELECT count(*) FROM raw.items), (SELECT count(*) FROM raw.users)"
    ) == [ROWS[name]]
    sums = "count(DISTINCT user_id), count(DISTINCT item_id), min({ts}), max({ts}), sum(value::DECIMAL(38, 6))"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        (expected,) = connection.execute(
            f"SELECT {sums.format(ts='''(ts AT TIME ZONE 'UTC')''')} FROM read_parquet(?)",
            [str(shop.folder / "events.parquet")],
        ).fetchall()
    assert shop.query(f"SELECT {sums.format(ts='ts')} FROM raw.events") == [expected]
    assert all(file.already_loaded for file in shop.load(NOW).files)


@pytest.mark.realdata
@pytest.mark.slow
def test_equal_lines_of_one_invoice_are_all_kept(shop: Shop, realdata: Callable[[str], Path]) -> None:
    shop.folder = realdata("online-retail")
    shop.load(NOW)
    ((repeats,),) = shop.query(
        """SELECT sum(n - 1) FROM (
            SELECT count(*) AS n FROM raw.events GROUP BY user_id, item_id, ts, event_type, value, attributes
        )"""
    )
    with duckdb.connect() as connection:
        ((expected,),) = connection.execute(
            "SELECT sum(n - 1) FROM (SELECT count(*) AS n FROM read_parquet(?) "
            "GROUP BY user_id, item_id, ts, event_type, value, order_id, unit_price, country)",
            [str(shop.folder / "events.parquet")],
        ).fetchall()
    assert repeats == expected == 10_052  # of the 11,812 that data/README.md counts; the last part is kept back
