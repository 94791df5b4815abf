"""The stored training frame: there and back, and what is refused."""

import numpy as np
import polars as pl
import pytest

from recsys_assets.ranking.frame import build_ranking_frame
from recsys_assets.ranking.training_frame import build_training_frame, read_training_frame, write_training_frame

LABELLED = ["train_1", "validation", "test"]


def test_there_and_back_to_the_bit(warehouse, quick_config) -> None:
    stored = build_training_frame(warehouse, quick_config, LABELLED)
    assert write_training_frame(warehouse, stored) == len(stored)
    read = read_training_frame(warehouse, LABELLED)
    assert read.keys.equals(stored.select("user_id", "item_id", "relevance_label"))
    assert read.features.tobytes() == np.ascontiguousarray(stored.select(read.feature_names).to_numpy()).tobytes()
    assert read.qid.tolist() == stored["qid"].to_list()
    assert read.feature_names == build_ranking_frame(warehouse, quick_config, "test").feature_names


def test_a_user_is_a_query_of_her_own_at_every_cutoff(warehouse, quick_config) -> None:
    stored = build_training_frame(warehouse, quick_config, LABELLED)
    queries = stored.group_by("qid", maintain_order=True).agg(pl.col("cutoff", "user_id").unique())
    assert queries["qid"].to_list() == list(range(len(queries)))
    assert queries.select(pl.col("cutoff", "user_id").list.len()).unique().rows() == [(1, 1)]
    assert stored.group_by("qid").agg(pl.col("relevance_label").max())["relevance_label"].min() == 1
    write_training_frame(warehouse, stored)
    one, two = read_training_frame(warehouse, ["test"]), read_training_frame(warehouse, ["train_1", "validation"])
    assert len(one.group) + len(two.group) == len(queries)


def test_users_with_too_short_a_history_teach_nothing(warehouse, quick_config) -> None:
    warehouse.execute("UPDATE intermediate.int_user_cutoffs SET is_target = false WHERE user_id < 'u16'")
    assert build_training_frame(warehouse, quick_config, LABELLED)["user_id"].min() >= "u16"


def test_twice_gives_the_same_rows(warehouse, quick_config) -> None:
    first, second = (build_training_frame(warehouse, quick_config, LABELLED) for _ in range(2))
    assert first.equals(second)


@pytest.mark.parametrize("cutoffs", [[], ["train_1"]])
def test_without_labels_the_table_is_empty_and_has_its_columns(warehouse, quick_config, cutoffs) -> None:
    full = build_training_frame(warehouse, quick_config, LABELLED)
    warehouse.execute("DELETE FROM intermediate.int_labels")
    empty = build_training_frame(warehouse, quick_config, cutoffs)
    assert empty.schema == full.schema
    assert write_training_frame(warehouse, empty) == 0
    assert len(read_training_frame(warehouse, cutoffs).group) == 0


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE ranking.training_frame SET qid = 0 WHERE qid = 1",
        "UPDATE ranking.training_frame SET qid = 999 WHERE qid = 0 AND item_id = 'i0'",
        "UPDATE ranking.training_frame SET user_id = 'u99' WHERE qid = 0 AND item_id = 'i0'",
    ],
    ids=["two users in a query", "two queries of a user", "a stranger in a query"],
)
def test_a_qid_that_is_not_one_user_of_one_cutoff_is_refused(warehouse, quick_config, damage) -> None:
    write_training_frame(warehouse, build_training_frame(warehouse, quick_config, LABELLED))
    warehouse.execute(damage)
    with pytest.raises(AssertionError, match="one user of one cutoff"):
        read_training_frame(warehouse, LABELLED)
