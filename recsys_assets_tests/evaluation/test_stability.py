from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_assets.evaluation.stability import (
    Profile,
    build_profile,
    count_into,
    population_stability_index,
)

NAN = float("nan")
numbers = st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(-9, 9), st.just(NAN)), min_size=1, max_size=60)


def psi(earlier: list[float], later: list[float]) -> float:
    profile = build_profile(np.array(earlier))
    return population_stability_index(profile, count_into(profile.edges, np.array(later)))


def test_worked_by_hand() -> None:
    edges = np.array([1.0, 2.0])
    earlier, later = Profile(edges, np.array([1, 2, 1, 0])), Profile(edges, np.array([2, 1, 1, 0]))
    # shares .25 .5 .25 0 against .5 .25 .25 0: .25 ln(.5 / .25) - .25 ln(.25 / .5)
    assert population_stability_index(earlier, later) == pytest.approx(0.5 * log(2))
    # half of the rows lost their value; an empty bin counts as a share of 1/10000
    earlier, later = Profile(edges, np.array([0, 4, 0, 0])), Profile(edges, np.array([0, 2, 0, 2]))
    assert population_stability_index(earlier, later) == pytest.approx(-0.5 * log(0.5) + 0.4999 * log(0.5 / 0.0001))


def test_bins_are_tenths_and_what_lies_outside() -> None:
    profile = build_profile(np.arange(1.0, 101.0))
    assert profile.edges[1:].tolist() == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    assert profile.counts.tolist() == [0, *[10] * 10, 0, 0]
    later = count_into(profile.edges, np.array([0.5, 1.0, 10.0, 10.5, 101.0, NAN]))
    assert later.counts.tolist() == [1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]
    assert later.null_share == pytest.approx(1 / 6)


def test_a_value_that_fills_several_tenths_is_one_bin() -> None:
    profile = build_profile(np.array([0.0] * 80 + [1.0] * 20))
    assert profile.counts.tolist() == [0, 80, 20, 0, 0]


def test_a_constant_that_moves_has_moved() -> None:
    assert psi([5.0] * 9, [5.0] * 4) == 0
    assert psi([5.0] * 9, [6.0] * 4) > 9
    assert psi([5.0] * 9, [4.0] * 4) > 9


def test_a_feature_that_goes_missing_has_moved() -> None:
    assert psi([1.0, 2.0, 3.0], [NAN, NAN, NAN]) > 9
    assert psi([NAN, NAN], [NAN]) == 0
    assert psi([NAN, NAN], [1.0]) > 9


def test_without_rows_nothing_is_said() -> None:
    assert psi([1.0, 2.0], []) == 0
    assert psi([], [1.0, 2.0]) == 0


@given(numbers, numbers)
def test_it_is_never_negative_and_zero_for_the_same_rows(earlier: list[float], later: list[float]) -> None:
    assert psi(earlier, later) >= 0
    assert psi(earlier, earlier[::-1]) == 0


@given(numbers, numbers)
def test_no_row_is_lost(earlier: list[float], later: list[float]) -> None:
    profile = build_profile(np.array(earlier))
    assert profile.n_rows == len(earlier)
    assert count_into(profile.edges, np.array(later)).n_rows == len(later)


def test_a_shift_by_one_deviation_is_beyond_the_usual_limit_and_chance_is_not() -> None:
    generator = np.random.default_rng(0)
    earlier = generator.normal(size=5000).tolist()
    assert psi(earlier, generator.normal(size=5000).tolist()) < 0.01
    assert psi(earlier, (generator.normal(size=5000) + 1).tolist()) > 0.5
