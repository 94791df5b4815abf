"""What choosing the best of many trials is worth on users that the choice did not look at."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

N_SPLITS = 20


def cross_fitted_gains(
    ndcg: NDArray[np.float64], user_ids: Sequence[str], n_splits: int = N_SPLITS
) -> NDArray[np.float64]:
    """Each user's gain over the first trial, from trials that were chosen on other users.

    A hash of user_id cuts the users into halves; the best trial of each half is judged on the other one. That is done
    with `n_splits` hashes and averaged, since one cut is a lottery of its own. Needs no training. Source: Stone,
    "Cross-validatory choice and assessment of statistical predictions", 1974.

    Args:
        ndcg: trials x users; the first trial is what is compared with.
        user_ids: one id a column.
        n_splits: how many times the users are cut.

    Returns:
        One value a user; their mean says what the best trial may be expected to bring.
    """
    gains = np.zeros(ndcg.shape[1])
    for split in range(n_splits):
        half = np.array([hashlib.sha256(f"{split} {user_id}".encode()).digest()[0] % 2 for user_id in user_ids])
        for chosen_on in (0, 1):
            seen = half == chosen_on
            best = int(ndcg[:, seen].mean(axis=1).argmax()) if seen.any() else 0
            gains[~seen] += ndcg[best, ~seen] - ndcg[0, ~seen]
    return gains / n_splits
