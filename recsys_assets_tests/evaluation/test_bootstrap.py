import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_assets.errors import RecsysError
from recsys_assets.evaluation import bootstrap
from recsys_assets.evaluation.bootstrap import (
    bootstrap_mean_interval,
    bootstrap_mean_intervals,
    bootstrap_paired_difference,
)


def percentile_bootstrap(values: np.ndarray, draws: int, seed: int) -> tuple[float, float]:
    """The textbook loop, a resample at a time."""
    generator = np.random.default_rng(seed)
    means = [values[generator.integers(0, len(values), len(values))].mean() for _ in range(draws)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@pytest.mark.parametrize("n_users", [1, 2, 37, 500])
@pytest.mark.parametrize("seed", [0, 7])
def test_it_equals_the_textbook_loop(n_users: int, seed: int) -> None:
    values = np.random.default_rng(n_users).random(n_users)
    interval = bootstrap_mean_interval(values, draws=200, seed=seed)
    assert (interval.low, interval.high) == pytest.approx(percentile_bootstrap(values, 200, seed), abs=1e-12)
    assert interval.mean == pytest.approx(values.mean(), abs=1e-12)


def test_by_hand() -> None:
    # with one value there is nothing to resample; 0 and 1 in equal parts have means 0, 1/2 and 1
    assert bootstrap_mean_interval([0.25], draws=50, seed=3) == (0.25, 0.25, 0.25)
    assert bootstrap_mean_interval([0.0, 1.0], draws=400, seed=3) == (0.5, 0.0, 1.0)


def test_how_much_is_drawn_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = np.random.default_rng(5).random((41, 3))
    whole = bootstrap_mean_intervals(columns, draws=100, seed=2)
    monkeypatch.setattr(bootstrap, "DRAWN_AT_ONCE", 130)  # three resamples at a time
    assert bootstrap_mean_intervals(columns, draws=100, seed=2) == whole


def test_columns_are_resampled_together() -> None:
    columns = np.random.default_rng(5).random((30, 2))
    together = bootstrap_mean_intervals(columns, draws=100, seed=2)
    assert together == [bootstrap_mean_interval(columns[:, index], draws=100, seed=2) for index in (0, 1)]


def test_a_paired_difference_is_that_of_the_same_users() -> None:
    values = np.array([0.1, 0.9, 0.4, 0.6])
    difference = bootstrap_paired_difference(values, values - 0.125, draws=100, seed=0)
    assert difference == pytest.approx((0.125, 0.125, 0.125), abs=1e-12)  # noise between users cancels out


def test_the_seed_decides() -> None:
    values = np.random.default_rng(5).random(50)
    assert bootstrap_mean_interval(values, 100, seed=1) == bootstrap_mean_interval(values, 100, seed=1)
    assert bootstrap_mean_interval(values, 100, seed=1) != bootstrap_mean_interval(values, 100, seed=2)


@given(values=st.lists(st.floats(-20, 20), min_size=1, max_size=40), seed=st.integers(0, 9))
def test_the_interval_lies_within_the_values(values: list[float], seed: int) -> None:
    interval = bootstrap_mean_interval(values, draws=60, seed=seed)
    slack = 1e-10
    assert min(values) - slack <= interval.low <= interval.high <= max(values) + slack


@given(order=st.permutations(range(12)))
def test_the_mean_does_not_depend_on_the_order_of_users(order: list[int]) -> None:
    values = np.random.default_rng(8).random(12)
    assert bootstrap_mean_interval(values[order], 10, 0).mean == bootstrap_mean_interval(values, 10, 0).mean


@pytest.mark.parametrize("values", [[], [0.5, float("nan")]])
def test_no_users_or_no_number_is_refused(values: list[float]) -> None:
    with pytest.raises(RecsysError, match="at least one user and a finite value"):
        bootstrap_mean_interval(values, draws=10, seed=0)


def test_a_difference_of_unequal_users_is_refused() -> None:
    with pytest.raises(RecsysError, match="not 2 and 1 of them"):
        bootstrap_paired_difference([0.1, 0.2], [0.1], draws=10, seed=0)
