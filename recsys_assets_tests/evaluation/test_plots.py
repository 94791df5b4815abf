from collections.abc import Callable
from functools import partial
from io import BytesIO

import numpy as np
import polars as pl
import pytest
from matplotlib.image import imread

from recsys_assets.evaluation import plots
from recsys_assets.evaluation.candidate_report import CANDIDATE_REPORT_SCHEMA
from recsys_assets.evaluation.feature_drift import DRIFT_SCHEMA
from recsys_assets.evaluation.importance import FEATURE_IMPORTANCE_SCHEMA
from recsys_assets.evaluation.report import MODEL_REPORT_SCHEMA
from recsys_assets.evaluation.segment_report import SEGMENT_REPORT_SCHEMA

IMPORTANCE = pl.DataFrame(
    [(f"feature_{number:02}", 100.0 / (1 + number), number) for number in range(40)],
    schema=FEATURE_IMPORTANCE_SCHEMA,
    orient="row",
)
CANDIDATES = pl.DataFrame(
    [
        (source, n, min(0.9, base + n / 500), None if source == "union" else 0.1, float(min(n, longest)))
        for source, base, longest in (
            ("popular", 0.1, 100),
            ("als", 0.11, 100),
            ("repeat", 0.0, 7),
            ("union", 0.2, 300),
        )
        for n in (10, 20, 50, 100, 200, 300)
    ],
    schema=CANDIDATE_REPORT_SCHEMA,
    orient="row",
)
MODELS = pl.DataFrame(
    [
        (model, "ndcg", 10, value, value - 0.01, value + 0.01, 300, "test", "temporal")
        for model, value in (("ranker", 0.12), ("fusion", 0.1), ("popular", 0.05))
    ]
    + [("fusion", "coverage", 10, 0.4, None, None, 300, "test", "temporal")],
    schema=MODEL_REPORT_SCHEMA,
    orient="row",
)
SEGMENTS = pl.DataFrame(
    [
        (model, segment, "ndcg", 10, 0.1, 0.05, 0.2, 50, 1, 4, "test", "temporal")
        for model in ("ranker", "fusion", "popular")
        for segment in ("new", "heavy")
    ],
    schema=SEGMENT_REPORT_SCHEMA,
    orient="row",
)
DRIFT = pl.DataFrame(
    [(f"feature_{number:02}", 0.5 / (1 + number), 0.1, 0.1, 1000, 900, 0.1, 0.2) for number in range(40)],
    schema=DRIFT_SCHEMA,
    orient="row",
)
PLOTS: list[tuple[Callable[..., bytes], pl.DataFrame]] = [
    (plots.plot_feature_importance, IMPORTANCE),
    (partial(plots.plot_feature_drift, limit=0.25), DRIFT),
    (plots.plot_candidate_recall, CANDIDATES),
    (plots.plot_models, MODELS),
    (plots.plot_segments, SEGMENTS),
]


def pixels(png: bytes) -> np.ndarray:
    return imread(BytesIO(png), format="png")[:, :, :3]


def ink(png: bytes) -> int:
    return int((pixels(png).min(axis=2) < 0.95).sum())


@pytest.mark.parametrize(("plot", "table"), PLOTS)
def test_a_plot_is_a_png_of_plausible_size_and_the_same_each_time(
    plot: Callable[..., bytes], table: pl.DataFrame
) -> None:
    png = plot(table)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    height, width, _ = pixels(png).shape
    assert width == 1020
    assert 200 <= height <= 1200
    assert 5_000 < len(png) < 200_000
    assert png == plot(table)


@pytest.mark.parametrize(("plot", "table"), PLOTS)
def test_an_empty_table_gives_an_empty_plot_with_less_ink(plot: Callable[..., bytes], table: pl.DataFrame) -> None:
    assert 0 < ink(plot(table.head(0))) < ink(plot(table))


def test_a_metric_without_intervals_can_be_plotted() -> None:
    assert ink(plots.plot_models(MODELS, metric="coverage")) > ink(plots.plot_models(MODELS, metric="no such metric"))


def test_the_chosen_models_alone_are_drawn() -> None:
    assert plots.plot_segments(SEGMENTS, ["fusion"]) == plots.plot_segments(
        SEGMENTS.filter(pl.col("model") == "fusion")
    )
    assert plots.plot_segments(SEGMENTS, ["fusion"]) != plots.plot_segments(SEGMENTS)


def test_names_of_lines_never_overlap() -> None:
    same = pl.concat(
        CANDIDATES.filter(pl.col("source") == "als").with_columns(source=pl.lit(f"source_{number}"))
        for number in range(12)
    )
    with_gaps = pixels(plots.plot_candidate_recall(same))
    # right of the axes, rows of text alternate with rows of background: one stripe a name
    column = (with_gaps[:, 860:].min(axis=(1, 2)) < 0.8).astype(int)
    assert int((np.diff(column) == 1).sum()) >= 12
