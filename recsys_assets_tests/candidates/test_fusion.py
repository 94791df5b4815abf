"""The fusion's weights: what it learns, from whom, and what it says."""

import numpy as np
import pytest
from scipy import sparse

from recsys_assets.candidates import fusion as fusion_module
from recsys_assets.candidates.fusion import Fusion, average, draw_lesson, learn_fusion, weigh_equally
from recsys_assets.candidates.history import FloatArray, History

N_USERS, N_ITEMS = 60, 40


@pytest.fixture
def world(make_history) -> tuple[History, dict[str, FloatArray], sparse.csr_matrix]:
    """`wise` scores what is relevant higher; `noisy` scores at random; `silent` scores nothing."""
    history = make_history({f"u{user:02}": [f"i{item:02}" for item in range(N_ITEMS)] for user in range(N_USERS)})
    drawn = np.random.default_rng(7)
    relevant = drawn.random((N_USERS, N_ITEMS)) < 0.2
    scores = {
        "wise": (relevant + drawn.random((N_USERS, N_ITEMS))).astype(np.float32),
        "noisy": drawn.random((N_USERS, N_ITEMS)).astype(np.float32),
        "silent": np.zeros((N_USERS, N_ITEMS), np.float32),
    }
    return history, scores, sparse.csr_matrix(relevant.astype(np.float32))


def learn(world, blocks: int = 1, seed: int = 0) -> Fusion:
    history, scores, relevant = world
    lessons = [
        draw_lesson(seed, {name: values[users] for name, values in scores.items()}, users, relevant, N_USERS)
        for users in np.array_split(history.users_to_serve, blocks)
    ]
    return learn_fusion(lessons, scores)


def separation(scores: FloatArray, relevant: sparse.csr_matrix) -> float:
    """The chance that a relevant item stands above another one."""
    is_relevant = relevant.toarray() > 0
    return float((scores[is_relevant][:, None] > scores[~is_relevant][None, :]).mean())


def test_the_source_that_was_right_weighs_most(world) -> None:
    _, scores, relevant = world
    learnt = learn(world)
    assert set(learnt.weights) == set(scores)
    assert learnt.weights["silent"] == (0.0, 0.0, 0.0)
    assert sum(map(abs, learnt.weights["wise"])) > 3 * sum(map(abs, learnt.weights["noisy"]))
    assert separation(learnt.score(scores), relevant) > separation(weigh_equally(scores).score(scores), relevant) + 0.1


def test_blocks_of_users_do_not_matter_and_the_draw_repeats(world, monkeypatch) -> None:
    monkeypatch.setattr(fusion_module, "OTHERS_PER_CUTOFF", 600)
    assert learn(world) == learn(world) == learn(world, blocks=7)
    assert learn(world) != learn(world, seed=1)


def test_with_few_labels_all_sources_weigh_the_same(world, monkeypatch) -> None:
    _, scores, relevant = world
    assert learn_fusion([], scores) == weigh_equally(scores)
    monkeypatch.setattr(fusion_module, "MIN_RELEVANT", relevant.nnz + 1)
    assert learn(world) == weigh_equally(scores)


def test_the_average_of_two_fusions() -> None:
    assert average([Fusion({"a": (1.0, 0.0, 2.0)}), Fusion({"a": (3.0, 0.0, -2.0)})]) == Fusion({"a": (2.0, 0.0, 0.0)})


def test_what_no_source_scores_is_never_a_candidate() -> None:
    scores = {"a": np.array([[2, 0, 1]], np.float32), "b": np.array([[0, 0, 4]], np.float32)}
    fused = Fusion({"a": (1.0, 0.0, 0.0), "b": (-3.0, 1.0, 2.0)}).score(scores)
    assert fused.tolist() == [[1.0, -np.inf, 0.5 - 3 + 1 + 2]]


def test_one_user_s_fusion_is_that_of_many_to_the_bit(world) -> None:
    _, scores, _ = world
    weights = np.random.default_rng(3).normal(size=(3, 3))
    weights[1, 2] = 0
    fusion = Fusion({source: tuple(own) for source, own in zip(scores, weights.tolist(), strict=True)})
    scores["wise"][:, :5], scores["noisy"][:, :5] = 0, 0
    together = fusion.score(scores)
    for user in range(N_USERS):
        alone = fusion.score_one(np.stack([values[user] for values in scores.values()]))
        np.testing.assert_array_equal(alone, together[user])
