"""Item-kNN against the formula, written out over dense matrices."""

import warnings

import numpy as np
import pytest

from recsys_assets.candidates.history import History
from recsys_assets.candidates.item_knn import fit_item_knn, fit_item_knn_plain
from recsys_assets.config import Config, load_config
from recsys_assets.settings import Bm25Config


def random_world(seed: int, n_users: int = 9, n_items: int = 7) -> dict[str, list[str]]:
    drawn = np.random.default_rng(seed)
    return {
        f"u{user}": [f"i{item}" for item in drawn.permutation(n_items)[: drawn.integers(2, 5)]]
        for user in range(n_users)
    }


def neighbours_by_formula(history: History, settings: Bm25Config) -> np.ndarray:
    used = history.interactions.toarray().T.astype(float)  # items x users
    rarity = np.log(len(used)) - np.log1p(used.sum(axis=0))
    length = 1 - settings.b + settings.b * used.sum(axis=1) / used.sum(axis=1).mean()
    weighted = used * (settings.k1 + 1) / (settings.k1 * length[:, None] + used) * rarity
    similarity = weighted @ weighted.T
    smallest = -np.sort(-similarity, axis=1)[:, min(settings.neighbours, len(used)) - 1, None]
    similarity[similarity < smallest] = 0
    np.fill_diagonal(similarity, 0)
    return similarity


def by_formula(history: History, config: Config) -> np.ndarray:
    settings = config.candidates.item_knn
    recent = np.zeros(history.shape)
    for user, item, rank in zip(*(history.pairs[name] for name in ("user", "item", "last_recency_rank")), strict=True):
        recent[user, item] = 0.5 ** ((rank - 1) / settings.half_life_events)
    return recent @ neighbours_by_formula(history, settings)


@pytest.mark.parametrize("neighbours", [100, 3])
def test_equals_the_dense_formula(make_history, make_catalogue, neighbours) -> None:
    config = load_config(
        {
            "RECSYS__CANDIDATES__ITEM_KNN__NEIGHBOURS": str(neighbours),
            "RECSYS__CANDIDATES__ITEM_KNN__HALF_LIFE_EVENTS": "2",
        }
    )
    history = make_history(random_world(5))
    scores = fit_item_knn(history, make_catalogue(history), config)(history, history.users_to_serve)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, by_formula(history, config), rtol=1e-5, atol=1e-6)
    assert (scores > 0).any()


def test_the_plain_one_counts_all_items_alike(make_history, make_catalogue, tiny_home) -> None:
    history = make_history(random_world(5))
    scores = fit_item_knn_plain(history, make_catalogue(history), tiny_home)(history, history.users_to_serve)
    expected = history.interactions.toarray() @ neighbours_by_formula(history, tiny_home.candidates.item_knn_plain)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)


def test_items_that_weigh_nothing_are_no_neighbours_and_no_trouble(make_history, make_catalogue, tiny_home) -> None:
    world = random_world(6)
    history = make_history(world | {"u0": [*world["u0"], "taken_back"]}, weights={("u0", "taken_back"): 0.0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = fit_item_knn(history, make_catalogue(history), tiny_home)(history, history.users_to_serve)
    assert history.item_ids[-1] == "taken_back"
    assert (scores[:, -1] == 0).all()
