import polars as pl
import pytest

from recsys_assets.experiments.bench import read_bench
from recsys_assets.experiments.without_source import read_bench_without
from recsys_assets.ranking.training_frame import build_training_frame, write_training_frame


@pytest.fixture
def built(warehouse, quick_config):
    """`als` alone knows i9, and every other row of a user is drawn into the training frame."""
    warehouse.execute(
        """
        CREATE TABLE candidates.fusion_weights AS
        SELECT cutoff, source, power, weight
        FROM (SELECT DISTINCT cutoff FROM candidates.merged) CROSS JOIN (VALUES
            ('als', 1.0::DOUBLE, 2.0::DOUBLE), ('als', 0.5, 0.5), ('als', 0.25, 0.0),
            ('popular', 1.0, 1.0), ('popular', 0.5, 0.0), ('popular', 0.25, 3.0)
        ) AS weights(source, power, weight);
        UPDATE candidates.merged SET score_popular = 0, rank_popular = NULL, n_sources = 1 WHERE item_id = 'i9';
        UPDATE candidates.merged SET fused_score = made.fused FROM (
            SELECT cutoff, user_id, item_id, 2 * als + 0.5 * als ** 0.5 + popular + 3 * popular ** 0.25 AS fused
            FROM (
                SELECT *, score_als / max(score_als) OVER u AS als, score_popular / max(score_popular) OVER u AS popular
                FROM candidates.merged WINDOW u AS (PARTITION BY cutoff, user_id)
            )
        ) AS made
        WHERE merged.cutoff = made.cutoff AND merged.user_id = made.user_id AND merged.item_id = made.item_id;
        """
    )
    write_training_frame(warehouse, build_training_frame(warehouse, quick_config, ["train_1", "validation", "test"]))
    warehouse.execute("DELETE FROM ranking.training_frame WHERE item_id IN ('i0', 'i4') AND relevance_label = 0")
    return warehouse


def test_without_none_the_frames_are_the_stored_ones_to_the_bit(built, quick_config) -> None:
    stored, again = read_bench(built, quick_config), read_bench_without(built, quick_config, None)
    assert again.fingerprint(quick_config) == stored.fingerprint(quick_config)
    assert read_bench(built, quick_config).fingerprint(quick_config) == stored.fingerprint(quick_config)


def test_a_source_goes_with_its_columns_and_the_candidates_that_only_it_knew(built, quick_config) -> None:
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
    assert one["n_sources"].unique().to_list() == [1]
    share = one["score_popular"].to_numpy()
    assert one["fused_score"].to_numpy() == pytest.approx(share + 3 * share**0.25, rel=1e-5)
