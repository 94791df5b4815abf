from collections.abc import Callable
from math import log2
from types import ModuleType

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from recsys_assets.errors import RecsysError
from recsys_assets.evaluation.metrics import METRICS, per_user_metrics

LISTS = {"user_id": pl.String, "item_id": pl.String, "rank": pl.Int64}
LABELS = {"user_id": pl.String, "item_id": pl.String}
ITEMS = [f"i{number}" for number in range(12)]


def make_lists(**items_of_user: str) -> pl.DataFrame:
    rows = [(user, item, rank) for user, items in items_of_user.items() for rank, item in enumerate(items, start=1)]
    return pl.DataFrame(rows, schema=LISTS, orient="row")


def make_labels(**items_of_user: str) -> pl.DataFrame:
    rows = [(user, item) for user, items in items_of_user.items() for item in items]
    return pl.DataFrame(rows, schema=LABELS, orient="row")


def score(items: str, relevant: str, k: int) -> dict[str, float]:
    row = per_user_metrics(make_lists(u=items), make_labels(u=relevant), k).row(0, named=True)
    return {metric: row[metric] for metric in METRICS}


@pytest.mark.parametrize(
    ("items", "relevant", "k", "expected"),
    [
        # one relevant item at rank 3: 1 / log2(4) = 1/2
        ("xya", "a", 3, {"ndcg": 1 / 2, "recall": 1.0, "hit_rate": 1.0, "mrr": 1 / 3, "map": 1 / 3}),
        # the same item cut off at k = 2
        ("xya", "a", 2, {"ndcg": 0.0, "recall": 0.0, "hit_rate": 0.0, "mrr": 0.0, "map": 0.0}),
        # at rank 7: 1 / log2(8) = 1/3
        ("tuvwxya", "a", 10, {"ndcg": 1 / 3, "recall": 1.0, "hit_rate": 1.0, "mrr": 1 / 7, "map": 1 / 7}),
        # hits at 1 and 3 of three relevant: (1 + 1/2) / (1 + 1/log2(3) + 1/2); precisions 1/1 and 2/3
        (
            "axb",
            "abc",
            3,
            {"ndcg": 1.5 / (1.5 + 1 / log2(3)), "recall": 2 / 3, "hit_rate": 1.0, "mrr": 1.0, "map": (1 + 2 / 3) / 3},
        ),
        # three relevant items but two places: a full list is ideal, and recall says what did not fit
        ("abx", "abc", 2, {"ndcg": 1.0, "recall": 2 / 3, "hit_rate": 1.0, "mrr": 1.0, "map": 1.0}),
    ],
)
def test_one_user_by_hand(items: str, relevant: str, k: int, expected: dict[str, float]) -> None:
    assert score(items, relevant, k) == pytest.approx(expected, abs=1e-15)


def test_a_user_without_a_list_scores_zero_and_one_without_labels_has_no_row() -> None:
    scores = per_user_metrics(make_lists(u1="a", u3="a"), make_labels(u1="a", u2="a"), k=10)
    assert scores.rows() == [("u1", 1.0, 1.0, 1.0, 1.0, 1.0), ("u2", 0.0, 0.0, 0.0, 0.0, 0.0)]


def test_a_label_of_zero_is_not_relevant() -> None:
    labels = make_labels(u1="ab", u2="a").with_columns(relevance_label=pl.Series([3, 0, 0]))
    scores = per_user_metrics(make_lists(u1="ba", u2="a"), labels, k=10)
    assert scores.select("user_id", "mrr", "recall").rows() == [("u1", 1 / 2, 1.0)]


def test_repeats_are_ignored_and_ranks_counted_anew() -> None:
    lists = pl.DataFrame(
        {"user_id": ["u"] * 4, "item_id": ["x", "x", "y", "a"], "rank": [10, 20, 30, 41]}, schema_overrides=LISTS
    )
    scores = per_user_metrics(lists, make_labels(u="a"), k=3)
    assert scores["ndcg"].to_list() == [1 / 2]  # the third distinct item


def test_equal_ranks_are_ordered_by_item() -> None:
    lists = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["b", "a"], "rank": [1, 1]})
    assert per_user_metrics(lists, make_labels(u="a"), k=1)["mrr"].to_list() == [1.0]
    assert per_user_metrics(lists, make_labels(u="b"), k=1)["mrr"].to_list() == [0.0]


def test_without_labels_there_are_no_rows() -> None:
    scores = per_user_metrics(make_lists(u="ab"), make_labels(), k=10)
    assert scores.columns == ["user_id", *METRICS]
    assert scores.is_empty()


def test_k_below_one_is_refused_in_one_sentence() -> None:
    with pytest.raises(RecsysError, match=r"evaluated at k = 0: every value of evaluation.ks must be 1 or more\.$"):
        per_user_metrics(make_lists(u="a"), make_labels(u="a"), k=0)


item_orders = st.lists(st.sampled_from(ITEMS), unique=True, max_size=12)
item_sets = st.sets(st.sampled_from(ITEMS), min_size=1)


