"""Histories and catalogues: positions for ids, whose lists are wanted, what is known of items at a cutoff."""

import numpy as np
import polars as pl
from scipy import sparse

from recsys_assets.candidates.catalogue import read_catalogue
from recsys_assets.candidates.history import build_history, make_row, read_cutoffs, read_history, read_roles


def test_cutoffs_are_named_oldest_first(small_warehouse) -> None:
    assert read_cutoffs(small_warehouse) == ["train_1", "train_2", "test", "live"]
    assert read_roles(small_warehouse) == {"training": ["train_1", "train_2"], "test": ["test"], "live": ["live"]}


def test_live_serves_everybody_and_other_cutoffs_users_with_labels(small_warehouse) -> None:
    live, test = read_history(small_warehouse, "live"), read_history(small_warehouse, "test")
    assert live.user_ids[live.users_to_serve].tolist() == ["u1", "u2"]
    assert test.user_ids[test.users_to_serve].tolist() == ["u2"]


def test_matrices_have_ids_in_order(small_warehouse) -> None:
    history = read_history(small_warehouse, "live")
    assert (history.user_ids.tolist(), history.item_ids.tolist()) == (["u1", "u2"], ["a", "b", "c"])
    assert history.interactions.toarray().tolist() == [[0, 0, 1], [1, 1, 0]]
    assert history.liked.toarray().tolist() == [[0, 0, 1], [1, 0, 0]]
    assert history.consumed.toarray().tolist() == [[0, 0, 1], [1, 0, 0]]
    assert history.recent(2.0).toarray().tolist() == [[0, 0, 1], [0.5, 0, 0]]


def test_order_of_the_pairs_does_not_matter(small_warehouse) -> None:
    pairs = small_warehouse.sql("SELECT * FROM intermediate.int_user_items WHERE cutoff = 'live'").pl()
    users = pl.Series("user_id", ["u2"])
    first, second = (build_history("live", pairs[order], users) for order in ([0, 1, 2], [2, 0, 1]))
    assert pl.DataFrame(dict(first.pairs)).equals(pl.DataFrame(dict(second.pairs)))
    assert first.users_to_serve.tolist() == second.users_to_serve.tolist() == [1]


def test_a_cutoff_without_history_is_an_empty_one(small_warehouse) -> None:
    history = read_history(small_warehouse, "train_1")
    assert history.shape == (0, 0)
    assert history.users_to_serve.size == 0
    assert read_catalogue(small_warehouse, history).covisited.shape == (0, 0)


def test_catalogue_knows_the_items_of_the_history_alone(small_warehouse) -> None:
    history = read_history(small_warehouse, "live")
    catalogue = read_catalogue(small_warehouse, history)
    assert catalogue.features["item_id"].to_list() == ["a", "b", "c"]
    assert catalogue.features["n_users"].to_list() == [1, None, 1]
    assert catalogue.descriptions.rows() == [
        ("a", "Ape", ["film", "book", "film"], ["Ann"]),
        ("b", "", [], []),
        ("c", "", [], []),
    ]
    assert catalogue.categories.toarray().tolist() == [[1, 1], [0, 0], [0, 0]]  # book, film
    np.testing.assert_array_equal(catalogue.covisited.toarray(), [[0, 2, 0], [1, 0, 0], [0, 0, 0]])


def test_availability_is_todays_and_no_part_of_the_past(small_warehouse) -> None:
    live, test = (read_catalogue(small_warehouse, read_history(small_warehouse, cutoff)) for cutoff in ("live", "test"))
    assert live.unavailable.tolist() == [True, False, False]
    assert test.unavailable.tolist() == [False]


def test_a_row_made_without_checks_is_what_scipy_makes() -> None:
    values, columns = np.array([1, 0.5], np.float32), np.array([1, 3], np.int32)
    made = make_row(values, columns, 5)
    whole = sparse.csr_matrix((values, columns, np.array([0, 2], np.int32)), shape=(1, 5))
    assert vars(made).keys() == vars(whole).keys()
    assert (made.shape, made.dtype, made.nnz, repr(made)) == (whole.shape, whole.dtype, whole.nnz, repr(whole))
    np.testing.assert_array_equal(made.toarray(), whole.toarray())
    np.testing.assert_array_equal((made @ made.T).toarray(), [[1.25]])
    np.testing.assert_array_equal(made[[0, 0]].toarray(), np.vstack([whole.toarray()] * 2))
