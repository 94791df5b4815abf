"""More diversity: lists less alike, at a price."""

import polars as pl
import pytest

from recsys_assets.config import Config
from recsys_assets.evaluation.plots import plot_tradeoff
from recsys_assets.experiments import tradeoff as module
from recsys_assets.experiments.tradeoff import DIVERSITIES, TRADEOFF_SCHEMA, measure_tradeoff, write_tradeoff
from recsys_assets.ranking.training_frame import build_training_frame, write_training_frame


@pytest.fixture
def measured(warehouse, quick_config, monkeypatch) -> pl.DataFrame:
    write_training_frame(warehouse, build_training_frame(warehouse, quick_config, ["train_1", "validation", "test"]))
    warehouse.execute("CREATE SCHEMA IF NOT EXISTS staging")
    warehouse.execute("ALTER TABLE intermediate.int_user_cutoffs ADD COLUMN n_history_events INTEGER DEFAULT 5")
    warehouse.execute(
        """
        CREATE OR REPLACE TABLE staging.stg_raw__items AS
        SELECT DISTINCT item_id, 'title ' || item_id AS title, [item_id[:2] || (ord(item_id[2]) % 3)] AS categories,
               []::VARCHAR[] AS creators
        FROM candidates.merged
        """
    )

    class Opened:
        def __enter__(self) -> object:
            return warehouse

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(module, "open_warehouse", lambda config, read_only: Opened())
    return measure_tradeoff(quick_config)


def test_diversity_rises_and_nothing_costs_nothing(measured: pl.DataFrame) -> None:
    assert measured.schema == TRADEOFF_SCHEMA
    assert measured["diversity"].to_list() == list(DIVERSITIES)
    assert measured["difference"][0] == 0
    assert measured["intra_list_diversity"][-1] >= measured["intra_list_diversity"][0]
    assert measured["ndcg"].is_between(0, 1).all()


def test_the_files(measured: pl.DataFrame, tiny_home: Config) -> None:
    path = write_tradeoff(tiny_home, measured)
    assert pl.read_parquet(path).equals(measured)
    assert path.with_suffix(".png").read_bytes() == plot_tradeoff(measured)
