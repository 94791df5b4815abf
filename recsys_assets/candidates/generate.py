"""From fitted sources to candidate tables: the best items of every user by each source, and their fusion."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.fusion import Fusion
from recsys_assets.candidates.history import FloatArray, History, IntArray

CELLS_PER_BLOCK = 2_000_000  # users x items, of float32 for every source: 8 MB each

Scorer = Callable[[History, IntArray], FloatArray]
"""A history and positions of n of its users -> n x n_items scores; what is not above zero is no candidate.

The history may be another than the one learnt from, with other users and newer events, but its items are the same.
"""
IndexArray = NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """What one source thinks of a block of users.

    Attributes:
        scores: users x items; 0 where an item is no candidate: consumed, unavailable, or not scored.
        row: of each listed pair, the user's place in the block.
        item: of each listed pair, the item's position.
        rank: of each listed pair, from 1 a user, ties by item_id.
    """

    scores: FloatArray
    row: IndexArray
    item: IndexArray
    rank: IndexArray


def user_blocks(history: History, users: IntArray) -> Iterator[IntArray]:
    """Users, cut into blocks whose scores fit memory."""
    size = max(1, CELLS_PER_BLOCK // max(1, history.shape[1]))
    for start in range(0, len(users), size):
        yield users[start : start + size]


def score_users(history: History, catalogue: Catalogue, scorer: Scorer, users: IntArray) -> FloatArray:
    """Users x items: a source's scores; 0 where an item is no candidate."""
    scores = scorer(history, users)
    consumed = history.consumed[users].tocoo()
    scores[consumed.row, consumed.col] = 0
    scores[:, catalogue.unavailable] = 0
    return np.maximum(scores, 0, out=scores)


def score_block(history: History, catalogue: Catalogue, scorer: Scorer, users: IntArray, per_source: int) -> Scored:
    """A source's scores for some users, and its `per_source` best items for each."""
    scores = score_users(history, catalogue, scorer, users)
    best = best_places(scores, per_source)
    row, column = np.nonzero(np.take_along_axis(scores, best, axis=1) > 0)
    return Scored(scores, row, best[row, column], column + 1)


def list_candidates(history: History, users: IntArray, scored: Scored) -> pl.DataFrame:
    """One source's lists: one row a listed (user, item), with `cutoff`, `user_id`, `item_id`, `score`, `rank`.

    The score is float32 on the source's own scale; rows are sorted by user and rank.
    """
    return _keys(history, users[scored.row], scored.item).with_columns(
        pl.Series("score", scored.scores[scored.row, scored.item], dtype=pl.Float32),
        pl.Series("rank", scored.rank, dtype=pl.Int32),
    )


def fuse_candidates(
    history: History, users: IntArray, scored: Mapping[str, Scored], fusion: Fusion, *, per_source: int, per_user: int
) -> pl.DataFrame:
    """Each user's `per_user` best items by the fusion of all sources.

    One row a (user, item): `cutoff`, `user_id`, `item_id`, `fused_score`, its `rank` (from 1 a user, ties by item_id),
    `n_sources` (how many list it among their `per_source` best), and for every source its score and rank as
    `score_<source>` and `rank_<source>`. The score is there for every candidate that the source gives one, listed by it
    or not (0 where it gives none); the rank is NULL where the source does not list the item.
    """
    fused = fusion.score({name: source.scores for name, source in scored.items()})
    best = best_places(fused, per_user)
    row, column = np.nonzero(np.isfinite(np.take_along_axis(fused, best, axis=1)))
    item = best[row, column]
    opinions: dict[str, pl.Series] = {}
    n_sources = np.zeros(len(item), np.int32)
    for name, source in scored.items():
        ranks = np.zeros(fused.shape, np.int32)
        is_listed = source.rank <= per_source
        ranks[source.row[is_listed], source.item[is_listed]] = source.rank[is_listed]
        own = ranks[row, item]
        n_sources += own > 0
        opinions[f"score_{name}"] = pl.Series(source.scores[row, item], dtype=pl.Float32)
        opinions[f"rank_{name}"] = pl.Series(own, dtype=pl.Int32).replace(0, None)
    return _keys(history, users[row], item).with_columns(
        pl.Series("fused_score", fused[row, item], dtype=pl.Float32),
        pl.Series("rank", column + 1, dtype=pl.Int32),
        pl.Series("n_sources", n_sources, dtype=pl.Int32),
        **opinions,
    )


def _keys(history: History, users: NDArray[np.integer], items: IndexArray) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "cutoff": pl.repeat(history.cutoff, len(users), dtype=pl.String, eager=True),
            "user_id": pl.Series(history.user_ids)[users.astype(np.int64)].cast(pl.String),
            "item_id": pl.Series(history.item_ids)[items].cast(pl.String),
        }
    )


def best_places(scores: NDArray[np.floating], n: int) -> IndexArray:
    """Rows x min(n, columns): each row's places by falling score; ties go to the earlier place."""
    best = _positions_of_largest(scores, min(n, scores.shape[1]))
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1)


def rank_places(scores: NDArray[np.floating], n: int) -> IndexArray:
    """Rows x columns: the rank of each row's n largest scores above zero, from 1, ties by place; 0 elsewhere."""
    n = min(n, scores.shape[1])
    # of the negative: from the other end numpy takes five times longer where most scores are zero
    last = -np.partition(-scores, n - 1, axis=1)[:, n - 1 : n]
    place = np.flatnonzero((scores >= last) & (scores > 0))
    row = place // scores.shape[1]
    order = np.lexsort((-scores.ravel()[place], row))  # a stable sort: places that tie stay in their order
    rank = np.arange(1, len(place) + 1) - np.searchsorted(row, np.arange(len(scores)))[row]
    is_listed = rank <= n
    ranks = np.zeros(scores.size, np.int64)
    ranks[place[order[is_listed]]] = rank[is_listed]
    return ranks.reshape(scores.shape)


def _positions_of_largest(scores: NDArray[np.floating], n: int) -> IndexArray:
    """Rows x n, ascending: where each row's n largest scores are; of those that tie for the last place, the first."""
    last = -np.partition(-scores, n - 1, axis=1)[:, n - 1 : n]
    chosen = scores > last
    ties = scores == last
    open_places = n - chosen.sum(axis=1, dtype=np.int32, keepdims=True)
    chosen |= ties & (ties.cumsum(axis=1, dtype=np.int32) <= open_places)
    return np.nonzero(chosen)[1].reshape(len(scores), n)
