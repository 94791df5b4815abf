"""Popularity sources: whose column counts, ties, and the categories that count."""

import numpy as np
import pytest

from recsys_assets.candidates.popular import (
    fit_popular,
    fit_popular_decayed_fast,
    fit_popular_decayed_slow,
    fit_popular_in_category,
)
from recsys_assets.config import load_config
from recsys_assets_tests.candidates.lists import generate_candidates

EVERYBODY = np.array([0, 1], np.int32)


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        (fit_popular, [3, 1, 0]),
        (fit_popular_decayed_slow, [0.5, 2.5, 0]),
        (fit_popular_decayed_fast, [0.25, 0, 4]),
    ],
)
def test_each_memory_reads_its_own_column_and_unknown_counts_nothing(
    make_history, make_catalogue, tiny_home, fit, expected
) -> None:
    history = make_history({"u1": ["a", "b"], "u2": ["c"]})
    catalogue = make_catalogue(history, n_users={"a": 3, "b": 1}, slow={"a": 0.5, "b": 2.5}, fast={"a": 0.25, "c": 4.0})
    assert fit(history, catalogue, tiny_home)(history, EVERYBODY).tolist() == [expected, expected]


def test_equally_popular_items_go_by_item_id(make_history, make_catalogue, tiny_home) -> None:
    history = make_history({"u1": ["z"], "u2": ["d", "c", "b", "a"]}, serve=["u1"])
    catalogue = make_catalogue(history, n_users={"a": 2, "b": 5, "c": 2, "d": 2, "z": 9})
    found = generate_candidates(history, catalogue, fit_popular(history, catalogue, tiny_home), 3)
    assert found["item_id"].to_list() == ["b", "a", "c"]


def test_only_the_strongest_categories_of_a_user_count(make_history, make_catalogue) -> None:
    config = load_config({"RECSYS__CANDIDATES__POPULAR__CATEGORIES_PER_USER": "2"})
    weights = {("u1", "a"): 0.9, ("u1", "b"): 0.9, ("u1", "c"): 0.3, ("u1", "d"): 1.9}  # a quarter, a quarter, a half
    history = make_history({"u1": ["a", "b", "c", "d"], "u2": ["a"]}, weights=weights)
    catalogue = make_catalogue(
        history,
        slow={"a": 10.0, "b": 100.0, "c": 2.0, "d": 4.0},
        categories={"a": ["art"], "b": ["bar"], "c": ["art", "bar", "cat"], "d": ["cat"]},
    )
    scores = fit_popular_in_category(history, catalogue, config)(history, EVERYBODY)
    # of the two at a quarter, the first by name counts
    np.testing.assert_allclose(scores, [[10 * 0.25, 0, 2 * (0.25 + 0.5), 4 * 0.5], [10, 0, 2, 0]], rtol=1e-6)