def frames(users: list[tuple[list[str], set[str]]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    lists = [(f"u{u}", item, rank) for u, (items, _) in enumerate(users) for rank, item in enumerate(items, start=1)]
    labels = [(f"u{u}", item) for u, (_, relevant) in enumerate(users) for item in sorted(relevant)]
    return pl.DataFrame(lists, schema=LISTS, orient="row"), pl.DataFrame(labels, schema=LABELS, orient="row")


@given(relevant=item_sets, k=st.integers(1, 15))
def test_a_perfect_order_scores_exactly_one(relevant: set[str], k: int) -> None:
    order = [*sorted(relevant), *(item for item in ITEMS if item not in relevant)]
    row = per_user_metrics(*frames([(order, relevant)]), k).row(0, named=True)
    assert (row["ndcg"], row["hit_rate"], row["mrr"], row["map"]) == (1.0, 1.0, 1.0, 1.0)
    assert row["recall"] == min(k, len(relevant)) / len(relevant)


@given(users=st.lists(st.tuples(item_orders, item_sets), min_size=1, max_size=6), k=st.integers(1, 15))
def test_all_metrics_stay_between_zero_and_one(users: list[tuple[list[str], set[str]]], k: int) -> None:
    values = per_user_metrics(*frames(users), k).select(METRICS).to_numpy()
    assert values.shape == (len(users), len(METRICS))
    assert ((values >= 0) & (values <= 1)).all()


@given(users=st.lists(st.tuples(item_orders, item_sets), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_shuffling_users_and_rows_changes_nothing(users: list[tuple[list[str], set[str]]], seed: int) -> None:
    lists, labels = frames(users)
    shuffled = per_user_metrics(
        lists.sample(fraction=1, shuffle=True, seed=seed), labels.sample(fraction=1, shuffle=True, seed=seed), 5
    )
    assert_frame_equal(per_user_metrics(lists, labels, 5), shuffled, check_exact=True)


@given(order=item_orders, relevant=item_sets, tail=st.integers(1, 8), k=st.integers(1, 15))
def test_an_irrelevant_tail_raises_nothing(order: list[str], relevant: set[str], tail: int, k: int) -> None:
    longer = [*order, *(f"irrelevant{number}" for number in range(tail))]
    before = per_user_metrics(*frames([(order, relevant)]), k)
    assert_frame_equal(before, per_user_metrics(*frames([(longer, relevant)]), k), check_exact=True)


@given(order=item_orders, relevant=item_sets, k=st.integers(1, 15))
def test_an_irrelevant_head_never_raises_anything(order: list[str], relevant: set[str], k: int) -> None:
    before = per_user_metrics(*frames([(order, relevant)]), k).select(METRICS).to_numpy()
    after = per_user_metrics(*frames([(["irrelevant", *order], relevant)]), k).select(METRICS).to_numpy()
    assert (after <= before).all()


@pytest.fixture(scope="module")
def bench(foreign_scorer: Callable[[str], ModuleType]) -> ModuleType:
    return foreign_scorer("evaluate_table")


@pytest.mark.realdata
@pytest.mark.parametrize("seed", range(3))
def test_the_peers_scorer_says_the_same(bench: ModuleType, seed: int) -> None:
    import pandas as pd

    generator = np.random.default_rng(seed)
    n_rows = 6000
    lists = pl.DataFrame(
        {
            "user_id": [f"u{u}" for u in generator.integers(0, 320, n_rows)],
            "item_id": [f"i{i}" for i in generator.integers(0, 60, n_rows)],  # with repeats
            "rank": generator.integers(1, 40, n_rows),  # with ties and gaps
        }
    )
    labels = pl.DataFrame(
        {
            "user_id": [f"u{u}" for u in generator.integers(20, 400, 1500)],
            "item_id": [f"i{i}" for i in generator.integers(0, 60, 1500)],
        }
    ).unique(maintain_order=True)
    theirs, _ = bench.per_user_metrics(*(pd.DataFrame(f.to_dict(as_series=False)) for f in (lists, labels)), k=10)
    ours = per_user_metrics(lists, labels, k=10)
    assert ours["user_id"].to_list() == theirs["user_id"].to_list()
    assert ours["ndcg"].sum() > 10
    for metric, name in (("ndcg", "ndcg"), ("recall", "recall"), ("hit_rate", "hit"), ("mrr", "mrr")):
        np.testing.assert_allclose(ours[metric].to_numpy(), theirs[name].to_numpy(), rtol=0, atol=1e-14)


@pytest.mark.realdata
def test_the_peers_intervals_are_the_same(bench: ModuleType) -> None:
    from recsys_assets.evaluation.bootstrap import bootstrap_mean_interval

    values = np.random.default_rng(1).random(777) ** 3
    interval = bootstrap_mean_interval(values, draws=1000, seed=0)
    assert [round(interval.low, 5), round(interval.high, 5)] == bench.ci(values)
