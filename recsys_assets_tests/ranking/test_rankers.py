"""The rankers of a build: who sees which labels, and what happens with too few users."""

import polars as pl
import pytest

from recsys_assets.candidates.history import read_roles
from recsys_assets.ranking.rankers import TrainedRankers, rank_candidates, train_rankers
from recsys_assets.ranking.training_frame import build_training_frame, write_training_frame


def train(connection, config, roles=None) -> TrainedRankers:
    write_training_frame(connection, build_training_frame(connection, config, ["train_1", "validation", "test"]))
    return train_rankers(connection, config, roles or read_roles(connection), lambda line: None)


def test_lists_of_validation_and_test_by_rank(warehouse, quick_config) -> None:
    trained = train(warehouse, quick_config)
    assert trained.ranker is not None
    assert trained.note.startswith("Trained on ")
    lists = trained.lists
    assert lists.group_by("cutoff").len().sort("cutoff").rows() == [("test", 32 * 4), ("validation", 32 * 4)]
    assert lists.select("cutoff", "user_id", "item_id").is_unique().all()
    assert lists.group_by("cutoff", "user_id").agg(pl.col("rank"))["rank"].to_list() == [[1, 2, 3, 4]] * 64
    falling = lists.select(pl.col("score").diff().over("cutoff", "user_id").max()).item()
    assert falling <= 0


def test_no_list_depends_on_labels_of_its_own_cutoff_or_later_ones(warehouse, quick_config) -> None:
    before = train(warehouse, quick_config).lists
    warehouse.execute("UPDATE intermediate.int_labels SET relevance_label = 3 WHERE cutoff = 'test' AND item_id > 'i4'")
    warehouse.execute("DELETE FROM intermediate.int_labels WHERE cutoff = 'test' AND user_id < 'u05'")
    assert train(warehouse, quick_config).lists.equals(before)


def test_too_few_users_leave_no_ranker_and_a_sentence(warehouse, quick_config) -> None:
    warehouse.execute("DELETE FROM intermediate.int_labels WHERE cutoff = 'train_1' AND user_id >= 'u19'")
    n_users = warehouse.execute(
        "SELECT count(DISTINCT user_id) FROM intermediate.int_labels WHERE cutoff = 'train_1'"
    ).fetchall()[0][0]
    trained = train(warehouse, quick_config)
    assert (trained.ranker, trained.plan) == (None, None)
    assert trained.note == f"No ranker: {n_users} users with labels to learn from, at least 20 are needed."
    assert trained.lists.is_empty()
    assert trained.lists.columns == ["cutoff", "user_id", "item_id", "score", "rank"]


@pytest.mark.parametrize(
    "roles",
    [{"live": ["live"]}, {"training": ["train_1"]}, {"validation": ["validation"], "test": ["test"]}],
    ids=["nothing but live", "no validation", "no training"],
)
def test_missing_cutoffs_leave_no_ranker(warehouse, quick_config, roles) -> None:
    assert train(warehouse, quick_config, roles).ranker is None


def test_no_relevant_candidate_at_validation_leaves_no_ranker(warehouse, quick_config) -> None:
    warehouse.execute("DELETE FROM intermediate.int_labels WHERE cutoff = 'validation'")
    assert train(warehouse, quick_config).ranker is None


def test_a_test_cutoff_without_candidates_is_no_trouble(warehouse, quick_config) -> None:
    warehouse.execute("DELETE FROM candidates.merged WHERE cutoff = 'test'")
    trained = train(warehouse, quick_config)
    assert trained.ranker is not None
    assert trained.lists["cutoff"].unique().to_list() == ["validation"]


def test_equal_scores_rank_by_item_id(make_frame) -> None:
    class Indifferent:
        def score(self, features, group):
            return features[:, 0] * 0

    ranked = rank_candidates(Indifferent(), make_frame([[0, 0, 0], [0]]), 2)
    assert ranked.select("user_id", "item_id", "rank").rows() == [
        ("u00", "i00", 1),
        ("u00", "i01", 2),
        ("u01", "i00", 1),
    ]
