"""Percentile bootstrap over users: intervals of means and of paired differences."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recsys_assets.errors import RecsysError

DRAWN_AT_ONCE = 4_000_000  # user positions in memory at a time: about 100 MB
LEVEL = 0.95


class Interval(NamedTuple):
    """A mean over users and its 95 % interval."""

    mean: float
    low: float
    high: float


def bootstrap_mean_interval(values: ArrayLike, draws: int, seed: int) -> Interval:
    """The mean of one value a user, with its percentile interval over `draws` resamples of the users.

    Raises:
        RecsysError: there are no values, or one is not a number.
    """
    return bootstrap_mean_intervals(np.asarray(values, dtype=np.float64)[:, np.newaxis], draws, seed)[0]


def bootstrap_paired_difference(values: ArrayLike, versus: ArrayLike, draws: int, seed: int) -> Interval:
    """The mean of values - versus, user by user; both hold the same users in the same order.

    Raises:
        RecsysError: the two differ in length, or `bootstrap_mean_interval` refuses the difference.
    """
    ours, theirs = np.asarray(values, dtype=np.float64), np.asarray(versus, dtype=np.float64)
    if ours.shape != theirs.shape:
        raise RecsysError(f"A paired difference needs the same users twice, not {len(ours)} and {len(theirs)} of them.")
    return bootstrap_mean_interval(ours - theirs, draws, seed)


def bootstrap_mean_intervals(columns: NDArray[np.float64], draws: int, seed: int) -> list[Interval]:
    """The interval of each column of a users x columns array; all columns see the same resamples.

    Source: Efron & Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.

    Raises:
        RecsysError: there are no rows, or a value is not finite.
    """
    means = resample_means(columns, draws, seed)
    return [interval_of(mean, resampled) for mean, resampled in zip(means[0], means[1:].T, strict=True)]


def interval_of(value: float, resampled: NDArray[np.float64]) -> Interval:
    """A value with the percentile interval of what the resamples gave for it."""
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(resampled, [tail, 100 - tail])
    return Interval(float(value), float(low), float(high))


def resample_means(columns: NDArray[np.float64], draws: int, seed: int) -> NDArray[np.float64]:
    """(1 + draws) x columns: the columns' means over all users, then over each resample of the users.

    The resamples are those of `numpy.random.default_rng(seed).integers(0, n, n)` drawn `draws` times, so figures
    compare with any evaluation that does this. Each resample is a count a user; its means are counts x columns. Values
    are first put on a grid of powers of two, fine enough (2**-44 for 100 users, 2**-31 for a million) and yet so coarse
    that all sums are exact, so that the result depends on neither the order of summation nor the number of threads.

    Raises:
        RecsysError: there are no rows, or a value is not finite.
    """
    n_users = len(columns)
    if n_users == 0 or not np.isfinite(columns).all():
        raise RecsysError(
            "An interval needs at least one user and a finite value for each: evaluate users with labels."
        )
    largest = max(1.0, float(np.abs(columns).max(initial=0.0)))
    grid = 2.0 ** (51 - np.ceil(np.log2(n_users * largest)))
    exact = np.round(columns * grid) / grid

    generator = np.random.default_rng(seed)
    means = np.empty((1 + draws, columns.shape[1]))
    means[0] = exact.sum(axis=0) / n_users
    at_once = max(1, DRAWN_AT_ONCE // n_users)
    for start in range(0, draws, at_once):
        rows = min(at_once, draws - start)
        drawn = generator.integers(0, n_users, size=(rows, n_users))
        drawn += np.arange(rows)[:, np.newaxis] * n_users
        counts = np.bincount(drawn.ravel(), minlength=rows * n_users).reshape(rows, n_users)
        means[1 + start : 1 + start + rows] = counts.astype(np.float64) @ exact / n_users
    return means
