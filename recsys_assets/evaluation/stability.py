"""The population stability index: how far a distribution has moved from an earlier one.

PSI = sum over bins of (q - p) ln(q / p), with p the share of the earlier rows in a bin and q that of the later ones:
the divergence of Jeffreys. Bins are the earlier rows' tenths, what lies below and above all of them, and rows without a
value. By the rule of thumb of credit scoring, below 0.1 nothing has moved, and from 0.25 on the model learnt from
something else (N. Siddiqi, Credit Risk Scorecards, 2006). Chance alone adds about (bins - 1)(1/n + 1/m) (B. Yurdakul,
Statistical Properties of Population Stability Index, 2018).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_BINS = 10
SMALLEST_SHARE = 1e-4  # of an empty bin: its logarithm would be infinite


@dataclass(frozen=True)
class Profile:
    """How the values of some rows are distributed.

    Attributes:
        edges: the highest value of every bin but the last with values, ascending.
        counts: rows a bin, then those without a value (NaN).
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def n_rows(self) -> int:
        """All rows."""
        return int(self.counts.sum())

    @property
    def null_share(self) -> float:
        """Share of the rows without a value; 0 without rows."""
        return float(self.counts[-1] / max(1, self.n_rows))


def build_profile(values: NDArray[np.floating]) -> Profile:
    """The tenths of `values`, fewer where one value fills several; and a bin below and one above all of them."""
    present = values[~np.isnan(values)].astype(np.float64)
    if not len(present):
        return count_into(np.empty(0), values)
    tenths = np.quantile(present, np.arange(1, N_BINS + 1) / N_BINS, method="lower")
    return count_into(np.unique([np.nextafter(present.min(), -np.inf), *tenths]), values)


def count_into(edges: NDArray[np.float64], values: NDArray[np.floating]) -> Profile:
    """Values counted into given bins."""
    present = values[~np.isnan(values)].astype(np.float64)
    bins = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    return Profile(edges, np.append(bins, len(values) - len(present)).astype(np.int64))


def population_stability_index(earlier: Profile, later: Profile) -> float:
    """PSI of two profiles with the same bins; 0 where one has no rows."""
    if not (earlier.n_rows and later.n_rows):
        return 0.0
    p, q = (np.maximum(profile.counts / profile.n_rows, SMALLEST_SHARE) for profile in (earlier, later))
    return float(np.sum((q - p) * np.log(q / p)))
