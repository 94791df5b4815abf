from collections.abc import Callable
from math import log2
from pathlib import Path
from types import ModuleType

import duckdb
import numpy as np
import polars as pl
import pytest

from benchmarks.score import read_lists, score_lists
from recsys_assets.errors import RecsysError


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """Train: u has a and b, v has c, and d to l are somebody's; hidden: u goes on to d and e, v to a."""
    train = [("u", "a"), ("u", "b"), ("v", "c"), *(("x", item) for item in "defghijkl")]
    write(tmp_path / "seen" / "events.parquet", train)
    write(tmp_path / "hidden" / "relevant.parquet", [("u", "d"), ("u", "e"), ("v", "a")])
    pl.DataFrame({"user_id": ["u", "v"]}).write_parquet(tmp_path / "target_users.parquet")
    return tmp_path


def write(file: Path, pairs: list[tuple[str, str]]) -> None:
    file.parent.mkdir(exist_ok=True)
    pl.DataFrame(pairs, schema=["user_id", "item_id"], orient="row").write_parquet(file)


def make_lists(**items_of_user: str) -> pl.DataFrame:
    rows = [(user, item, rank) for user, items in items_of_user.items() for rank, item in enumerate(items, 1)]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "rank"], orient="row")


def test_lists_by_hand(split: Path) -> None:
    score = score_lists(split, make_lists(u="fdaz", x="ghijkl"))  # x is no target user, v has no list
    (ndcg_of_u, ndcg_of_v) = score.per_user["ndcg"]
    assert ndcg_of_u == pytest.approx((1 / log2(3)) / (1 + 1 / log2(3)), abs=1e-15)
    assert ndcg_of_v == 0
    assert score.per_user["recall"].to_list() == [1 / 2, 0]
    assert score.coverage == 3 / 12  # a, d and f of the twelve items of train; z is none
    assert (score.rows_in_history, score.rows_not_in_train) == (1, 1)
    assert (score.users_without_list, score.users_with_short_list) == (1, 1)


def test_only_the_first_ten_count(split: Path) -> None:
    score = score_lists(split, make_lists(u="fghijklcxyzde", v="a" + "defghijkl"))
    assert score.per_user["ndcg"].to_list() == [0, 1]
    assert score.users_with_short_list == 0


def test_the_published_file_gives_its_surface_for_you(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "recsys.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE recommendations AS SELECT 7 AS user_id, 'for_you' AS surface, 1 AS rank, 'a' AS item_id"
        )
        connection.execute("INSERT INTO recommendations VALUES (7, 'trending', 1, 'b')")
    lists = read_lists(tmp_path / "recsys.duckdb")
    assert lists.rows() == [("7", "a", 1)]
    lists.write_parquet(tmp_path / "lists.parquet")
    assert read_lists(tmp_path / "lists.parquet").rows() == lists.rows()


def test_a_file_without_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecsysError, match=r"^There is no table of recommendations at .*none\.parquet\.$"):
        read_lists(tmp_path / "none.parquet")
    pl.DataFrame({"user_id": ["u"]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(RecsysError, match=r"other\.parquet holds no lists of user_id, item_id and rank: "):
        read_lists(tmp_path / "other.parquet")


@pytest.mark.realdata
def test_the_foreign_scorer_says_the_same(foreign_scorer: Callable[[str], ModuleType], tmp_path: Path) -> None:
    from benchmarks.split import cut_data

    generator = np.random.default_rng(0)
    n = 4000
    data, ours, theirs = tmp_path / "data", tmp_path / "ours", tmp_path / "theirs"
    data.mkdir()
    pl.DataFrame(
        {
            "user_id": [f"u{number}" for number in generator.integers(0, 150, n)],
            "item_id": [f"i{number}" for number in generator.integers(0, 90, n)],
            "event_type": "play",
            "value": 1.0,
            "ts": pl.Series(generator.integers(0, 10**6, n) * 10**6).cast(pl.Datetime("us")),
        }
    ).write_parquet(data / "events.parquet")
    cut_data(data, ours, "global")
    foreign_scorer("split").split(str(data), str(theirs), "global")
    lists = pl.DataFrame(
        {
            "user_id": [f"u{number}" for number in generator.integers(0, 130, 2500)],
            "item_id": [f"i{number}" for number in generator.integers(0, 100, 2500)],
            "rank": generator.integers(1, 30, 2500),
        }
    )
    score = score_lists(ours, lists)
    lists.write_parquet(tmp_path / "lists.parquet")
    scorer = foreign_scorer("evaluate_table")
    expected, per_user = scorer.evaluate(str(theirs), scorer.read_table(str(tmp_path / "lists.parquet")), boot=0)
    assert score.per_user["ndcg"].sum() > 1
    for metric in ("ndcg", "recall"):
        np.testing.assert_allclose(score.per_user[metric].to_numpy(), per_user[metric].to_numpy(), rtol=0, atol=1e-14)
    assert round(score.coverage, 5) == expected["coverage@10"]
    assert score.rows_in_history == expected["rows_seen_in_train"] > 0
    assert score.rows_not_in_train == expected["rows_item_not_in_train"] > 0
    assert score.users_without_list == expected["users_without_recs"] > 0
    assert score.users_with_short_list == expected["users_with_fewer_than_k"] > 0
