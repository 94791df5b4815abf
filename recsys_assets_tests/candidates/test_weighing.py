"""Who is weighed by what whom teaches."""

import numpy as np
import pytest
from scipy import sparse

from recsys_assets.candidates import fusion
from recsys_assets.candidates.fusion import Lesson, weigh_equally
from recsys_assets.candidates.weighing import weigh_sources

ITEMS = [f"i{item:02}" for item in range(30)]
USERS = [f"u{user:02}" for user in range(40)]


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch) -> None:
    monkeypatch.setattr(fusion, "MIN_RELEVANT", 20)


@pytest.fixture
def first_cutoff(make_history, make_catalogue):
    """Two sources with opinions of their own, and what the users chose: what `wise` thought best."""
    history = make_history({user: ["old"] for user in USERS} | {"who had all": ITEMS}, serve=USERS)
    drawn = np.random.default_rng(5).random((2, *history.shape)).astype(np.float32)
    scorers = {
        "wise": lambda history, users: drawn[0][users].copy(),
        "noisy": lambda history, users: drawn[1][users].copy(),
    }
    chosen = drawn[0] > 0.8
    chosen[len(USERS) :] = False
    return history, make_catalogue(history), scorers, chosen


def weigh(first_cutoff, chosen, earlier=()):
    history, catalogue, scorers, _ = first_cutoff
    relevant = sparse.csr_matrix(chosen.astype(np.float32))
    return weigh_sources(0, history, catalogue, scorers, list(earlier), relevant)


def test_every_user_is_weighed_once_by_what_the_other_half_teaches(first_cutoff) -> None:
    history, *_, chosen = first_cutoff
    (first, pupils), (second, others) = weigh(first_cutoff, chosen)
    assert sorted([*pupils, *others]) == history.users_to_serve.tolist()
    assert sum(first.weights["wise"]) > 0
    chosen_else = chosen.copy()
    chosen_else[pupils] = np.roll(chosen[pupils], 7, axis=1)
    (first_then, pupils_then), (second_then, _) = weigh(first_cutoff, chosen_else)
    assert pupils_then.tolist() == pupils.tolist()
    assert first_then == first  # what these users chose does not weigh their own candidates,
    assert second_then != second  # but the others'


def test_later_cutoffs_learn_from_earlier_ones_alone(first_cutoff) -> None:
    history, _, scorers, chosen = first_cutoff
    drawn = np.random.default_rng(0).random((400, 6)).astype(np.float32)
    earlier = [Lesson(drawn, drawn[:, 0] > 0.5)]
    ((taught, users),) = weigh(first_cutoff, chosen, earlier)
    assert users.tolist() == history.users_to_serve.tolist()
    assert weigh(first_cutoff, ~chosen, earlier)[0][0] == taught != weigh_equally(scorers)


def test_without_labels_all_sources_weigh_the_same(first_cutoff) -> None:
    history, _, scorers, chosen = first_cutoff
    ((fusion_of_all, users),) = weigh(first_cutoff, np.zeros_like(chosen))
    assert fusion_of_all == weigh_equally(scorers)
    assert users.tolist() == history.users_to_serve.tolist()
