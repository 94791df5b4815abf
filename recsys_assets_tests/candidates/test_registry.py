"""Every source at the edges of what a history can be."""

import importlib.util

import numpy as np
import pytest

from recsys_assets.candidates.registry import SOURCES, load_source
from recsys_assets_tests.candidates.lists import generate_candidates

EACH_SOURCE = [
    pytest.param(
        source,
        marks=pytest.mark.skipif(
            source == "sasrec" and importlib.util.find_spec("torch") is None,
            reason="PyTorch is not installed: run `make setup-torch`",
        ),
    )
    for source in SOURCES
]


def test_every_source_is_configured_but_the_one_that_needs_an_extra(
    tiny_home,
) -> None:
    assert {*tiny_home.candidates.sources, "sasrec"} == set(SOURCES)
    assert len(tiny_home.candidates.sources) == len(SOURCES) - 1


@pytest.mark.parametrize("source", EACH_SOURCE)
@pytest.mark.parametrize(
    "items_of",
    [{}, {"u1": ["a"]}, {"u1": ["a", "b", "c"]}, {"u1": ["a"], "u2": ["a"], "u3": ["a"]}],
    ids=["nobody", "one of each", "one user", "one item"],
)
@pytest.mark.parametrize("weight", [1.0, 0.0])
def test_the_smallest_histories_give_finite_scores_and_nothing_to_offer(
    make_history, make_catalogue, tiny_home, source, items_of, weight
) -> None:
    pairs = [(user, item) for user, items in items_of.items() for item in items]
    history = make_history(
        items_of, weights=dict.fromkeys(pairs, weight), not_liked=pairs if weight == 0 else [], serve=list(items_of)
    )
    catalogue = make_catalogue(history, n_users=dict.fromkeys(history.item_ids.tolist(), 1))
    scorer = SOURCES[source](history, catalogue, tiny_home)
    if items_of:
        assert np.isfinite(scorer(history, history.users_to_serve)).all()
    assert generate_candidates(history, catalogue, scorer, 100).is_empty()  # everything there is was consumed


@pytest.mark.parametrize("source", EACH_SOURCE)
def test_a_scorer_scores_a_user_the_same_in_any_company(make_history, make_catalogue, tiny_home, source) -> None:
    drawn = np.random.default_rng(8)
    items_of = {f"u{user}": [f"i{item}" for item in drawn.permutation(9)[: drawn.integers(2, 6)]] for user in range(8)}
    history = make_history(items_of, not_liked=[("u1", items_of["u1"][0])])
    catalogue = make_catalogue(history, n_users={"i0": 2}, slow={"i0": 1.0}, fast={"i0": 1.0})
    scorer = SOURCES[source](history, catalogue, tiny_home)
    together = scorer(history, np.arange(8, dtype=np.int32))
    alone = np.vstack([scorer(history, np.array([user], np.int32)) for user in range(8)])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)
    assert together.shape == history.shape


@pytest.mark.parametrize("source", EACH_SOURCE)
def test_a_saved_scorer_scores_as_before_and_knows_users_who_came_later(
    make_history, make_catalogue, tiny_home, tmp_path, source
) -> None:
    drawn = np.random.default_rng(8)
    items_of = {f"u{user}": [f"i{item}" for item in drawn.permutation(9)[: drawn.integers(2, 6)]] for user in range(8)}
    history = make_history(items_of)
    catalogue = make_catalogue(
        history, n_users={"i0": 2}, categories={f"i{n}": ["odd", "even"][: n % 3] for n in range(9)}
    )
    everybody = np.arange(8, dtype=np.int32)
    fitted = SOURCES[source](history, catalogue, tiny_home)
    fitted.save(tmp_path)
    loaded = load_source(tmp_path, history)
    np.testing.assert_array_equal(loaded(history, everybody), fitted(history, everybody))
    later = make_history({"later": items_of["u3"], "u3": items_of["u3"]}, item_ids=history.item_ids)
    scores = loaded(later, np.array([0, 1], np.int32))
    np.testing.assert_allclose(scores[1], fitted(history, everybody)[3], rtol=1e-4, atol=1e-5)
    if source != "user_knn":  # to whom the user of before is a neighbour
        np.testing.assert_allclose(scores[0], scores[1], rtol=1e-4, atol=1e-5)
