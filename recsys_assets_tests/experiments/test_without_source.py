import numpy as np
import polars as pl
import pytest

from recsys_assets.experiments.bench import read_bench
from recsys_assets.experiments.without_source import read_bench_without
from recsys_assets.ranking.training_frame import build_training_frame, write_training_frame


@pytest.fixture
def built(warehouse, quick_config):
    """`als` alone lists i9, and every other row of a user is drawn into the training frame."""
    warehouse.execute(
        """
        UPDATE candidates.merged SET score_popular = NULL, rank_popular = NULL, n_sources = 1 WHERE item_id = 'i9';
        UPDATE candidates.merged SET rrf_score = coalesce(1.0::DOUBLE / (60 + rank_als), 0.0)
            + coalesce(1.0::DOUBLE / (60 + rank_popular), 0.0);
        """
    )
    write_training_frame(warehouse, build_training_frame(warehouse, quick_config, ["train_1", "validation", "test"]))
    warehouse.execute("DELETE FROM ranking.training_frame WHERE item_id IN ('i0', 'i4') AND relevance_label = 0")
    return warehouse


def test_without_none_the_frames_are_the_stored_ones_to_the_bit(built, quick_config) -> None:
    stored, again = read_bench(built, quick_config), read_bench_without(built, quick_config, None)
    assert again.fingerprint(quick_config) == stored.fingerprint(quick_config)
    assert read_bench(built, quick_config).fingerprint(quick_config) == stored.fingerprint(quick_config)


def test_a_source_goes_with_its_columns_and_the_candidates_that_only_it_listed(built, quick_config) -> None:
    stored, without = read_bench(built, quick_config), read_bench_without(built, quick_config, "als")
    assert set(stored.rows.feature_names) - set(without.rows.feature_names) == {"score_als", "value_als", "rank_als"}
    for before, after in ((stored.rows, without.rows), (stored.validation, without.validation)):
        kept = before.keys.filter(pl.col("item_id") != "i9")
        assert set(after.keys.rows()) <= set(kept.rows())
        lost = kept.join(after.keys, on=["user_id", "item_id"], how="anti")
        # of the others, only users without any relevant row left are gone, and from training alone
        assert set(lost["user_id"]).isdisjoint(after.keys["user_id"])
    assert len(without.validation.keys) == 32 * 9
    assert without.labels.equals(stored.labels)


def test_what_fuses_the_sources_is_that_of_the_others(built, quick_config) -> None:
    frame = read_bench_without(built, quick_config, "als").validation
    table = pl.DataFrame(frame.features, list(frame.feature_names), orient="row").hstack(frame.keys)
    one = table.filter(pl.col("user_id") == "u00").sort("rank_popular")
    ranks = np.exp(one["rank_popular"].to_numpy()).round()
    assert one["n_sources"].unique().to_list() == [1]
    assert np.exp(one["rrf_rank"].to_numpy()) == pytest.approx(np.arange(1, 10), rel=1e-5)
    assert one["rrf_score"].to_numpy() == pytest.approx((60 + ranks[0]) / (60 + ranks), rel=1e-5)
