"""User-kNN by hand, and in blocks."""

import numpy as np
import pytest

from recsys_assets.candidates import user_knn
from recsys_assets.candidates.user_knn import fit_user_knn
from recsys_assets.config import load_config

ONE_NEIGHBOUR = load_config({"RECSYS__CANDIDATES__USER_KNN__NEIGHBOURS": "1"})
WORLD = {"u1": ["a", "b"], "u2": ["a", "b", "c"], "u3": ["b", "d"], "u4": ["e"]}


def test_the_nearest_users_items_by_hand(make_history, make_catalogue) -> None:
    history = make_history(WORLD)
    scores = fit_user_knn(history, make_catalogue(history), ONE_NEIGHBOUR)(history, history.users_to_serve)
    near = 2 / np.sqrt(2 * 3)  # u1 and u2 share two items of two and of three
    assert scores[0] == pytest.approx([near, near, near, 0, 0])
    assert scores[1] == pytest.approx([near, near, 0, 0, 0])
    assert scores[2] == pytest.approx([1 / 2, 1 / 2, 0, 0, 0])  # u1 is nearer to u3 than u2
    assert scores[3] == pytest.approx([0] * 5)  # shares nothing with anybody, and is no neighbour of her own


def test_more_neighbours_add_up(make_history, make_catalogue, tiny_home) -> None:
    history = make_history(WORLD)
    scores = fit_user_knn(history, make_catalogue(history), tiny_home)(history, history.users_to_serve)
    assert scores[0, 3] == pytest.approx(1 / 2)  # d of u3
    assert scores[0, 2] == pytest.approx(2 / np.sqrt(6))  # c of u2


def test_blocks_change_nothing_and_an_empty_history_scores_nothing(
    make_history, make_catalogue, tiny_home, monkeypatch
) -> None:
    history = make_history(WORLD)
    at_once = fit_user_knn(history, make_catalogue(history), tiny_home)(history, history.users_to_serve)
    monkeypatch.setattr(user_knn, "CELLS_AT_ONCE", 1)
    assert (fit_user_knn(history, make_catalogue(history), tiny_home)(history, history.users_to_serve) == at_once).all()
    empty = make_history({"u1": ["a"]}, weights={("u1", "a"): 0.0})
    assert not fit_user_knn(empty, make_catalogue(empty), tiny_home)(empty, empty.users_to_serve).any()


def test_too_many_users_leave_it_empty(make_history, make_catalogue) -> None:
    history = make_history(WORLD)
    config = load_config({"RECSYS__CANDIDATES__USER_KNN__MAX_USERS": "3"})
    assert not fit_user_knn(history, make_catalogue(history), config)(history, history.users_to_serve).any()
