"""Item embeddings against the formula over dense matrices; what cannot be embedded stays out."""

import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import normalize

from recsys_assets.candidates.history import History
from recsys_assets.candidates.item_embeddings import embed_items, fit_item_embeddings
from recsys_assets.config import load_config
from recsys_assets_tests.candidates.lists import generate_candidates


def config_of(dimensions: int, window: int = 2, shift: float = 1.0):
    settings = f"{{dimensions: {dimensions}, window_events: {window}, shift: {shift}}}"
    return load_config({"RECSYS__CANDIDATES__ITEM_EMBEDDINGS": settings})


@pytest.fixture
def history(make_history) -> History:
    drawn = np.random.default_rng(11)
    return make_history(
        {f"u{user}": [f"i{item}" for item in drawn.permutation(8)[: drawn.integers(2, 6)]] for user in range(12)}
    )


def counts_by_loop(history: History, window: int) -> np.ndarray:
    counts = np.zeros((history.shape[1], history.shape[1]))
    for (_,), pairs in pl.DataFrame(dict(history.pairs)).sort("last_recency_rank").group_by("user"):
        items = pairs["item"].to_list()
        for place, item in enumerate(items):
            for gap, other in enumerate(items[place + 1 : place + 1 + window], start=1):
                counts[item, other] += 1 / gap
                counts[other, item] += 1 / gap
    return counts


@pytest.mark.parametrize("shift", [1.0, 1.5])
def test_vectors_span_what_the_formula_says(history, shift) -> None:
    counts = counts_by_loop(history, window=2)
    marginal = counts.sum(axis=1)
    with np.errstate(divide="ignore"):
        pmi = np.log(counts * counts.sum() / np.outer(marginal, marginal)) - np.log(shift)
    left, values, _ = np.linalg.svd(np.maximum(pmi, 0))
    expected = normalize(left[:, :5] * np.sqrt(values[:5]))
    vectors = embed_items(history, config_of(5, shift=shift))
    assert vectors.shape == (8, 5)
    np.testing.assert_allclose(vectors @ vectors.T, expected @ expected.T, atol=2e-3)


def test_companions_come_first(make_history, make_catalogue) -> None:
    left, right = ["a", "b", "c"], ["x", "y", "z"]
    items_of = {f"l{n}": left[n:] + left[:n] for n in range(3)} | {f"r{n}": right[n:] + right[:n] for n in range(3)}
    history = make_history(items_of | {"u": ["a"]}, serve=["u"])
    catalogue = make_catalogue(history)
    found = generate_candidates(history, catalogue, fit_item_embeddings(history, catalogue, config_of(2)), 10)
    assert found["item_id"].to_list()[:2] == ["b", "c"]
    assert found["score"].max() <= 2


def test_a_seed_gives_the_same_bits(history, make_catalogue) -> None:
    first, second = (
        fit_item_embeddings(history, make_catalogue(history), config_of(3))(history, history.users_to_serve)
        for _ in range(2)
    )
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("items_of", [{"u1": ["a"], "u2": ["b"]}, {"u1": ["a"], "u2": ["a"]}])
def test_items_that_never_meet_give_no_candidates(make_history, make_catalogue, items_of) -> None:
    history = make_history(items_of)
    scores = fit_item_embeddings(history, make_catalogue(history), config_of(4))(history, history.users_to_serve)
    assert scores.shape == history.shape
    assert (scores == 0).all()


def test_a_shift_above_every_association_gives_no_candidates(history, make_catalogue) -> None:
    scores = fit_item_embeddings(history, make_catalogue(history), config_of(4, shift=1e9))(
        history, history.users_to_serve
    )
    assert (scores == 0).all()
