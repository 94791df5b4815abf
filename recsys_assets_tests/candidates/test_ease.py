"""EASE against the textbook formula, on both sides of the matrix."""

from collections.abc import Callable

import numpy as np
import pytest

from recsys_assets.candidates.ease import fit_ease, fit_ease_liked
from recsys_assets.candidates.history import History
from recsys_assets.config import load_config

CONFIG = load_config({"RECSYS__CANDIDATES__EASE__REGULARIZATION": "2.0"})


def random_items(n_users: int, n_items: int, seed: int) -> dict[str, list[str]]:
    drawn = np.random.default_rng(seed)
    items_of = {
        f"u{user:02}": [f"i{item:02}" for item in np.flatnonzero(drawn.random(n_items) < 0.5)]
        for user in range(n_users)
    }
    items_of["u00"] = [f"i{item:02}" for item in range(n_items)]  # every item exists
    return items_of


def by_textbook(used: np.ndarray, regularization: float, described: np.ndarray | None = None) -> np.ndarray:
    used = used.astype(float)
    rows = used if described is None else np.vstack([used, described])
    inverse = np.linalg.inv(rows.T @ rows + regularization * np.eye(used.shape[1]))
    weights = np.eye(used.shape[1]) - inverse / np.diag(inverse)
    return used @ weights


def everybody(history: History) -> np.ndarray:
    return np.arange(history.shape[0], dtype=np.int32)


@pytest.mark.parametrize(("n_users", "n_items"), [(14, 6), (6, 6), (6, 14)], ids=["items", "square", "users"])
def test_equals_the_dense_textbook_formula(make_history, make_catalogue, n_users, n_items) -> None:
    history = make_history(random_items(n_users, n_items, seed=n_users))
    scores = fit_ease(history, make_catalogue(history), CONFIG)(history, everybody(history))
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, by_textbook(history.interactions.toarray(), 2.0), atol=1e-4)


def test_both_sides_give_the_same_scores(make_history, make_catalogue) -> None:
    items_of = random_items(8, 8, seed=4)
    by_items = make_history(items_of)
    # items of no weight are empty columns: they change no score, but make the users the smaller side
    empty = {("u00", "y"): 0.0, ("u00", "z"): 0.0}
    by_users = make_history(items_of | {"u00": [*items_of["u00"], "y", "z"]}, weights=empty)
    assert by_items.shape == (8, 8)
    assert by_users.shape == (8, 10)
    of_items, of_users = (
        fit_ease(history, make_catalogue(history), CONFIG)(history, everybody(history))
        for history in (by_items, by_users)
    )
    np.testing.assert_allclose(of_users[:, :8], of_items, atol=1e-4)
    np.testing.assert_allclose(of_users[:, 8:], 0, atol=1e-6)


@pytest.mark.parametrize(("n_users", "n_items"), [(14, 8), (6, 14)], ids=["items", "rows"])
def test_terms_count_as_further_users_of_what_they_describe(make_history, make_catalogue, n_users, n_items) -> None:
    history = make_history(random_items(n_users, n_items, seed=n_users))
    genres = {f"i{item:02}": [["war", "love", "crime"][item % 3]] for item in range(n_items)} | {"i00": ["alone"]}
    catalogue = make_catalogue(history, categories=genres)
    names = ["war", "love", "crime"]  # what describes one item alone says nothing of its likeness to others
    described = np.array([[name in genres[item] for item in history.item_ids] for name in names], float)
    config = load_config({"RECSYS__CANDIDATES__EASE": "{regularization: 2.0, terms_weight: 4.0}"})
    scores = fit_ease(history, catalogue, config)(history, everybody(history))
    expected = by_textbook(history.interactions.toarray(), 2.0, 2.0 * described)
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    one = load_config({"RECSYS__CANDIDATES__EASE": "{regularization: 2.0, terms_weight: 4.0, terms: 1}"})
    most_used = described.sum(axis=1).argmax()
    expected = by_textbook(history.interactions.toarray(), 2.0, 2.0 * described[[most_used]])
    np.testing.assert_allclose(fit_ease(history, catalogue, one)(history, everybody(history)), expected, atol=1e-4)


def test_users_without_weight_get_nothing(make_history, make_catalogue) -> None:
    items_of = random_items(5, 9, seed=1) | {"v": ["i03"]}
    history = make_history(items_of, weights={("v", "i03"): 0.0})
    scores = fit_ease(history, make_catalogue(history), CONFIG)(history, everybody(history))
    assert np.abs(scores[-1]).max() == 0


def test_liked_repeats_nothing_where_everything_is_liked(make_history, make_catalogue) -> None:
    history = make_history(random_items(6, 5, seed=2))
    assert (fit_ease_liked(history, make_catalogue(history), CONFIG)(history, everybody(history)) == 0).all()


def test_liked_is_the_formula_over_likes(make_history, make_catalogue) -> None:
    history = make_history(random_items(9, 5, seed=3), not_liked=[("u00", "i00"), ("u00", "i02")])
    scores = fit_ease_liked(history, make_catalogue(history), CONFIG)(history, everybody(history))
    np.testing.assert_allclose(scores, by_textbook(history.liked.toarray(), 2.0), atol=1e-4)
    assert (history.liked != history.interactions).nnz == 2


@pytest.mark.parametrize("fit", [fit_ease, fit_ease_liked])
def test_stays_empty_where_both_sides_are_too_large(make_history, make_catalogue, fit: Callable) -> None:
    history = make_history(random_items(6, 5, seed=2), not_liked=[("u00", "i00")])

    def largest(max_side: int) -> float:
        config = load_config({"RECSYS__CANDIDATES__EASE": f"{{regularization: 2.0, max_side: {max_side}}}"})
        return float(np.abs(fit(history, make_catalogue(history), config)(history, everybody(history))).max())

    assert largest(4) == 0
    assert largest(5) > 0
