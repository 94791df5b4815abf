"""Repeat: the user's own items that may still be offered."""

import pytest

from recsys_assets.candidates.repeat import fit_repeat
from recsys_assets_tests.candidates.lists import generate_candidates


def test_offers_only_what_is_not_consumed_recent_and_heavy_first(make_history, make_catalogue, tiny_home) -> None:
    items = ["cart", *[f"bought{number:02}" for number in range(19)], "viewed", "last"]
    open_pairs = [("u1", "cart"), ("u1", "viewed"), ("u1", "last")]
    history = make_history(
        {"u1": items, "u2": ["other"]},
        weights={("u1", "cart"): 0.6, ("u1", "viewed"): 0.2, ("u1", "last"): 0.0},
        not_consumed=open_pairs,
    )
    catalogue = make_catalogue(history)
    found = generate_candidates(history, catalogue, fit_repeat(history, catalogue, tiny_home), 100)
    # the cart lies 21 events back, the view one; what weighs nothing (taken back) is not offered
    assert found.select("user_id", "item_id").rows() == [("u1", "cart"), ("u1", "viewed")]
    assert found["score"].to_list() == pytest.approx([0.6 * 2 ** (-21 / 20), 0.2 * 2 ** (-1 / 20)], rel=1e-6)
