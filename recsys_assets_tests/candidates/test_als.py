"""ALS: two tastes, users without likes, the same bits for a seed."""

import numpy as np
import pytest
from scipy import sparse

from recsys_assets.candidates import als
from recsys_assets.candidates.als import choose_als, fit_als
from recsys_assets.config import Config, load_config

LEFT, RIGHT = ["a", "b", "c", "d"], ["w", "x", "y", "z"]


@pytest.fixture
def config() -> Config:
    return load_config({"RECSYS__CANDIDATES__ALS": "{factors: 4, regularization: 0.1, alpha: 5.0, iterations: 8}"})


@pytest.fixture
def history(make_history):
    items_of = {f"l{number}": LEFT[:number] + LEFT[number + 1 :] for number in range(4)}
    items_of |= {f"r{number}": RIGHT[:number] + RIGHT[number + 1 :] for number in range(4)}
    return make_history(items_of | {"n": ["a", "w"]}, not_liked=[("n", "a"), ("n", "w")])


def test_the_missing_item_of_the_own_taste_comes_before_the_other_taste(history, make_catalogue, config) -> None:
    scores = fit_als(history, make_catalogue(history), config)(history, np.arange(9, dtype=np.int32))
    items, users = history.item_ids.tolist(), history.user_ids.tolist()
    for number in range(4):
        of_left, of_right = scores[users.index(f"l{number}")], scores[users.index(f"r{number}")]
        assert of_left[items.index(LEFT[number])] > max(of_left[items.index(item)] for item in RIGHT)
        assert of_right[items.index(RIGHT[number])] > max(of_right[items.index(item)] for item in LEFT)


def test_users_without_likes_get_nothing_and_others_get_every_item(history, make_catalogue, config) -> None:
    scores = fit_als(history, make_catalogue(history), config)(history, np.arange(9, dtype=np.int32))
    n = history.user_ids.tolist().index("n")
    assert (scores[n] == 0).all()
    assert (np.delete(scores, n, axis=0) > 0).all()


def test_a_seed_gives_the_same_bits_and_another_one_others(history, make_catalogue, config) -> None:
    def scores(config: Config) -> bytes:
        return fit_als(history, make_catalogue(history), config)(history, np.arange(9, dtype=np.int32)).tobytes()

    assert scores(config) == scores(config)
    assert scores(config) == scores(config.model_copy(update={"threads": 1}))
    assert scores(config) != scores(config.model_copy(update={"seed": 43}))


def test_nobody_likes_anything(make_history, make_catalogue, config) -> None:
    history = make_history({"u1": ["a", "b"]}, not_liked=[("u1", "a"), ("u1", "b")])
    assert fit_als(history, make_catalogue(history), config)(history, np.array([0], np.int32)).tolist() == [[0, 0]]


def test_the_settings_that_find_what_users_chose_are_taken(history, make_catalogue, config, monkeypatch) -> None:
    """What is missing of her taste is what each user chooses next, and one factor cannot tell the tastes apart."""
    chosen = np.zeros(history.shape, np.float32)
    for number in range(4):
        for side, items in (("l", LEFT), ("r", RIGHT)):
            row = history.user_ids.tolist().index(f"{side}{number}")
            chosen[row, history.item_ids.tolist().index(items[number])] = 1
    monkeypatch.setattr(als, "JUDGED_LENGTH", 1)
    relevant, catalogue = sparse.csr_matrix(chosen), make_catalogue(history)
    bad = config.candidates.als.model_copy(update={"factors": 1, "regularization": 1000.0, "alternatives": ()})
    good = config.candidates.als

    def choose(own, alternatives, relevant=relevant) -> int:
        settings = own.model_copy(update={"alternatives": alternatives})
        candidates = config.candidates.model_copy(update={"als": settings})
        used = config.model_copy(update={"candidates": candidates})
        return choose_als(history, catalogue, used, relevant).candidates.als.factors

    assert choose(bad, (good,)) == 4
    assert choose(good, (bad,)) == 4
    assert choose(bad, ()) == 1
    assert choose(bad, (good,), sparse.csr_matrix(history.shape, dtype=np.float32)) == 1
