"""The tables of a backtest, by hand."""

from datetime import date

import polars as pl
import pytest

from recsys_assets.backtesting.judging import JUDGED_SCHEMA, judge
from recsys_assets.backtesting.report import BACKTEST_SCHEMA, DIFFERENCES_SCHEMA, build_backtest, summarize
from recsys_assets.evaluation.metrics import METRICS
from recsys_assets.evaluation.plots import plot_backtest

MAY, JUNE = date(2024, 5, 1), date(2024, 6, 1)


def rows(origin: date, model: str, **ndcg: float) -> pl.DataFrame:
    """Every metric of a user is the same figure."""
    frame = pl.DataFrame({"user_id": list(ndcg), "ndcg": list(ndcg.values())}).select(
        pl.lit(origin).alias("origin"),
        pl.lit(model).alias("model"),
        pl.lit(10, pl.Int64).alias("k"),
        "user_id",
        *[pl.col("ndcg").alias(metric) for metric in METRICS],
    )
    assert list(frame.schema)[1:] == list(JUDGED_SCHEMA)
    return frame


JUDGED = pl.concat(
    [
        rows(MAY, "published", ann=0.8, bob=0.4),
        rows(MAY, "popular", ann=0.5, bob=0.5),
        rows(MAY, "als", ann=0.6, bob=0.2),
        rows(MAY, "ranker", ann=0.8, bob=0.4),
        rows(JUNE, "published", ann=0.2),
        rows(JUNE, "popular", ann=0.0),
        rows(JUNE, "als", ann=0.9),
        rows(JUNE, "ranker", ann=1.0),
    ]
)


@pytest.fixture(scope="module")
def backtest():
    return build_backtest(JUDGED, {MAY: "ranker", JUNE: "als"}, ["popular", "als"], 7, draws=200, seed=1)


def test_each_origin_beside_its_best_single_source_and_all_origins_at_the_end(backtest) -> None:
    may, june, every = summarize(backtest).rows(named=True)
    assert (may["origin"], may["method"], may["n_users"], may["best"]) == (MAY, "ranker", 2, "popular")
    assert (may["ndcg"], may["best_ndcg"], may["difference"]) == pytest.approx((0.6, 0.5, 0.1))
    assert (june["best"], june["n_users"]) == ("als", 1)  # not the ranker: it is no single source
    assert june["difference"] == pytest.approx(-0.7)
    assert (every["origin"], every["method"], every["n_users"], every["best"]) == (None, None, 2, "als")
    # every list counts the same: two of ann's and one of bob's
    assert every["ndcg"] == pytest.approx((0.8 + 0.4 + 0.2) / 3)
    assert every["difference"] == pytest.approx((0.8 + 0.4 + 0.2 - 0.6 - 0.2 - 0.9) / 3)


def test_over_all_a_resample_takes_all_lists_of_a_user_or_none(backtest) -> None:
    (every,) = backtest.differences.filter(pl.col("origin").is_null(), pl.col("versus") == "popular").rows(named=True)
    only_bob, only_ann = 0.4 - 0.5, (0.8 + 0.2 - 0.5 - 0.0) / 2
    assert (every["ci_low"], every["ci_high"]) == pytest.approx((only_bob, only_ann))


def test_one_row_per_origin_model_metric_and_k_with_the_value_in_its_interval(backtest) -> None:
    assert backtest.table.schema == BACKTEST_SCHEMA
    assert backtest.differences.schema == DIFFERENCES_SCHEMA
    keys = backtest.table.select("origin", "model", "metric", "k")
    assert len(keys.unique()) == len(keys) == 3 * 4 * len(METRICS)
    assert backtest.table.select((pl.col("value").is_between("ci_low", "ci_high")).all()).item()
    assert backtest.differences["versus"].unique().sort().to_list() == ["als", "popular", "ranker"]
    assert backtest.differences["is_best_baseline"].sum() == 3


def test_the_picture_is_one(backtest) -> None:
    picture = plot_backtest(backtest.table, backtest.differences)
    assert picture.startswith(b"\x89PNG")
    assert picture == plot_backtest(backtest.table, backtest.differences)


def test_nobody_to_judge_by_gives_empty_tables_and_an_empty_picture() -> None:
    nobody = build_backtest(JUDGED.clear(), {MAY: "ranker"}, ["popular"], 7, draws=200, seed=1)
    assert (len(nobody.table), len(nobody.differences), len(summarize(nobody))) == (0, 0, 0)
    assert plot_backtest(nobody.table, nobody.differences).startswith(b"\x89PNG")


def test_a_user_whom_a_model_lists_nothing_for_counts_as_zero_and_never_vanishes() -> None:
    lists = pl.DataFrame(
        {"model": ["published", "als"], "user_id": ["ann", "bob"], "item_id": ["x", "y"], "rank": [1, 1]}
    )
    labels = pl.DataFrame({"user_id": ["ann", "bob"], "item_id": ["x", "z"], "relevance_label": [3, 1]})
    judged = judge(lists, labels, ["published", "als", "popular"], [1])
    assert dict(judged.group_by("model").agg(pl.col("ndcg").sum()).rows()) == {"published": 1, "als": 0, "popular": 0}
    assert judged["user_id"].to_list() == ["ann", "bob"] * 3
