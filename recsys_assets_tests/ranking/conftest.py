"""A small warehouse with candidates of four cutoffs, and ranking frames without one."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from recsys_assets.config import Config, load_config
from recsys_assets.ranking.frame import RankingFrame
from recsys_assets.ranking.ranker import Ranker
from recsys_assets.ranking.train import train_with_validation
from recsys_assets.warehouse import replace_table

CUTOFFS = ("train_1", "validation", "test", "live")
SOURCES = ("popular", "als")
N_USERS, N_ITEMS = 32, 10
FrameMaker = Callable[..., RankingFrame]


@pytest.fixture(scope="session")
def quick_settings() -> dict[str, str]:
    """Two sources and a handful of trees."""
    return {
        "RECSYS__THREADS": "1",
        "RECSYS__CANDIDATES__SOURCES": "[popular, als]",
        "RECSYS__RANKING__FUSION_QUERIES": "30",
        "RECSYS__RANKING__MAX_TREES": "6",
        "RECSYS__RANKING__EARLY_STOPPING_TREES": "3",
        "RECSYS__RANKING__FEATURE_SHARE": "1.0",
        "RECSYS__RERANK__LIST_LENGTH": "4",
    }


@pytest.fixture
def quick_config(quick_settings, tmp_path) -> Config:
    return load_config(quick_settings | {"RECSYS_HOME": str(tmp_path / "home")})


@pytest.fixture(scope="session")
def make_frame() -> FrameMaker:
    """A frame from the labels of each user's rows; without `features`, one column that counts the rows."""

    def make(
        labels: Sequence[Sequence[int]], features: np.ndarray | None = None, names: Sequence[str] = ("row",)
    ) -> RankingFrame:
        flat = [label for of_user in labels for label in of_user]
        keys = pl.DataFrame(
            {
                "user_id": [f"u{user:02}" for user, of_user in enumerate(labels) for _ in of_user],
                "item_id": [f"i{item:02}" for of_user in labels for item in range(len(of_user))],
                "relevance_label": flat,
            },
            {"user_id": pl.String, "item_id": pl.String, "relevance_label": pl.Int32},
        )
        values = np.arange(len(flat), dtype=np.float32)[:, None] if features is None else features
        group = np.array([len(of_user) for of_user in labels], np.int64)
        return RankingFrame(keys, np.ascontiguousarray(values, np.float32), tuple(names), group)

    return make


@pytest.fixture(scope="session")
def learnable_frame(make_frame) -> Callable[[int], RankingFrame]:
    """60 users with 10 candidates each; the label follows the first feature, with noise."""

    def make(seed: int) -> RankingFrame:
        drawn = np.random.default_rng(seed)
        features = drawn.random((600, 3)).astype(np.float32)
        features[drawn.random(600) < 0.1, 2] = np.nan
        chance = features[:, 0] + 0.3 * drawn.standard_normal(600)
        labels = np.where(chance > 1.0, 2, np.where(chance > 0.8, 1, 0)).reshape(60, 10)
        return make_frame(labels.tolist(), features, ("score_popular", "fused_score", "user_age"))

    return make


@pytest.fixture(scope="session")
def ranker(learnable_frame, quick_settings) -> Ranker:
    """Trained on 600 rows in a fraction of a second."""
    trained, _ = train_with_validation(learnable_frame(1), learnable_frame(2), load_config(quick_settings))
    return trained


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """32 users and 10 items at four cutoffs: all are candidates, the label follows the score of `als`."""
    drawn = np.random.default_rng(5)
    keys = [
        (cutoff, f"u{user:02}", f"i{item}") for cutoff in CUTOFFS for user in range(N_USERS) for item in range(N_ITEMS)
    ]
    als = drawn.random(len(keys)).astype(np.float32)
    merged = (
        pl.DataFrame(keys, ["cutoff", "user_id", "item_id"], orient="row")
        .with_columns(
            pl.Series("score_als", als),
            pl.Series("score_popular", [float(N_ITEMS - int(item[1:])) for _, _, item in keys], dtype=pl.Float32),
        )
        .with_columns(
            pl.col(f"score_{source}")
            .rank("ordinal", descending=True)
            .over("cutoff", "user_id")
            .cast(pl.Int32)
            .alias(f"rank_{source}")
            for source in SOURCES
        )
        .with_columns(fused_score=1 / (60 + pl.col("rank_als")) + 1 / (60 + pl.col("rank_popular")), n_sources=2)
    )
    chance = als + 0.15 * drawn.standard_normal(len(keys))
    labels = merged.filter(pl.Series(chance > 0.8) & (pl.col("cutoff") != "live")).select(
        "cutoff", "user_id", "item_id", relevance_label=pl.lit(1, pl.Int32)
    )
    users = merged.select("cutoff", "user_id").unique(maintain_order=True)
    items = merged.select("cutoff", "item_id").unique(maintain_order=True)
    roles = {"train_1": "training", "validation": "validation", "test": "test", "live": "live"}
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA ranking")
        replace_table(connection, "candidates.merged", merged)
        replace_table(connection, "intermediate.int_labels", labels)
        replace_table(connection, "intermediate.int_user_cutoffs", users.with_columns(is_target=pl.lit(True)))
        replace_table(
            connection,
            "intermediate.int_cutoffs",
            pl.DataFrame(
                {
                    "cutoff": CUTOFFS,
                    "role": [roles[name] for name in CUTOFFS],
                    "cutoff_number": [1, 2, 3, 4],
                    "as_of": [datetime(2024, 3, day) for day in (1, 8, 15, 22)],
                    "split": "temporal",
                }
            ),
        )
        replace_table(
            connection,
            "features.user_features",
            users.with_columns(n_events=pl.col("user_id").str.slice(1).cast(pl.Int64)),
        )
        replace_table(
            connection,
            "features.item_features",
            items.with_columns(n_users=pl.col("item_id").str.slice(1).cast(pl.Int64)),
        )
        replace_table(
            connection,
            "features.user_item_features",
            merged.select("cutoff", "user_id", "item_id", affinity=pl.col("score_als") * 2),
        )
        yield connection


@pytest.fixture
def shop() -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse of `shop.sql`: few rows, each there for a reason."""
    with duckdb.connect() as connection:
        connection.execute((Path(__file__).parent / "shop.sql").read_text(encoding="utf-8"))
        yield connection
