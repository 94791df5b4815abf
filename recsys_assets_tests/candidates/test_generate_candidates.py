"""From scores to candidate rows: who and what is left out, ranks and ties."""

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recsys_assets.candidates import generate
from recsys_assets.candidates.generate import Scorer
from recsys_assets_tests.candidates.lists import SCHEMA, generate_candidates


def always(scores: list[list[float]] | NDArray[np.float32]) -> Scorer:
    return lambda history, users: np.array(scores, np.float32)[users]


def rows(candidates: pl.DataFrame) -> list[tuple[str, str, int]]:
    return candidates.select("user_id", "item_id", "rank").rows()


def test_best_first_without_consumed_unavailable_and_unscored_items(make_history, make_catalogue) -> None:
    history = make_history({"u1": ["a", "b", "c"], "u2": ["d", "e"]}, not_consumed=[("u1", "b")])
    catalogue = make_catalogue(history, unavailable=["d"])
    found = generate_candidates(history, catalogue, always([[9, 1, 9, 9, 3], [2, 0, -1, 9, 9]]), 10)
    assert found.schema == SCHEMA
    assert found.rows() == [("live", "u1", "e", 3.0, 1), ("live", "u1", "b", 1.0, 2), ("live", "u2", "a", 2.0, 1)]


def test_equal_scores_go_by_item_id_even_where_the_list_is_cut(make_history, make_catalogue) -> None:
    items = [f"i{number:02}" for number in range(40)]
    history = make_history({"u1": ["zz"], "u2": items})
    scores = np.ones((2, 41), np.float32)
    scores[0, [37, 11]] = 2
    found = generate_candidates(history, make_catalogue(history), always(scores), 5)
    assert rows(found) == [
        ("u1", "i11", 1),
        ("u1", "i37", 2),
        ("u1", "i00", 3),
        ("u1", "i01", 4),
        ("u1", "i02", 5),
        ("u2", "zz", 1),
    ]


def test_only_users_to_serve_get_lists(make_history, make_catalogue) -> None:
    history = make_history({"u1": ["a"], "u2": ["b"], "u3": ["c"]}, serve=["u3", "u1", "stranger"], cutoff="test")
    found = generate_candidates(history, make_catalogue(history), always(np.ones((3, 3))), 1)
    assert rows(found) == [("u1", "b", 1), ("u3", "a", 1)]
    assert found["cutoff"].unique().to_list() == ["test"]


@pytest.mark.parametrize("items_of", [{}, {"u1": ["a"]}])
def test_nobody_and_nothing_left_give_an_empty_table_of_the_same_shape(make_history, make_catalogue, items_of) -> None:
    history = make_history(items_of)
    found = generate_candidates(
        history, make_catalogue(history), lambda history, users: np.ones((len(users), 1), np.float32), 3
    )
    assert found.schema == SCHEMA
    assert found.is_empty()


def test_blocks_of_users_give_the_same_rows(make_history, make_catalogue, monkeypatch) -> None:
    history = make_history({f"u{number}": [f"i{number}"] for number in range(7)})
    scores = np.random.default_rng(3).random((7, 7))
    at_once = generate_candidates(history, make_catalogue(history), always(scores), 4)
    monkeypatch.setattr(generate, "CELLS_PER_BLOCK", 15)  # two users a block
    assert generate_candidates(history, make_catalogue(history), always(scores), 4).equals(at_once)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_lists_are_the_sorted_open_items(make_history, make_catalogue, data) -> None:
    n_items = data.draw(st.integers(1, 9))
    items = [f"i{number}" for number in range(n_items)]
    consumed = {user: data.draw(st.sets(st.sampled_from(items), min_size=1)) for user in ("u1", "u2")}
    history = make_history({user: sorted(own) for user, own in consumed.items()} | {"u3": items}, serve=["u1", "u2"])
    unavailable = data.draw(st.sets(st.sampled_from(items)))
    scores = data.draw(
        st.lists(st.lists(st.integers(-1, 3), min_size=n_items, max_size=n_items), min_size=3, max_size=3)
    )
    per_source = data.draw(st.integers(1, 10))
    expected = []
    for user, row in zip(("u1", "u2"), scores, strict=False):
        is_open = [item not in consumed[user] | unavailable for item in items]
        best = sorted(
            (-score, item) for score, item, keep in zip(row, items, is_open, strict=True) if keep and score > 0
        )
        expected += [(user, item, rank) for rank, (_, item) in enumerate(best[:per_source], start=1)]
    catalogue = make_catalogue(history, unavailable=unavailable)
    assert rows(generate_candidates(history, catalogue, always(scores), per_source)) == expected
