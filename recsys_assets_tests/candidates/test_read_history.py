"""Histories and catalogues: positions for ids, whose lists are wanted, what is known of items at a cutoff."""

from collections.abc import Iterator

import duckdb
import numpy as np
import polars as pl
import pytest

from recsys_assets.candidates.catalogue import read_catalogue
from recsys_assets.candidates.history import build_history, read_cutoffs, read_history, read_roles


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(
            """
            CREATE SCHEMA intermediate; CREATE SCHEMA features; CREATE SCHEMA candidates; CREATE SCHEMA staging;
            CREATE TABLE intermediate.int_cutoffs AS FROM (VALUES
                ('live', 'live', 4), ('test', 'test', 3), ('train_2', 'training', 2), ('train_1', 'training', 1)
            ) AS rows(cutoff, role, cutoff_number);
            CREATE TABLE intermediate.int_user_items AS FROM (VALUES
                ('live', 'u2', 'b', 0.3, false, false, 2, 1, 0),
                ('live', 'u2', 'a', 1.0, true, true, 1, 3, 2),
                ('live', 'u1', 'c', 1.0, true, true, 1, 1, 1),
                ('test', 'u2', 'a', 1.0, true, true, 1, 1, 0),
                ('test', 'u1', 'a', 1.0, true, true, 1, 1, 1)
            ) AS rows(cutoff, user_id, item_id, weight, is_liked, is_consumed, n_events, last_recency_rank, last_event_age);
            CREATE TABLE intermediate.int_user_cutoffs AS FROM (VALUES
                ('live', 'u1'), ('live', 'u2'), ('test', 'u1'), ('test', 'u2')) AS rows(cutoff, user_id);
            CREATE TABLE intermediate.int_labels AS FROM (VALUES
                ('test', 'u2', 'b'), ('test', 'u2', 'c')) AS rows(cutoff, user_id, item_id);
            CREATE TABLE features.item_features AS FROM (VALUES
                ('live', 'c', 1, 0.5, 0.25), ('live', 'a', 1, 1.5, 1.25), ('test', 'a', 2, 2.5, 2.25)
            ) AS rows(cutoff, item_id, n_users, decayed_events_slow, decayed_events_fast);
            CREATE TABLE features.user_category_shares AS FROM (VALUES
                ('live', 'u2', 'film', 0.75), ('live', 'u2', 'book', 0.25), ('live', 'u1', 'gone', 1.0),
                ('test', 'u2', 'film', 1.0)) AS rows(cutoff, user_id, category, share);
            CREATE TABLE candidates.covisited_items AS FROM (VALUES
                ('live', 'a', 'b', 2.0), ('live', 'b', 'a', 1.0), ('live', 'a', 'elsewhere', 9.0), ('test', 'a', 'a', 7.0)
            ) AS rows(cutoff, item_id, neighbour_item_id, score);
            CREATE TABLE staging.stg_raw__items AS FROM (VALUES
                ('a', 'Ape', ['film', 'book', 'film'], ['Ann'], false), ('b', NULL, [], [], true),
                ('never seen', 'X', ['odd'], [], true)
            ) AS rows(item_id, title, categories, creators, available);
            """
        )
        yield connection


def test_cutoffs_are_named_oldest_first(warehouse) -> None:
    assert read_cutoffs(warehouse) == ["train_1", "train_2", "test", "live"]
    assert read_roles(warehouse) == {"training": ["train_1", "train_2"], "test": ["test"], "live": ["live"]}


def test_live_serves_everybody_and_other_cutoffs_users_with_labels(warehouse) -> None:
    live, test = read_history(warehouse, "live"), read_history(warehouse, "test")
    assert live.user_ids[live.users_to_serve].tolist() == ["u1", "u2"]
    assert test.user_ids[test.users_to_serve].tolist() == ["u2"]


def test_matrices_have_ids_in_order(warehouse) -> None:
    history = read_history(warehouse, "live")
    assert (history.user_ids.tolist(), history.item_ids.tolist()) == (["u1", "u2"], ["a", "b", "c"])
    assert history.interactions.toarray().tolist() == [[0, 0, 1], [1, 1, 0]]
    assert history.liked.toarray().tolist() == [[0, 0, 1], [1, 0, 0]]
    assert history.consumed.toarray().tolist() == [[0, 0, 1], [1, 0, 0]]
    assert history.recent(2.0).toarray().tolist() == [[0, 0, 1], [0.5, 0, 0]]


def test_order_of_the_pairs_does_not_matter(warehouse) -> None:
    pairs = warehouse.sql("SELECT * FROM intermediate.int_user_items WHERE cutoff = 'live'").pl()
    users = pl.Series("user_id", ["u2"])
    first, second = (build_history("live", pairs[order], users) for order in ([0, 1, 2], [2, 0, 1]))
    assert first.pairs.equals(second.pairs)
    assert first.users_to_serve.tolist() == second.users_to_serve.tolist() == [1]


def test_a_cutoff_without_history_is_an_empty_one(warehouse) -> None:
    history = read_history(warehouse, "train_1")
    assert history.shape == (0, 0)
    assert history.users_to_serve.size == 0
    assert read_catalogue(warehouse, history).covisited.shape == (0, 0)


def test_catalogue_knows_the_items_of_the_history_alone(warehouse) -> None:
    history = read_history(warehouse, "live")
    catalogue = read_catalogue(warehouse, history)
    assert catalogue.features["item_id"].to_list() == ["a", "b", "c"]
    assert catalogue.features["n_users"].to_list() == [1, None, 1]
    assert catalogue.descriptions.rows() == [
        ("a", "Ape", ["film", "book", "film"], ["Ann"]),
        ("b", "", [], []),
        ("c", "", [], []),
    ]
    assert catalogue.categories.toarray().tolist() == [[1, 1], [0, 0], [0, 0]]  # book, film
    assert catalogue.category_shares.toarray().tolist() == [[0, 0], [0.25, 0.75]]
    np.testing.assert_array_equal(catalogue.covisited.toarray(), [[0, 2, 0], [1, 0, 0], [0, 0, 0]])


def test_availability_is_todays_and_no_part_of_the_past(warehouse) -> None:
    live, test = (read_catalogue(warehouse, read_history(warehouse, cutoff)) for cutoff in ("live", "test"))
    assert live.unavailable.tolist() == [True, False, False]
    assert test.unavailable.tolist() == [False]
