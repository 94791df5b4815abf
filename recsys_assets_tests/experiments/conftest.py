"""The frames and the small warehouse of the ranking tests, and a bench made of such frames."""

from collections.abc import Callable

import polars as pl
import pytest

from recsys_assets.experiments.bench import Bench
from recsys_assets.ranking.frame import RankingFrame
from recsys_assets_tests.ranking.conftest import (  # noqa: F401
    learnable_frame,
    make_frame,
    quick_config,
    quick_settings,
    warehouse,
)


@pytest.fixture
def bench(learnable_frame: Callable[[int], RankingFrame]) -> Bench:  # noqa: F811
    """60 users to learn from, 60 to be judged on, one of them with nothing but a relevant item that is no candidate."""
    validation = learnable_frame(2)
    stranger = pl.DataFrame({"user_id": ["u99"], "item_id": ["i00"], "relevance_label": [1]}, validation.keys.schema)
    labels = pl.concat([validation.keys.filter(pl.col("relevance_label") > 0), stranger])
    return Bench(learnable_frame(1), validation, labels, list_length=20)
