"""SASRec on a simulated order: after item n comes item n + 1."""

import importlib.util

import numpy as np
import pytest

from recsys_assets import torch_extra
from recsys_assets.candidates.popular import fit_popular
from recsys_assets.candidates.sasrec import fit_sasrec, read_sequences
from recsys_assets.config import load_config
from recsys_assets.errors import RecsysError
from recsys_assets_tests.candidates.conftest import HistoryMaker
from recsys_assets_tests.candidates.lists import generate_candidates

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is not installed: run `make setup-torch`"
)
SMALL = load_config(
    {
        "RECSYS__CANDIDATES__SASREC": "{dimensions: 16, blocks: 1, max_length: 8, max_epochs: 40, learning_rate: 0.01, "
        "dropout: 0.0, patience: 8}"
    }
)
N_ITEMS = 30


def walks(n_users: int = 120) -> dict[str, list[str]]:
    """Each user starts somewhere on a ring and goes on, item by item."""
    drawn = np.random.default_rng(3)
    starts, lengths = drawn.integers(0, N_ITEMS, n_users), drawn.integers(4, 12, n_users)
    return {
        f"u{user:03}": [f"i{(start + step) % N_ITEMS:02}" for step in range(length)]
        for user, (start, length) in enumerate(zip(starts, lengths, strict=True))
    }


def hits(history, catalogue, scorer, items_of) -> float:
    """The share of users whose very first candidate is the item that follows their last one."""
    lists = generate_candidates(history, catalogue, scorer, 1)
    followed = {user: f"i{(int(items[-1][1:]) + 1) % N_ITEMS:02}" for user, items in items_of.items()}
    return float(np.mean([followed[user] == item for user, item in lists.select("user_id", "item_id").iter_rows()]))


@needs_torch
@pytest.mark.parametrize("softmax_items", [4000, 10], ids=["all items", "a sample"])
def test_it_learns_the_order_which_popularity_cannot(make_history: HistoryMaker, make_catalogue, softmax_items) -> None:
    items_of = walks()
    history = make_history(items_of)
    counts = np.bincount(history.pairs["item"])
    catalogue = make_catalogue(history, n_users=dict(zip(history.item_ids.tolist(), counts.tolist(), strict=True)))
    sasrec = SMALL.candidates.sasrec.model_copy(update={"softmax_items": softmax_items})
    config = SMALL.model_copy(update={"candidates": SMALL.candidates.model_copy(update={"sasrec": sasrec})})
    learnt = hits(history, catalogue, fit_sasrec(history, catalogue, config), items_of)
    assert learnt > 0.8
    assert learnt > 5 * hits(history, catalogue, fit_popular(history, catalogue, config), items_of)


@needs_torch
def test_the_seed_alone_decides_it_and_what_is_saved_scores_the_same(make_history, make_catalogue, tmp_path) -> None:
    from recsys_assets.candidates.sasrec_network import load_sasrec

    history = make_history(walks(30))
    users = np.arange(30, dtype=np.int32)
    one, two, other = (
        fit_sasrec(history, make_catalogue(history), SMALL.model_copy(update={"seed": seed})) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one(history, users), two(history, users))
    assert (one(history, users) != other(history, users)).any()
    one.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "weights.safetensors"]
    loaded = load_sasrec(tmp_path)
    sequences, _ = read_sequences(history)
    np.testing.assert_array_equal(loaded.score(sequences), one.model.score(sequences))
    assert loaded.item_ids.tolist() == history.item_ids.tolist()


def test_a_sequence_is_a_users_items_oldest_first_and_only_what_she_liked_is_wanted(make_history) -> None:
    history = make_history(
        {"u": ["c", "a", "b"], "v": ["b", "a"], "w": ["a"]},
        not_liked=[("u", "a"), ("v", "a"), ("v", "b")],
        weights={("w", "a"): 0.0},
    )
    sequences, wanted = read_sequences(history)
    assert [sequence.tolist() for sequence in sequences] == [[2, 0, 1], [1, 0], []]
    assert [of.tolist() for of in wanted] == [[True, False, True], [True, True], []]  # v liked nothing: all of it


def test_without_pytorch_it_is_one_sentence(make_history, make_catalogue, tiny_home, monkeypatch) -> None:
    monkeypatch.setattr(torch_extra, "has_torch", lambda: False)
    history = make_history({"u": ["a", "b"]})
    with pytest.raises(RecsysError, match=r"^candidates.sources names sasrec, which needs PyTorch: run `make"):
        fit_sasrec(history, make_catalogue(history), tiny_home)
