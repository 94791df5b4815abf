"""Every source's table at every cutoff, and how long the lists are."""

import duckdb
import numpy as np
import pytest

from recsys_assets.candidates import generate, write
from recsys_assets.candidates.registry import SOURCES
from recsys_assets.candidates.write import choose_list_length, write_candidates
from recsys_assets.config import load_config


def stored(connection: duckdb.DuckDBPyConnection, source: str) -> list[tuple]:
    return connection.execute(f"SELECT * FROM candidates.{source} ORDER BY cutoff, user_id, rank").fetchall()


def test_chosen_sources_at_every_cutoff(small_warehouse, tiny_home) -> None:
    lines: list[str] = []
    write_candidates(small_warehouse, tiny_home, ["popular", "covisited", "repeat"], lines.append)
    # live: a is not available, u2 may see b again, b has no features; at test there is but a, which u2 has had
    assert stored(small_warehouse, "popular") == [("live", "u2", "c", 1.0, 1)]
    # u2 likes a, which leads to b; u1's c leads nowhere
    assert stored(small_warehouse, "covisited") == [("live", "u2", "b", pytest.approx(2 * 2 ** (-2 / 20)), 1)]
    assert stored(small_warehouse, "repeat") == [("live", "u2", "b", pytest.approx(0.3), 1)]
    assert "live: 3 candidates listed for 2 users" in lines
    assert len(lines) == 4 * (3 + 1)


def test_every_source_runs_and_a_second_run_replaces_the_first(small_warehouse, tiny_home) -> None:
    for _ in range(2):
        write_candidates(small_warehouse, tiny_home, list(SOURCES), lambda line: None)
    listed = {source: stored(small_warehouse, source) for source in SOURCES}
    consumed_or_unavailable = {("u1", "c"), ("u1", "a"), ("u2", "a")}
    for rows in listed.values():
        assert not consumed_or_unavailable & {(user, item) for cutoff, user, item, *_ in rows if cutoff == "live"}
        assert len(rows) == len({row[:3] for row in rows})


def test_a_source_that_fails_leaves_all_tables_as_they_were(small_warehouse, tiny_home, monkeypatch) -> None:
    write_candidates(small_warehouse, tiny_home, ["popular"], lambda line: None)
    before = stored(small_warehouse, "popular")

    def fail(*_) -> None:
        raise MemoryError

    monkeypatch.setitem(write.SOURCES, "als", fail)
    with pytest.raises(MemoryError):
        write_candidates(small_warehouse, tiny_home, ["popular", "als"], lambda line: None)
    assert stored(small_warehouse, "popular") == before


@pytest.mark.parametrize(
    ("max_rows", "per_source", "expected"),
    [
        (1_000_000, 100, 100),
        (2 * 14 * 70, 100, 70),  # two users at live, fourteen sources
        (2 * 14 * 70 - 1, 100, 69),
        (1, 100, 30),  # never shorter than 30 for want of room ...
        (1, 5, 5),  # ... but as short as it was asked for
    ],
)
def test_list_length(small_warehouse, max_rows, per_source, expected) -> None:
    config = load_config(
        {"RECSYS__CANDIDATES__MAX_ROWS": str(max_rows), "RECSYS__CANDIDATES__PER_SOURCE": str(per_source)}
    )
    assert choose_list_length(small_warehouse, config) == expected


def test_blocks_and_batches_give_the_same_tables(small_warehouse, tiny_home, monkeypatch) -> None:
    tables = [*SOURCES, write.MERGED]
    read = {table: f"SELECT * FROM candidates.{table} ORDER BY cutoff, user_id, item_id" for table in tables}
    write_candidates(small_warehouse, tiny_home, tables, lambda line: None)
    at_once = {table: small_warehouse.execute(query).fetchall() for table, query in read.items()}
    assert at_once[write.MERGED]
    monkeypatch.setattr(generate, "CELLS_PER_BLOCK", 1)
    monkeypatch.setattr(write, "ROWS_PER_INSERT", 1)
    write_candidates(small_warehouse, tiny_home, tables, lambda line: None)
    assert {table: small_warehouse.execute(query).fetchall() for table, query in read.items()} == at_once


def test_the_fusion_alone_needs_all_sources_and_replaces_none(small_warehouse, tiny_home) -> None:
    write_candidates(small_warehouse, tiny_home, [write.MERGED], lambda line: None)
    names = [name for name, *_ in small_warehouse.execute("DESCRIBE candidates.merged").fetchall()]
    assert {f"rank_{source}" for source in tiny_home.candidates.sources} < set(names)
    tables = small_warehouse.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'candidates'")
    assert ("popular",) not in tables.fetchall()


def test_the_report_sees_further_than_the_ranker(small_warehouse, tiny_home, monkeypatch) -> None:
    monkeypatch.setattr(write, "REPORTED_CUTOFF", "live")
    candidates = tiny_home.candidates.model_copy(update={"per_user": 1})
    config = tiny_home.model_copy(update={"candidates": candidates})
    write_candidates(small_warehouse, config, [write.MERGED], lambda line: None)
    first = small_warehouse.execute("SELECT user_id, item_id FROM candidates.merged WHERE cutoff = 'live'").fetchall()
    reached = stored(small_warehouse, "reached")
    assert [(user, item) for _, user, item, rank in reached if rank == 1] == sorted(first)
    assert max(rank for *_, rank in reached) == 2


def test_a_source_that_is_not_configured_stays_empty(small_warehouse, tiny_home) -> None:
    lines: list[str] = []
    write_candidates(small_warehouse, tiny_home, ["popular", "sasrec"], lines.append)
    assert stored(small_warehouse, "sasrec") == []
    assert not any("sasrec" in line for line in lines)


def test_what_live_taught_a_source_is_kept_until_it_is_switched_off(small_warehouse, tiny_home) -> None:
    write_candidates(small_warehouse, tiny_home, ["als", "item_knn", "popular"], lambda line: None)
    assert sorted(path.name for path in tiny_home.fitted_path.iterdir()) == ["als", "item_knn", "popular"]
    arrays = np.load(tiny_home.fitted_path / "als" / "model.npz", allow_pickle=False)
    assert arrays["item_ids"].tolist() == ["a", "b", "c"]
    assert arrays["item_factors"].shape[0] == 3
    candidates = tiny_home.candidates.model_copy(update={"sources": ("popular",)})
    write_candidates(
        small_warehouse, tiny_home.model_copy(update={"candidates": candidates}), ["als"], lambda line: None
    )
    assert sorted(path.name for path in tiny_home.fitted_path.iterdir()) == ["item_knn", "popular"]
