from pathlib import Path

import polars as pl
import pytest

from benchmarks.peer import run_peer, tune_peer
from benchmarks.peers import PEERS
from benchmarks.split import cut_data


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """All of twenty users have a, b and c. Seen besides: long ago d (u2, u3), e (u3) and y (u4), lately x (u0, u1).

    Hidden is the last event of those with five or more: y, of u0 to u3.
    """
    rows = [(f"u{number}", item, day) for number in range(20) for day, item in enumerate("abc")]
    rows += [
        ("u0", "x", 100),
        ("u0", "y", 101),
        ("u1", "x", 100),
        ("u1", "y", 101),
        ("u2", "y", 99),
        ("u2", "d", 3),
        ("u4", "y", 3),
    ]
    rows += [("u3", "d", 1), ("u3", "e", 2), ("u3", "y", 103)]
    columns = {"user_id": pl.String, "item_id": pl.String, "day": pl.Int64}
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    (tmp_path / "data").mkdir()
    frame.with_columns(ts=pl.datetime(2024, 1, 1) + pl.duration(days="day")).write_parquet(
        tmp_path / "data" / "events.parquet"
    )
    cut_data(tmp_path / "data", tmp_path / "split", "llo")
    return tmp_path / "split"


def lists_of(split: Path, peer: str, **settings: float) -> dict[str, list[str]]:
    run_peer(split, peer, settings, split / "lists.parquet")
    lists = pl.read_parquet(split / "lists.parquet").sort("user_id", "rank")
    return dict(lists.group_by("user_id", maintain_order=True).agg("item_id").rows())


def test_popularity_counts_users_and_leaves_out_what_one_has(split: Path) -> None:
    lists = lists_of(split, "popularity")
    assert lists["u0"][0] == "d"  # two users have it, and one each e and y
    assert set(lists["u0"]).isdisjoint("abcx")


def test_decay_prefers_what_is_new(split: Path) -> None:
    assert lists_of(split, "popularity_decayed", half_life_days=1)["u3"][0] == "x"
    assert lists_of(split, "popularity_decayed", half_life_days=100_000)["u0"][0] == "d"


@pytest.mark.parametrize("peer", ["implicit_bm25", "implicit_als"])
def test_a_library_recommends_nothing_that_the_user_has(split: Path, peer: str) -> None:
    settings = {name: values[0] for name, values in PEERS[peer][1].items()}
    lists = lists_of(split, peer, **settings)
    train = pl.read_parquet(split / "seen" / "events.parquet")
    for user, items in lists.items():
        assert items
        assert set(items).isdisjoint(train.filter(pl.col("user_id") == user)["item_id"])


def test_tuning_takes_the_best_of_what_it_tried(split: Path) -> None:
    tuned = tune_peer(split, "popularity_decayed", {}, budget=60)
    assert len(tuned["tries"]) == 7
    assert tuned["untried"] == 0
    best = max(score for score, _ in tuned["tries"])
    assert next(settings for score, settings in tuned["tries"] if score == best) == tuned["settings"]


def test_tuning_ends_with_its_time_but_tries_one(split: Path) -> None:
    tuned = tune_peer(split, "popularity_decayed", {}, budget=0)
    assert (len(tuned["tries"]), tuned["untried"]) == (1, 6)
    assert tuned["settings"] == {"half_life_days": 1}
