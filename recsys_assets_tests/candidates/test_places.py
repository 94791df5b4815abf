"""The best places of rows, and every place's rank, against sorting the whole row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recsys_assets.candidates.generate import best_places, rank_places


def sorted_places(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.argsort(-scores, axis=1, kind="stable")


def draw_scores(seed: int, n_rows: int, n_columns: int, n_values: int, share_of_zeros: float) -> NDArray[np.float32]:
    """Of few different values many tie."""
    draw = np.random.default_rng(seed)
    scores = draw.integers(1, n_values + 1, (n_rows, n_columns)).astype(np.float32)
    scores[draw.random(scores.shape) < share_of_zeros] = 0
    return scores


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_rows=st.integers(0, 6),
    n_columns=st.integers(1, 400),
    n=st.integers(1, 30),
    n_values=st.sampled_from([1, 3, 50, 10_000]),
    share_of_zeros=st.sampled_from([0.0, 0.3, 0.9, 0.99, 1.0]),
)
def test_they_are_those_of_a_whole_sort(
    seed: int, n_rows: int, n_columns: int, n: int, n_values: int, share_of_zeros: float
) -> None:
    scores = draw_scores(seed, n_rows, n_columns, n_values, share_of_zeros)
    expected = sorted_places(scores)[:, :n]
    np.testing.assert_array_equal(best_places(scores, n), expected)
    unscored = np.where(scores > 0, scores, np.float32(-np.inf))  # as the fusion leaves them
    np.testing.assert_array_equal(best_places(unscored, n), sorted_places(unscored)[:, :n])
    ranks = np.zeros(scores.shape, np.int64)
    np.put_along_axis(ranks, expected, np.arange(1, expected.shape[1] + 1)[None, :], axis=1)
    np.testing.assert_array_equal(rank_places(scores, n), np.where(scores > 0, ranks, 0))


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (3, 0)])
def test_where_there_is_nothing_there_are_no_places(shape: tuple[int, int]) -> None:
    nothing = np.zeros(shape, np.float32)
    assert best_places(nothing, 3).shape == (shape[0], min(3, shape[1]))
    assert rank_places(nothing, 3).shape == shape
