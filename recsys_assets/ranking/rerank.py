"""The step after scoring: caps by category and diversity."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from recsys_assets.settings import RerankConfig

POOL_PER_USER = 100
CELLS_AT_ONCE = 500_000  # of users x items x items, float32: 2 MB
COLUMNS_AT_ONCE = 4_000_000  # of users x terms


@dataclass(frozen=True)
class RerankRules:
    """How a list is put together from scored candidates.

    Attributes:
        length: items a list.
        max_per_category: items of one first category in a list; items without a category are not capped.
        diversity: 0 = by score alone; 1 = only by being unlike the items chosen before.
    """

    length: int
    max_per_category: int
    diversity: float


@dataclass(frozen=True)
class ItemDescriptions:
    """What re-ranking knows of items.

    Attributes:
        positions: item_id -> position.
        vectors: items x terms, rows of length 1.
        first_category: number of each item's first category, -1 where it has none.
    """

    positions: dict[str, int]
    vectors: sparse.csr_matrix
    first_category: NDArray[np.int64]


def pool_size(settings: RerankConfig) -> int:
    """How many of a user's best candidates a list can come from, with these settings."""
    by_score = settings.diversity == 0 and settings.max_per_category >= settings.list_length
    return settings.list_length if by_score else max(POOL_PER_USER, settings.list_length)


def rerank(scored: pl.DataFrame, items: ItemDescriptions, rules: RerankRules) -> pl.DataFrame:
    """Put together each user's list.

    Greedy maximal marginal relevance: the next item is the one with the highest (1 - d) * score - d * similarity, where
    score is scaled to 0..1 over the user's pool and similarity is the largest cosine of its description with a chosen
    item's. Source: Carbonell & Goldstein, "The use of MMR", 1998.

    Args:
        scored: `user_id`, `item_id`, `score`; higher is better.
        items: descriptions, for diversity and caps.
        rules: what to keep to.

    Returns:
        The chosen rows of `scored` with `rank` (from 1), sorted by user_id and rank; score ties go by item_id.
    """
    pool = scored.sort("user_id", "score", "item_id", descending=[False, True, False]).with_columns(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("user_id").alias("rank")
    )
    if rules.diversity == 0 and rules.max_per_category >= rules.length:
        return pool.filter(pl.col("rank") <= rules.length)
    pool = pool.filter(pl.col("rank") <= max(POOL_PER_USER, rules.length))
    chosen, ranks = choose(
        pool["score"].to_numpy(),
        pool["item_id"].replace_strict(items.positions, return_dtype=pl.Int64).to_numpy(),
        pool.group_by("user_id", maintain_order=True).len()["len"].to_numpy().astype(np.int64),
        items,
        rules,
    )
    return pool[chosen].with_columns(pl.Series("rank", ranks, dtype=pl.Int32))


def choose(
    scores: NDArray[np.float64],
    positions: NDArray[np.int64],
    sizes: NDArray[np.int64],
    items: ItemDescriptions,
    rules: RerankRules,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which items make up each user's list: their places, user after user and in the order of her list, and ranks.

    Args:
        scores: of some users' best items, user after user, each one's falling.
        positions: of the items, likewise.
        sizes: how many are each user's.
        items: descriptions.
        rules: what to keep to.
    """
    row = np.repeat(np.arange(len(sizes)), sizes)
    first = np.cumsum(sizes) - sizes
    place = np.arange(len(scores)) - first[row]
    if rules.diversity == 0 and rules.max_per_category >= rules.length:
        listed = np.flatnonzero(place < rules.length)
        return listed, place[listed] + 1
    width = int(sizes.max(initial=1))
    step = max(1, min(CELLS_AT_ONCE // width**2, COLUMNS_AT_ONCE // max(1, items.vectors.shape[1])))
    chosen, ranks = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for start in range(0, len(sizes), step):
        users = slice(int(first[start]), int(first[start] + sizes[start : start + step].sum()))
        pool = _Pool(len(sizes[start : start + step]), width, row[users] - start, place[users])
        picked = _pick(pool, scores[users], positions[users], items, rules)
        is_picked = picked >= 0
        chosen.append((picked + first[start : start + step, None])[is_picked])
        ranks.append(np.nonzero(is_picked)[1] + 1)
    return np.concatenate(chosen), np.concatenate(ranks)


@dataclass(frozen=True)
class _Pool:
    """Items of some users as users x width, filled up to the same width: where each of the flat values stands."""

    n_users: int
    width: int
    row: NDArray[np.int64]
    column: NDArray[np.int64]

    def spread(self, values: NDArray[Any], filled: float) -> NDArray[Any]:
        """Users x width."""
        spread = np.full((self.n_users, self.width), filled, values.dtype)
        spread[self.row, self.column] = values
        return spread


def _pick(
    pool: _Pool,
    scores: NDArray[np.float64],
    positions: NDArray[np.int64],
    items: ItemDescriptions,
    rules: RerankRules,
) -> NDArray[np.int64]:
    """Users x length: columns in the order of the list, -1 below its end."""
    is_open = pool.spread(np.ones(len(scores), np.bool_), False)
    relevance = (1 - rules.diversity) * _scale(pool, scores)
    categories = pool.spread(items.first_category[positions], -1)
    similarity = _similarities(pool, items.vectors[positions]) if rules.diversity > 0 else None
    nearest = np.zeros(is_open.shape)
    users = np.arange(pool.n_users)
    picked = np.full((pool.n_users, rules.length), -1)
    picked_categories = np.full(picked.shape, -1)
    for rank in range(min(rules.length, pool.width)):
        best = np.argmax(np.where(is_open, relevance - rules.diversity * nearest, -np.inf), axis=1)
        is_left = is_open[users, best]
        picked[is_left, rank] = best[is_left]
        is_open[users, best] = False
        category = categories[users, best]
        picked_categories[:, rank] = category
        is_full = (category >= 0) & ((picked_categories == category[:, None]).sum(axis=1) >= rules.max_per_category)
        is_open &= (categories != category[:, None]) | ~is_full[:, None]
        if similarity is not None:
            np.maximum(nearest, similarity[users, best], out=nearest)
    return picked


def _scale(pool: _Pool, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Users x width: scores as 0..1 of each user's; 1 where hers are all the same."""
    lowest = pool.spread(scores, np.inf).min(axis=1, keepdims=True)
    highest = pool.spread(scores, -np.inf).max(axis=1, keepdims=True)
    spread = highest - lowest
    scaled = (pool.spread(scores, 0.0) - lowest) / np.where(spread > 0, spread, 1)
    return np.where(spread > 0, scaled, 1.0)


def _similarities(pool: _Pool, vectors: sparse.csr_matrix) -> NDArray[np.float32]:
    """Users x width x width: the cosines of each user's items."""
    # one product for all: each user's vectors stand in columns of their own, so that nobody's meet another's
    n_terms = vectors.shape[1]
    columns = vectors.indices + np.repeat(pool.row * n_terms, np.diff(vectors.indptr))
    apart = sparse.csr_matrix(
        (vectors.data, columns, vectors.indptr), shape=(vectors.shape[0], pool.n_users * max(1, n_terms))
    )
    products = (apart @ apart.T).tocoo()
    similarity = np.zeros((pool.n_users, pool.width, pool.width), np.float32)
    similarity[pool.row[products.row], pool.column[products.row], pool.column[products.col]] = products.data
    return similarity
