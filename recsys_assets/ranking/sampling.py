"""Which candidates of the labelled cutoffs the ranker learns from."""

from collections.abc import Sequence

import numpy as np
import polars as pl

IS_RELEVANT = pl.col("relevance_label") > 0


def sample_training_rows(candidates: Sequence[pl.DataFrame], max_rows: int, seed: int) -> list[pl.DataFrame]:
    """Of each cutoff's candidates: the rows of users with a label among them.

    All of their relevant rows, and of the others, drawn at one rate for all cutoffs, about as many as `max_rows` in
    total allows.

    Args:
        candidates: `user_id`, `item_id`, `relevance_label`, of a cutoff each.
        max_rows: of all cutoffs together.
        seed: of the draw.
    """
    usable = [rows.filter(IS_RELEVANT.any().over("user_id")) for rows in candidates]
    n_relevant = sum(rows.filter(IS_RELEVANT).height for rows in usable)
    n_others = sum(map(len, usable)) - n_relevant
    rate = min(1.0, max(0, max_rows - n_relevant) / max(1, n_others))
    generator = np.random.default_rng(seed)
    return [rows.filter(IS_RELEVANT | pl.Series(generator.random(len(rows)) < rate)) for rows in usable]
