"""Which rows are learnt from."""

import numpy as np
import polars as pl
import pytest

from recsys_assets.ranking.sampling import sample_training_rows

LABELS = [[0] * 9 + [1], [0] * 10, [2] + [0] * 9] * 50  # a third of the users has nothing relevant


@pytest.fixture
def candidates(make_frame) -> list[pl.DataFrame]:
    return [make_frame(LABELS).keys, make_frame([[0, 0], [3, 0]]).keys]


def n_relevant(rows: pl.DataFrame) -> int:
    return rows.filter(pl.col("relevance_label") > 0).height


def test_users_without_relevant_rows_go_and_all_else_stays_where_it_fits(candidates) -> None:
    first, second = sample_training_rows(candidates, 10_000, seed=1)
    assert first["user_id"].value_counts()["count"].to_list() == [10] * 100
    assert "u01" not in first["user_id"].to_list()
    assert second.rows() == [("u01", "i00", 3), ("u01", "i01", 0)]


def test_every_relevant_row_stays_and_the_others_are_drawn_to_fit(candidates) -> None:
    first, second = sample_training_rows(candidates, 501, seed=1)
    assert (n_relevant(first), n_relevant(second)) == (100, 1)
    n_others = len(first) + len(second) - 101
    assert abs(n_others - 400) < 4 * np.sqrt(901 * (400 / 901) * (501 / 901))  # four standard deviations


def test_relevant_rows_stay_even_where_they_alone_are_too_many(candidates) -> None:
    first, _ = sample_training_rows(candidates, 50, seed=1)
    assert n_relevant(first) == len(first) == 100


def test_the_seed_decides(candidates) -> None:
    rows = [sample_training_rows(candidates, 501, seed)[0].rows() for seed in (1, 1, 2)]
    assert rows[0] == rows[1] != rows[2]


def test_no_candidates_and_candidates_without_labels(make_frame) -> None:
    assert sample_training_rows([], 10, seed=1) == []
    assert len(sample_training_rows([make_frame([[0, 0]]).keys], 10, seed=1)[0]) == 0
