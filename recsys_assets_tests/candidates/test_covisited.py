"""Co-visitation: directed scores, summed over the user's items by recency."""

import numpy as np
import pytest

from recsys_assets.candidates.covisited import fit_covisited


def test_sums_the_moves_from_the_users_items_recent_ones_first(make_history, make_catalogue, tiny_home) -> None:
    history = make_history({"u1": ["a", "b"], "u2": ["x", "y"]}, serve=["u1"])
    catalogue = make_catalogue(
        history, covisited={("a", "x"): 2.0, ("b", "x"): 1.0, ("b", "y"): 3.0, ("x", "a"): 50.0, ("y", "b"): 70.0}
    )
    scores = fit_covisited(history, catalogue, tiny_home)(history, np.array([0], np.int32))
    assert scores[0].tolist() == pytest.approx([0, 0, 2 * 2 ** (-1 / 20) + 1, 3], rel=1e-6)


def test_likes_alone_count_unless_there_are_none(make_history, make_catalogue, tiny_home) -> None:
    history = make_history(
        {"u1": ["b", "a"], "u2": ["b", "a"], "u3": ["x"]}, not_liked=[("u1", "a"), ("u2", "a"), ("u2", "b")]
    )
    catalogue = make_catalogue(history, covisited={("a", "x"): 1.0, ("b", "x"): 8.0})
    scores = fit_covisited(history, catalogue, tiny_home)(history, np.array([0, 1], np.int32))
    assert scores[:, 2].tolist() == pytest.approx([8 * 2 ** (-1 / 20), 8 * 2 ** (-1 / 20) + 1], rel=1e-6)
