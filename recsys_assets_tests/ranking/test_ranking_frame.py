"""The ranking frame, by hand: scales, what is missing, order, and the same rows in any cut."""

from collections.abc import Iterator
from math import log

import duckdb
import numpy as np
import polars as pl
import pytest

from recsys_assets.config import Config, load_config
from recsys_assets.ranking.frame import build_ranking_frame

CONFIG: Config = load_config({"RECSYS__CANDIDATES__SOURCES": "[popular, als]"})
NAN = float("nan")


@pytest.fixture
def by_hand() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(
            """
            CREATE SCHEMA candidates; CREATE SCHEMA features; CREATE SCHEMA intermediate;
            CREATE TABLE candidates.merged AS SELECT * REPLACE (
                score_popular::FLOAT AS score_popular, score_als::FLOAT AS score_als
            ) FROM (VALUES
                ('test', 'u2', 'a', 0.25, 1, 4.0, 21, 0, NULL),
                ('test', 'u1', 'c', 0.5, 2, 1.0, 3, 0.25, 2),
                ('test', 'u1', 'a', 0.5, 1, 5.0, 1, 0.1, NULL),
                ('test', 'u1', 'b', 1.0, 2, 3.0, 2, 0.5, 1),
                ('live', 'u1', 'a', 9.0, 1, 5.0, 1, 0, NULL)
            ) AS rows(
                cutoff, user_id, item_id, fused_score, n_sources, score_popular, rank_popular, score_als, rank_als);
            CREATE TABLE features.user_features AS FROM (VALUES
                ('test', 'u1', 7, 'film', true, TIMESTAMP '2024-01-01'), ('live', 'u2', 8, 'book', true, NULL)
            ) AS rows(cutoff, user_id, n_events, favourite, is_new, last_at);
            CREATE TABLE features.item_features AS FROM (VALUES
                ('test', 'a', 3, NULL::DOUBLE), ('test', 'b', 2, 9.5), ('live', 'c', 1, 1.5)
            ) AS rows(cutoff, item_id, n_users, price);
            CREATE TABLE features.user_item_features AS FROM (VALUES
                ('test', 'u1', 'b', 0.75), ('test', 'u2', 'b', 0.5)) AS rows(cutoff, user_id, item_id, affinity);
            CREATE TABLE intermediate.int_labels AS FROM (VALUES
                ('test', 'u1', 'b', 2), ('test', 'u1', 'not a candidate', 3), ('validation', 'u1', 'a', 1)
            ) AS rows(cutoff, user_id, item_id, relevance_label);
            CREATE TABLE intermediate.int_user_cutoffs AS FROM (VALUES
                ('test', 'u1', false), ('test', 'u2', true), ('live', 'u1', true)) AS rows(cutoff, user_id, is_target);
            """
        )
        yield connection


def test_keys_are_sorted_labelled_and_contiguous(by_hand) -> None:
    frame = build_ranking_frame(by_hand, CONFIG, "test")
    assert frame.keys.rows() == [("u1", "a", 0), ("u1", "b", 2), ("u1", "c", 0), ("u2", "a", 0)]
    assert frame.group.tolist() == [3, 1]
    assert frame.qid.tolist() == [0, 0, 0, 1]
    assert frame.labels.tolist() == [0, 2, 0, 0]


def test_every_feature_by_hand(by_hand) -> None:
    frame = build_ranking_frame(by_hand, CONFIG, "test")
    expected = {
        "score_popular": [1, 0.6, 0.2, 1],  # shares of the user's highest; an only score is the highest
        "score_als": [0.2, 1, 0.5, 0],  # a is not in als's list, and has its score all the same
        "value_popular": [5, 3, 1, 4],
        "value_als": [0.1, 0.5, 0.25, 0],
        "rank_popular": [log(1), log(2), log(3), log(21)],
        "rank_als": [log(200), log(1), log(2), log(200)],
        "fused_score": [0.5, 1, 0.5, 0.25],
        "n_sources": [1, 2, 2, 1],
        "n_sources_top_20": [1, 2, 2, 0],
        "user_n_events": [7, 7, 7, NAN],
        "item_n_users": [3, 2, NAN, 3],
        "item_price": [NAN, 9.5, NAN, NAN],
        "pair_affinity": [NAN, 0.75, NAN, NAN],
    }
    assert frame.feature_names == tuple(expected)
    assert frame.features.dtype == np.float32
    np.testing.assert_allclose(frame.features, np.array(list(expected.values())).T, atol=1e-6)


def test_some_rows_have_the_features_that_they_have_among_all(by_hand) -> None:
    whole = build_ranking_frame(by_hand, CONFIG, "test")
    wanted = whole.keys[[1, 2]].select("user_id", "item_id")
    some = build_ranking_frame(by_hand, CONFIG, "test", rows=wanted)
    assert some.keys.rows() == whole.keys[[1, 2]].rows()
    np.testing.assert_array_equal(some.features, whole.features[[1, 2]])


def test_a_cutoff_without_candidates_has_the_columns_and_no_rows(by_hand) -> None:
    full, empty = (build_ranking_frame(by_hand, CONFIG, cutoff) for cutoff in ("test", "train_1"))
    assert empty.feature_names == full.feature_names
    assert empty.features.shape == (0, len(full.feature_names))
    assert empty.group.tolist() == []


def test_some_users_have_the_same_rows_to_the_bit(warehouse, quick_config) -> None:
    whole = build_ranking_frame(warehouse, quick_config, "test")
    user_ids = whole.keys["user_id"]
    for first, last in (("u00", "u07"), ("u08", "u17"), ("u17", "u17")):
        some = build_ranking_frame(warehouse, quick_config, "test", users=(first, last))
        is_among = user_ids.is_between(pl.lit(first), pl.lit(last))
        assert len(some.keys) > 0
        assert some.keys.equals(whole.keys.filter(is_among))
        assert some.features.tobytes() == whole.features[is_among.to_numpy()].tobytes()


def test_take_keeps_rows_and_drops_users_without_any(make_frame) -> None:
    frame = make_frame([[0, 1], [0], [2, 0, 1]])
    taken = frame.take(np.array([False, True, False, True, False, True]))
    assert taken.keys.rows() == [("u00", "i01", 1), ("u02", "i00", 2), ("u02", "i02", 1)]
    assert taken.features[:, 0].tolist() == [1, 3, 5]
    assert taken.group.tolist() == [1, 2]
