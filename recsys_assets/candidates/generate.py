"""From a fitted source to its candidate table: the best items of every user, scored and ranked."""

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.history import FloatArray, History, IntArray

CELLS_PER_BLOCK = 16_000_000  # of float32 scores: 64 MB

Scorer = Callable[[IntArray], FloatArray]
"""Positions of n users -> n x n_items scores; higher is better, and whatever is not above zero is no candidate."""


def generate_candidates(history: History, catalogue: Catalogue, scorer: Scorer, per_source: int) -> pl.DataFrame:
    """The `per_source` best items for every user to serve, without consumed and unavailable ones.

    Returns:
        One row a (user, item): `cutoff`, `user_id`, `item_id`, `score` (float32, the source's own scale), `rank` (from
        1, ties by item_id), sorted by user and rank.
    """
    blocks = [_best_items(history, catalogue, users, scorer(users), per_source) for users in _user_blocks(history)]
    users, items, scores, ranks = (
        np.concatenate([block[part] for block in blocks]) if blocks else np.empty(0) for part in range(4)
    )
    return pl.DataFrame(
        {
            "cutoff": pl.repeat(history.cutoff, len(users), dtype=pl.String, eager=True),
            "user_id": pl.Series(history.user_ids)[users.astype(np.int64)].cast(pl.String),
            "item_id": pl.Series(history.item_ids)[items.astype(np.int64)].cast(pl.String),
            "score": pl.Series(scores, dtype=pl.Float32),
            "rank": pl.Series(ranks, dtype=pl.Int32),
        }
    )


def _user_blocks(history: History) -> Iterator[IntArray]:
    size = max(1, CELLS_PER_BLOCK // max(1, history.shape[1]))
    for start in range(0, len(history.users_to_serve), size):
        yield history.users_to_serve[start : start + size]


def _best_items(
    history: History, catalogue: Catalogue, users: IntArray, scores: FloatArray, n: int
) -> tuple[IntArray, NDArray[np.int64], FloatArray, NDArray[np.int64]]:
    consumed = history.consumed[users].tocoo()
    scores[consumed.row, consumed.col] = 0
    scores[:, catalogue.unavailable] = 0
    best = best_places(scores, n)
    best_scores = np.take_along_axis(scores, best, axis=1)
    row, column = np.nonzero(best_scores > 0)
    return users[row], best[row, column], best_scores[row, column], column + 1


def best_places(scores: NDArray[np.floating], n: int) -> NDArray[np.int64]:
    """Rows x min(n, columns): each row's places by falling score; ties go to the earlier place."""
    best = _positions_of_largest(scores, min(n, scores.shape[1]))
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1)


def _positions_of_largest(scores: NDArray[np.floating], n: int) -> NDArray[np.int64]:
    """Rows x n, ascending: where each row's n largest scores are; of those that tie for the last place, the first."""
    last = -np.partition(-scores, n - 1, axis=1)[:, n - 1 : n]
    chosen = scores > last
    ties = scores == last
    open_places = n - chosen.sum(axis=1, dtype=np.int32, keepdims=True)
    chosen |= ties & (ties.cumsum(axis=1, dtype=np.int32) <= open_places)
    return np.nonzero(chosen)[1].reshape(len(scores), n)
