"""Re-ranking: by score alone, caps, and diversity by hand."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from recsys_assets.config import load_config
from recsys_assets.ranking import rerank as reranking
from recsys_assets.ranking.rerank import ItemDescriptions, RerankRules, pool_size, rerank

SCHEMA = {"user_id": pl.String, "item_id": pl.String, "score": pl.Float64}


def scored(rows: list[tuple[str, str, float]]) -> pl.DataFrame:
    return pl.DataFrame(rows, SCHEMA, orient="row")


def described(categories: dict[str, int], vectors: list[list[float]] | None = None) -> ItemDescriptions:
    rows = [[1.0, 0.0]] * len(categories) if vectors is None else vectors
    return ItemDescriptions(
        positions={item: place for place, item in enumerate(categories)},
        vectors=sparse.csr_matrix(np.array(rows, np.float32).reshape(len(categories), 2)),
        first_category=np.array(list(categories.values()), np.int64),
    )


def listed(lists: pl.DataFrame) -> list[tuple[str, str, int]]:
    return lists.select("user_id", "item_id", "rank").rows()


def test_without_rules_it_sorts_by_score_and_cuts_and_ties_go_by_item_id() -> None:
    rows = scored([("u2", "a", 1.0), ("u1", "c", 2.0), ("u1", "b", 2.0), ("u1", "a", 1.0), ("u1", "d", 5.0)])
    lists = rerank(rows, described({}), RerankRules(3, 3, 0.0))
    assert listed(lists) == [("u1", "d", 1), ("u1", "b", 2), ("u1", "c", 3), ("u2", "a", 1)]
    assert lists["rank"].dtype == pl.Int32


def test_a_category_is_capped_and_items_without_one_are_not() -> None:
    items = described({"a": 0, "b": 0, "c": 0, "d": 1, "e": -1, "f": -1, "g": -1})
    rows = scored([("u1", item, 10.0 - place) for place, item in enumerate(items.positions)])
    assert [item for _, item, _ in listed(rerank(rows, items, RerankRules(6, 2, 0.0)))] == [
        "a",
        "b",
        "d",
        "e",
        "f",
        "g",
    ]
    assert [item for _, item, _ in listed(rerank(rows, items, RerankRules(3, 1, 0.0)))] == ["a", "d", "e"]


@pytest.mark.parametrize(
    ("diversity", "expected"),
    [
        # relevance on 0..1: a 1, b 0.8, c 0; b is just like a, c unlike both
        (0.0, ["a", "b", "c"]),
        (0.4, ["a", "b", "c"]),  # 0.6 * 0.8 - 0.4 * 1 = 0.08 against 0
        (0.5, ["a", "c", "b"]),  # 0.5 * 0.8 - 0.5 * 1 = -0.1 against 0
        (1.0, ["a", "c", "b"]),
    ],
)
def test_diversity_picks_what_is_unlike_the_list_so_far(diversity, expected) -> None:
    items = described({"a": 0, "b": 1, "c": 2}, [[1, 0], [1, 0], [0, 1]])
    rows = scored([("u1", "c", 5.0), ("u1", "a", 10.0), ("u1", "b", 9.0)])
    lists = rerank(rows, items, RerankRules(3, 1, diversity))
    assert [item for _, item, _ in listed(lists)] == expected
    assert lists.filter(item_id="b")["score"].item() == 9.0  # the score stays what it was


def test_the_nearest_chosen_item_counts_not_the_last() -> None:
    items = described({"a": 0, "b": 1, "c": 2, "d": 3}, [[1, 0], [0, 1], [1, 0], [0.6, 0.8]])
    rows = scored([("u1", "a", 3.0), ("u1", "b", 2.0), ("u1", "c", 1.5), ("u1", "d", 1.0)])
    # after a and b: c is just like a, d like b by 0.8
    assert [item for _, item, _ in listed(rerank(rows, items, RerankRules(4, 4, 0.9)))] == ["a", "b", "d", "c"]


@pytest.mark.parametrize("rules", [RerankRules(3, 3, 0.0), RerankRules(3, 1, 0.5)])
def test_nobody_gets_no_list(rules) -> None:
    lists = rerank(scored([]), described({}), rules)
    assert lists.is_empty()
    assert lists.schema == SCHEMA | {"rank": pl.Int32}


def test_how_many_users_are_looked_at_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = scored([(f"u{user}", item, float((user * 7 + n) % 5)) for user in range(9) for n, item in enumerate(ITEMS)])
    rows = rows.filter((pl.col("user_id") != "u3") | (pl.col("item_id") == "i2"))  # somebody has but one
    items, rules = described(ITEMS, VECTORS), RerankRules(5, 2, 0.5)
    together = rerank(rows, items, rules)
    monkeypatch.setattr(reranking, "CELLS_AT_ONCE", 1)
    assert rerank(rows, items, rules).equals(together)


@pytest.mark.parametrize("diversity", [0.0, 0.5])
def test_equal_scores_are_no_trouble(diversity) -> None:
    items = described({"a": 0, "b": 1})
    lists = rerank(scored([("u1", "b", 1.0), ("u1", "a", 1.0)]), items, RerankRules(2, 1, diversity))
    assert [item for _, item, _ in listed(lists)] == ["a", "b"]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({}, 20),
        ({"RECSYS__RERANK__DIVERSITY": "0.1"}, 100),
        ({"RECSYS__RERANK__MAX_PER_CATEGORY": "19"}, 100),
        ({"RECSYS__RERANK__DIVERSITY": "0.1", "RECSYS__RERANK__LIST_LENGTH": "150"}, 150),
    ],
)
def test_pool_holds_all_that_a_list_can_come_from(overrides, expected) -> None:
    rules = load_config(overrides).rerank
    assert pool_size(rules) == expected
    items = described({f"i{n:03}": n % 3 for n in range(200)})
    rows = scored([("u1", f"i{n:03}", -float(n)) for n in range(200)])
    within = set(rows["item_id"].to_list()[:expected])
    lists = rerank(rows, items, RerankRules(rules.list_length, rules.max_per_category, rules.diversity))
    assert set(lists["item_id"].to_list()) <= within


ITEMS = {f"i{number}": number % 3 - 1 for number in range(8)}
VECTORS = [[np.cos(number), np.sin(number)] for number in range(8)]


@settings(max_examples=50)
@given(
    scores=st.dictionaries(
        st.tuples(st.sampled_from(["u1", "u2", "u3"]), st.sampled_from(list(ITEMS))), st.integers(-3, 3), min_size=1
    ),
    rules=st.builds(RerankRules, st.integers(1, 9), st.integers(1, 4), st.sampled_from([0.0, 0.3, 1.0])),
    data=st.data(),
)
def test_lists_have_no_repeats_keep_the_rules_and_do_not_depend_on_the_order_of_rows(scores, rules, data) -> None:
    rows = [(user, item, float(score)) for (user, item), score in scores.items()]
    items = described(ITEMS, VECTORS)
    lists = rerank(scored(rows), items, rules)
    assert rerank(scored(data.draw(st.permutations(rows))), items, rules).equals(lists)
    for (user,), own in lists.group_by("user_id"):
        n_scored = sum(owner == user for owner, _ in scores)
        assert own["rank"].to_list() == list(range(1, len(own) + 1))
        assert own["item_id"].n_unique() == len(own) <= min(rules.length, n_scored)
        if rules.diversity > 0 or rules.max_per_category < rules.length:
            of_category = [ITEMS[item] for item in own["item_id"] if ITEMS[item] >= 0]
            assert all(of_category.count(category) <= rules.max_per_category for category in of_category)
        alone = rerank(scored([row for row in rows if row[0] == user]), items, rules)
        assert alone.equals(own)
    assert set(lists["user_id"]) == {user for user, _ in scores}
