import numpy as np
import pytest

from recsys_assets.experiments.halves import cross_fitted_gains

USERS = [f"u{number}" for number in range(400)]


def test_a_trial_that_is_better_for_everybody_keeps_its_whole_gain() -> None:
    ndcg = np.full((3, 400), 0.2)
    ndcg[2] += 0.1
    assert cross_fitted_gains(ndcg, USERS) == pytest.approx(np.full(400, 0.1))


def test_one_trial_gains_nothing() -> None:
    assert cross_fitted_gains(np.random.default_rng(0).random((1, 400)), USERS).tolist() == [0] * 400


def test_the_luckiest_of_equal_trials_gains_nothing_on_other_users() -> None:
    drawn = [np.random.default_rng(seed).random((30, 400)) for seed in range(25)]
    lucky = np.mean([ndcg.mean(axis=1).max() - ndcg[0].mean() for ndcg in drawn])
    expected = np.mean([cross_fitted_gains(ndcg, USERS).mean() for ndcg in drawn])
    assert lucky > 0.02
    assert abs(expected) < lucky / 3


@pytest.mark.parametrize("user_ids", [[], ["u1"], ["u1", "u2"]])
def test_halves_may_be_empty(user_ids: list[str]) -> None:
    assert np.isfinite(cross_fitted_gains(np.ones((2, len(user_ids))), user_ids)).all()
