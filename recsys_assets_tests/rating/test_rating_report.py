import math

import numpy as np
import polars as pl
import pytest

from recsys_assets.evaluation.report import MODEL_REPORT_SCHEMA
from recsys_assets.rating.report import build_rating_report

WINDOW = pl.DataFrame({"user_id": ["u", "u", "u", "v"], "value": [1.0, 2.0, 3.0, 5.0]})


def build(**predictions: list[float]) -> pl.DataFrame:
    arrays = {name: np.array(values) for name, values in predictions.items()}
    return build_rating_report(WINDOW, arrays, draws=200, seed=1, cutoff="test", split="temporal")


def test_errors_are_means_over_ratings_not_over_users() -> None:
    rows = build(m=[1.0, 2.0, 4.0, 3.0])  # errors 0, 0, -1, 2
    assert rows.schema == MODEL_REPORT_SCHEMA
    assert rows.select("metric", "value").rows() == [
        ("mae", pytest.approx(3 / 4)),
        ("mse", pytest.approx(5 / 4)),
        ("rmse", pytest.approx(math.sqrt(5 / 4))),
    ]
    assert rows.select("k", "n_users", "cutoff", "split").unique().rows() == [(0, 2, "test", "temporal")]


def test_intervals_resample_whole_users() -> None:
    rows = build(m=[1.0, 2.0, 4.0, 3.0]).filter(pl.col("metric") == "mse")
    # only u, or only v: there is nothing worse or better to draw
    assert rows.select("ci_low", "ci_high").row(0) == pytest.approx((1 / 3, 4.0))


def test_models_are_told_apart_and_sorted() -> None:
    rows = build(b=[1.0, 2.0, 3.0, 5.0], a=[2.0, 3.0, 4.0, 6.0])
    assert rows.filter(pl.col("metric") == "mse").select("model", "value", "ci_low", "ci_high").rows() == [
        ("a", 1.0, 1.0, 1.0),
        ("b", 0.0, 0.0, 0.0),
    ]


def test_without_ratings_there_are_no_rows() -> None:
    empty = build_rating_report(WINDOW[:0], {"m": np.empty(0)}, draws=200, seed=1, cutoff="test", split="temporal")
    assert empty.is_empty()
    assert empty.schema == MODEL_REPORT_SCHEMA
