"""Reciprocal rank fusion of two sources' lists."""

from collections.abc import Iterator
from decimal import Decimal

import duckdb
import polars as pl
import pytest

from recsys_assets.candidates import merge
from recsys_assets.candidates.merge import merge_candidates
from recsys_assets.config import Config, load_config
from recsys_assets.warehouse import replace_table

SCHEMA = {"cutoff": pl.String, "user_id": pl.String, "item_id": pl.String, "score": pl.Float32, "rank": pl.Int32}


def config_of(per_user: int) -> Config:
    return load_config({"RECSYS__CANDIDATES__SOURCES": "[popular, als]", "RECSYS__CANDIDATES__PER_USER": str(per_user)})


def fused(*ranks: int) -> float:
    return float(sum(Decimal(1 / (60 + rank)).quantize(Decimal("1e-15")) for rank in ranks))


def listed(cutoff: str, lists: dict[str, list[str]]) -> list[tuple[str, str, str, float, int]]:
    return [
        (cutoff, user, item, 10.0 - rank, rank) for user, items in lists.items() for rank, item in enumerate(items, 1)
    ]


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        popular = listed("live", {"u1": ["a", "b", "c"], "u2": ["a"]}) + listed("test", {"u1": ["z"]})
        als = listed("live", {"u1": ["b", "d"]})
        replace_table(connection, "candidates.popular", pl.DataFrame(popular, SCHEMA, orient="row"))
        replace_table(connection, "candidates.als", pl.DataFrame(als, SCHEMA, orient="row"))
        yield connection


def merged(connection: duckdb.DuckDBPyConnection, columns: str = "*") -> list[tuple]:
    return connection.execute(
        f"SELECT {columns} FROM candidates.merged ORDER BY cutoff, user_id, rrf_score DESC, item_id"
    ).fetchall()


def test_sums_reciprocal_ranks_and_keeps_every_sources_word(warehouse) -> None:
    assert merge_candidates(warehouse, config_of(10), ["live", "test"]) == 6
    assert merged(warehouse) == [
        ("live", "u1", "b", fused(1, 2), 2, 8.0, 2, 9.0, 1),
        ("live", "u1", "a", fused(1), 1, 9.0, 1, None, None),
        ("live", "u1", "d", fused(2), 1, None, None, 8.0, 2),
        ("live", "u1", "c", fused(3), 1, 7.0, 3, None, None),
        ("live", "u2", "a", fused(1), 1, 9.0, 1, None, None),
        ("test", "u1", "z", fused(1), 1, 9.0, 1, None, None),
    ]
    names = [name for name, *_ in warehouse.execute("DESCRIBE candidates.merged").fetchall()]
    assert names[:5] == ["cutoff", "user_id", "item_id", "rrf_score", "n_sources"]
    assert names[5:] == ["score_popular", "rank_popular", "score_als", "rank_als"]


def test_only_the_cutoffs_asked_for_are_merged_and_a_second_time_replaces_the_first(warehouse) -> None:
    for _ in range(2):
        assert merge_candidates(warehouse, config_of(10), ["test"]) == 1
    assert merged(warehouse, "cutoff, item_id") == [("test", "z")]


def test_a_cut_among_equals_goes_by_item_id(warehouse) -> None:
    tied = {"popular": ["m", "k"], "als": ["l", "k2"]}  # m and l tie for the first place, k and k2 for the third
    for source, items in tied.items():
        replace_table(
            warehouse, f"candidates.{source}", pl.DataFrame(listed("live", {"u1": items}), SCHEMA, orient="row")
        )
    merge_candidates(warehouse, config_of(3), ["live"])
    assert merged(warehouse, "item_id") == [("l",), ("m",), ("k",)]


def test_parts_give_the_same_rows_as_one_pass(warehouse, monkeypatch) -> None:
    lists = {f"u{user}": [f"i{(user * 7 + place) % 11}" for place in range(4)] for user in range(9)}
    replace_table(warehouse, "candidates.als", pl.DataFrame(listed("live", lists), SCHEMA, orient="row"))
    merge_candidates(warehouse, config_of(3), ["live", "test"])
    at_once = merged(warehouse)
    monkeypatch.setattr(merge, "ROWS_PER_STEP", 3)
    assert merge_candidates(warehouse, config_of(3), ["live", "test"]) == len(at_once)
    assert merged(warehouse) == at_once


def test_no_lists_at_all_leave_an_empty_table(warehouse) -> None:
    for source in ("popular", "als"):
        replace_table(warehouse, f"candidates.{source}", pl.DataFrame(schema=SCHEMA))
    assert merge_candidates(warehouse, config_of(3), ["live"]) == 0
    assert merge_candidates(warehouse, config_of(3), []) == 0


def test_a_failed_merge_keeps_the_table_of_before(warehouse) -> None:
    merge_candidates(warehouse, config_of(10), ["live"])
    before = merged(warehouse)
    warehouse.execute("DROP TABLE candidates.als")
    with pytest.raises(duckdb.CatalogException):
        merge_candidates(warehouse, config_of(10), ["live"])
    assert merged(warehouse) == before
