"""The step after scoring: caps by category and diversity."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from recsys_assets.settings import RerankConfig

POOL_PER_USER = 100


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
    positions = pool["item_id"].replace_strict(items.positions, return_dtype=pl.Int64).to_numpy()
    scores = pool["score"].to_numpy()
    ends = np.cumsum(pool.group_by("user_id", maintain_order=True).len()["len"].to_numpy().astype(np.int64))
    chosen, ranks, start = [], [], 0
    for end in ends:
        picked = choose(scores[start:end], positions[start:end], items, rules)
        chosen.append(start + picked)
        ranks.append(np.arange(1, len(picked) + 1))
        start = end
    if not chosen:
        return pool
    return pool[np.concatenate(chosen)].with_columns(pl.Series("rank", np.concatenate(ranks), dtype=pl.Int32))


def choose(
    scores: NDArray[np.float64], positions: NDArray[np.int64], items: ItemDescriptions, rules: RerankRules
) -> NDArray[np.int64]:
    """Places of the items of one user's list, in its order, among her best, which come in the order of their scores."""
    if rules.diversity == 0 and rules.max_per_category >= rules.length:
        return np.arange(min(len(scores), rules.length))
    spread = scores.max() - scores.min()
    relevance = (scores - scores.min()) / spread if spread > 0 else np.ones(len(scores))
    vectors = items.vectors[positions]
    similarity = (vectors @ vectors.T).toarray() if rules.diversity > 0 else None
    categories = items.first_category[positions]
    nearest = np.zeros(len(scores))
    open_places = np.ones(len(scores), bool)
    counts: dict[int, int] = {}
    picked: list[int] = []
    while len(picked) < rules.length and open_places.any():
        value = np.where(open_places, (1 - rules.diversity) * relevance - rules.diversity * nearest, -np.inf)
        best = int(np.argmax(value))
        picked.append(best)
        open_places[best] = False
        category = int(categories[best])
        counts[category] = counts.get(category, 0) + 1
        if category >= 0 and counts[category] >= rules.max_per_category:
            open_places &= categories != category
        if similarity is not None:
            nearest = np.maximum(nearest, similarity[best])
    return np.array(picked, np.int64)
