from math import log2

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys_assets.evaluation.report import MODEL_REPORT_SCHEMA, REPORT_METRICS, VERSUS_BEST, build_model_report

LISTS = {"model": pl.String, "user_id": pl.String, "item_id": pl.String, "rank": pl.Int64}
ITEMS = pl.DataFrame(
    {"item_id": ["a", "b", "c", "d"], "categories": [["x"], ["x"], ["y"], []], "creators": [[], [], [], []]},
    schema={"item_id": pl.String, "categories": pl.List(pl.String), "creators": pl.List(pl.String)},
)
POPULARITY = pl.DataFrame({"item_id": ["a", "b", "c", "d"], "n_users": [8, 4, 2, 1]})
LABELS = pl.DataFrame({"user_id": ["u1", "u2", "u3"], "item_id": ["a", "b", "d"], "relevance_label": [1, 3, 0]})


def make_lists(**lists_of_model: dict[str, str]) -> pl.DataFrame:
    rows = [
        (model, user, item, rank)
        for model, lists in lists_of_model.items()
        for user, items in lists.items()
        for rank, item in enumerate(items, start=1)
    ]
    return pl.DataFrame(rows, schema=LISTS, orient="row")


LISTS_OF_ALL = make_lists(
    popular={"u1": "acb", "u2": "ac"},  # u1 at rank 1, u2 nothing
    repeat={"u1": "cda"},  # u1 at rank 3, no list for u2
    ranker={"u1": "ab", "u2": "cb", "u3": "d", "u9": "a"},  # u1 at rank 1, u2 at rank 2
)


def build(lists: pl.DataFrame = LISTS_OF_ALL, labels: pl.DataFrame = LABELS, **settings: object) -> pl.DataFrame:
    arguments: dict = {
        "history_popularity": POPULARITY,
        "items": ITEMS,
        "n_history_users": 8,
        "ks": (1, 3),
        "draws": 200,
        "seed": 0,
        "cutoff": "test",
        "split": "temporal",
    }
    return build_model_report(lists, labels, **(arguments | settings))


def value(report: pl.DataFrame, model: str, metric: str, k: int) -> float:
    return report.filter((pl.col("model") == model) & (pl.col("metric") == metric) & (pl.col("k") == k))["value"].item()


def test_values_by_hand() -> None:
    report = build()
    assert value(report, "popular", "ndcg", 3) == 1 / 2
    assert value(report, "repeat", "ndcg", 3) == 1 / 4  # u2 has no list: (1/log2(4) + 0) / 2
    assert value(report, "repeat", "ndcg", 1) == 0
    assert value(report, "ranker", "ndcg", 3) == pytest.approx((1 + 1 / log2(3)) / 2, abs=1e-12)
    assert value(report, "ranker", "mrr", 3) == 3 / 4
    assert value(report, "ranker", "hit_rate", 3) == 1
    assert value(report, "ranker", "coverage", 3) == 3 / 4  # u3 and u9 are not evaluated
    assert value(report, "popular", "coverage", 1) == 1 / 4
    assert value(report, "popular", "novelty", 3) == ((0 + 2 + 1) / 3 + (0 + 2) / 2) / 2
    assert value(report, "popular", "intra_list_diversity", 3) == pytest.approx((2 / 3 + 1) / 2, abs=1e-12)


def test_columns_grain_and_what_has_an_interval() -> None:
    report = build()
    assert dict(report.schema) == MODEL_REPORT_SCHEMA
    assert not report.select("model", "metric", "k").is_duplicated().any()
    assert report.rows() == sorted(report.rows(), key=lambda row: row[:3])
    assert set(report["metric"]) == {*REPORT_METRICS, VERSUS_BEST}
    assert set(report["cutoff"]) == {"test"}
    assert set(report["split"]) == {"temporal"}
    without = report.filter(pl.col("ci_low").is_null() | pl.col("ci_high").is_null())
    assert set(without["metric"]) == {"coverage"}
    rest = report.drop_nulls("ci_low")
    assert (rest["ci_low"] <= rest["value"]).all()
    assert (rest["value"] <= rest["ci_high"]).all()


def test_the_number_of_users_is_of_those_the_mean_is_over() -> None:
    counts = {(row["model"], row["metric"], row["k"]): row["n_users"] for row in build().iter_rows(named=True)}
    assert counts["repeat", "ndcg", 3] == 2
    assert counts["repeat", "novelty", 3] == 1  # only u1 has a list
    assert ("popular", "intra_list_diversity", 1) not in counts  # no pairs in a list of one


def test_the_ranker_is_paired_with_the_best_other_model() -> None:
    report = build()
    ours = (1 + 1 / log2(3)) / 2
    assert value(report, "ranker", VERSUS_BEST, 3) == pytest.approx(ours - 1 / 2, abs=1e-12)
    paired = report.filter(pl.col("metric") == VERSUS_BEST)
    assert paired.select("model", "k").rows() == [("ranker", 1), ("ranker", 3)]
    # per user 0 and 1 / log2(3): no resample is negative, and with two users some are all the one or all the other
    assert paired.filter(pl.col("k") == 3).select("ci_low", "ci_high").row(0) == pytest.approx((0, 1 / log2(3)))


def test_without_ranker_or_without_others_there_is_no_pair() -> None:
    assert VERSUS_BEST not in set(build(LISTS_OF_ALL.filter(pl.col("model") != "ranker"))["metric"])
    assert VERSUS_BEST not in set(build(LISTS_OF_ALL.filter(pl.col("model") == "ranker"))["metric"])


def test_a_model_without_any_list_is_reported_as_zero() -> None:
    report = build(models=("repeat", "silent")).filter(pl.col("model") == "silent")
    assert set(report["metric"]) == {"ndcg", "recall", "hit_rate", "mrr", "map", "coverage"}
    assert set(report["value"]) == {0.0}


def test_without_labels_the_report_is_empty_but_has_its_columns() -> None:
    report = build(labels=LABELS.head(0))
    assert report.is_empty()
    assert dict(report.schema) == MODEL_REPORT_SCHEMA


def test_the_order_of_rows_changes_nothing() -> None:
    shuffled = build(LISTS_OF_ALL.sample(fraction=1, shuffle=True, seed=4), LABELS.reverse())
    assert_frame_equal(build(), shuffled, check_exact=True)
