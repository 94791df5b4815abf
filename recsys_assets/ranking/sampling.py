"""Which candidates of the labelled cutoffs the ranker learns from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recsys_assets.ranking.frame import RankingFrame


def sample_training_rows(frames: Sequence[RankingFrame], max_rows: int, seed: int) -> list[RankingFrame]:
    """Of each cutoff's frame: the rows of users with a label among their candidates.

    All of their relevant rows, and of the others, drawn at one rate for all cutoffs, about as many as `max_rows` in
    total allows.
    """
    usable = [frame.take(_of_users_with_labels(frame)) for frame in frames]
    n_relevant = sum(int((frame.labels > 0).sum()) for frame in usable)
    n_others = sum(len(frame.keys) for frame in usable) - n_relevant
    rate = min(1.0, max(0, max_rows - n_relevant) / max(1, n_others))
    generator = np.random.default_rng(seed)
    return [frame.take((frame.labels > 0) | (generator.random(len(frame.keys)) < rate)) for frame in usable]


def _of_users_with_labels(frame: RankingFrame) -> NDArray[np.bool_]:
    relevant = np.bincount(frame.qid, weights=frame.labels > 0, minlength=len(frame.group)) > 0
    return np.asarray(relevant[frame.qid], np.bool_)
