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
GROUPS_PER_PLACE = 4  # of a list: with fewer, more reach what the best of n groups reach
MOST_REACHING = 3  # times n: where more of a row reach it, very many tie

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
    n = min(n, scores.shape[1])
    reaches = scores >= _reached_by(scores, n)
    # where hardly n scores are above zero, all the zeros reach it
    is_wide = np.count_nonzero(reaches, axis=1) > MOST_REACHING * n
    if not is_wide.any():
        return _best_among(scores, reaches, n)
    best = np.empty((len(scores), n), np.int64)
    best[is_wide] = _best_of_many_ties(scores[is_wide], n)
    best[~is_wide] = _best_among(scores[~is_wide], reaches[~is_wide], n)
    return best


def rank_places(scores: NDArray[np.floating], n: int) -> IndexArray:
    """Rows x columns: the rank of each row's n largest scores above zero, from 1, ties by place; 0 elsewhere."""
    n = min(n, scores.shape[1])
    place = np.flatnonzero((scores >= _reached_by(scores, n)) & (scores > 0))
    row = place // scores.shape[1]
    order = np.lexsort((-scores.ravel()[place], row))  # a stable sort: places that tie stay in their order
    rank = np.arange(1, len(place) + 1) - np.searchsorted(row, np.arange(len(scores)))[row]
    is_listed = rank <= n
    ranks = np.zeros(scores.size, np.int64)
    ranks[place[order[is_listed]]] = rank[is_listed]
    return ranks.reshape(scores.shape)


def _reached_by(scores: NDArray[np.floating], n: int) -> NDArray[np.floating]:
    """Rows x 1: a score that at least n of the row reach, and but for ties few more.

    The n-th largest of the maxima of groups: to look for the n-th largest of all takes as many times longer as a group
    has members.
    """
    n_rows, n_columns = scores.shape
    size = max(1, n_columns // (GROUPS_PER_PLACE * n)) if n else 1
    n_groups = n_columns // size
    largest = scores[:, : n_groups * size].reshape(n_rows, size, n_groups).max(axis=1) if size > 1 else scores
    # of the negative: from the other end numpy takes five times longer where most scores are zero
    return -np.partition(-largest, n - 1, axis=1)[:, n - 1 : n]


def _best_among(scores: NDArray[np.floating], is_among: NDArray[np.bool_], n: int) -> IndexArray:
    """`best_places` of rows of which only some places, at least n a row, come into question."""
    place = np.flatnonzero(is_among)
    if len(scores) == 1:
        return place[np.argsort(-scores[0, place], kind="stable")[:n]][None, :]
    counts = np.count_nonzero(is_among, axis=1)
    width = int(counts.max(initial=n))
    # rows of one length, the shorter ones filled up with what comes last
    slot = np.arange(len(place)) + np.repeat(np.arange(len(scores)) * width - (np.cumsum(counts) - counts), counts)
    values, places = np.full(len(scores) * width, np.inf, scores.dtype), np.zeros(len(scores) * width, np.int64)
    values[slot], places[slot] = -scores.ravel()[place], place
    order = np.argsort(values.reshape(len(scores), width), axis=1, kind="stable")[:, :n]
    first = np.arange(len(scores))[:, None] * scores.shape[1]
    return np.asarray(np.take_along_axis(places.reshape(len(scores), width), order, axis=1) - first, np.int64)


def _best_of_many_ties(scores: NDArray[np.floating], n: int) -> IndexArray:
    """`best_places` of rows in which very many tie for the last place."""
    last = -np.partition(-scores, n - 1, axis=1)[:, n - 1 : n]
    chosen = scores > last
    ties = scores == last
    open_places = n - chosen.sum(axis=1, dtype=np.int32, keepdims=True)
    chosen |= ties & (ties.cumsum(axis=1, dtype=np.int32) <= open_places)
    return _best_among(scores, chosen, n)
