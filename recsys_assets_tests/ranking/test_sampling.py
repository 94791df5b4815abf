"""Which rows are learnt from."""

import numpy as np
import pytest

from recsys_assets.ranking.sampling import sample_training_rows

LABELS = [[0] * 9 + [1], [0] * 10, [2] + [0] * 9] * 50  # a third of the users has nothing relevant


@pytest.fixture
def frames(make_frame):
    return [make_frame(LABELS), make_frame([[0, 0], [3, 0]])]


def test_users_without_relevant_rows_go_and_all_else_stays_where_it_fits(frames) -> None:
    first, second = sample_training_rows(frames, 10_000, seed=1)
    assert len(first.keys) == 100 * 10
    assert first.group.tolist() == [10] * 100
    assert "u01" not in first.keys["user_id"].to_list()
    assert second.keys.rows() == [("u01", "i00", 3), ("u01", "i01", 0)]


def test_every_relevant_row_stays_and_the_others_are_drawn_to_fit(frames) -> None:
    first, second = sample_training_rows(frames, 501, seed=1)
    assert int((first.labels > 0).sum()) == 100
    assert int((second.labels > 0).sum()) == 1
    n_others = len(first.keys) + len(second.keys) - 101
    assert abs(n_others - 400) < 4 * np.sqrt(901 * (400 / 901) * (501 / 901))  # four standard deviations


def test_relevant_rows_stay_even_where_they_alone_are_too_many(frames) -> None:
    first, _ = sample_training_rows(frames, 50, seed=1)
    assert (first.labels > 0).all()
    assert len(first.keys) == 100


def test_the_seed_decides(frames) -> None:
    rows = [sample_training_rows(frames, 501, seed)[0].keys.rows() for seed in (1, 1, 2)]
    assert rows[0] == rows[1] != rows[2]


def test_no_frames_and_frames_without_labels(make_frame) -> None:
    assert sample_training_rows([], 10, seed=1) == []
    assert len(sample_training_rows([make_frame([[0, 0]])], 10, seed=1)[0].keys) == 0
