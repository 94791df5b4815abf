"""The candidates that the fusion of two sources leaves."""

import numpy as np
import polars as pl
import pytest

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.fusion import weigh_equally
from recsys_assets.candidates.generate import fuse_candidates, score_block, user_blocks
from recsys_assets.candidates.history import History

ITEMS = ["a", "b", "c", "d", "e"]


@pytest.fixture
def shop(make_history, make_catalogue) -> tuple[History, Catalogue]:
    """u1 had e, u2 had d."""
    history = make_history({"u1": ["e"], "u2": ["d"], "u3": ITEMS}, serve=["u1", "u2"])
    return history, make_catalogue(history)


def fuse(shop: tuple[History, Catalogue], per_user: int, per_source: int, **scores: list[list[float]]) -> pl.DataFrame:
    history, catalogue = shop
    (users,) = user_blocks(history, history.users_to_serve)
    scored = {
        name: score_block(
            history, catalogue, lambda history, users, rows=rows: np.array(rows, np.float32)[users], users, per_source
        )
        for name, rows in scores.items()
    }
    return fuse_candidates(history, users, scored, weigh_equally(scored), per_source=per_source, per_user=per_user)


def test_adds_up_the_shares_and_keeps_every_sources_word(shop) -> None:
    popular = [[8, 6, 4, 0, 9], [9, 0, 0, 9, 0]]
    als = [[1, 8, 0, 4, 9], [0, 0, -3, 9, 0]]
    found = fuse(shop, 10, 2, popular=popular, als=als)
    assert found.columns[:6] == ["cutoff", "user_id", "item_id", "fused_score", "rank", "n_sources"]
    assert found.columns[6:] == ["score_popular", "rank_popular", "score_als", "rank_als"]
    # u1 had e. als scores a too, though a is not among its two best: the score is kept, and the rank is not there;
    # c is listed by none and still a candidate
    assert found.rows() == [
        ("live", "u1", "b", 6 / 8 + 1, 1, 2, 6.0, 2, 8.0, 1),
        ("live", "u1", "a", 1 + 1 / 8, 2, 1, 8.0, 1, 1.0, None),
        ("live", "u1", "c", 0.5, 3, 0, 4.0, None, 0.0, None),
        ("live", "u1", "d", 0.5, 4, 1, 0.0, None, 4.0, 2),
        ("live", "u2", "a", 1.0, 1, 1, 9.0, 1, 0.0, None),
    ]


def test_a_cut_among_equals_goes_by_item_id(shop) -> None:
    nothing = [0.0] * 5
    found = fuse(shop, 3, 2, popular=[[0, 0, 9, 8, 0], nothing], als=[[8, 9, 0, 0, 0], nothing])
    assert found["item_id"].to_list() == ["b", "c", "a"]  # b and c tie for the first place, a and d for the third


def test_nobody_to_serve_has_no_block(make_history) -> None:
    history = make_history({"u1": ["a"]}, serve=[])
    assert list(user_blocks(history, history.users_to_serve)) == []
