"""Accuracy of top-k lists, one value a user: NDCG, recall, hit rate, MRR and MAP."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys_assets.errors import RecsysError

METRICS = ("ndcg", "recall", "hit_rate", "mrr", "map")


def per_user_metrics(lists: pl.DataFrame, labels: pl.DataFrame, k: int) -> pl.DataFrame:
    """Score every labelled user's list at k.

    - `ndcg`: gain is binary (relevant or not, whatever the label's grade), discounted by 1 / log2(1 + rank); the ideal
      is a list that begins with min(number of relevant items, k) hits.
    - `recall`: hits / number of relevant items (not capped at k, so it may stay below 1 for a perfect list).
    - `hit_rate`: 1 with any hit, else 0.
    - `mrr`: 1 / rank of the first hit, 0 without one.
    - `map`: mean over min(number of relevant items, k) of the precision at each hit's rank.

    Ties: equal ranks of one list are put in the order of item_id. A repeated item counts where it stands first, and
    ranks are counted anew from 1, so gaps do not matter. A user with relevant items but without a list scores 0 in
    everything; a user without relevant items has no ideal and gets no row. Source: Järvelin & Kekäläinen, "Cumulated
    gain-based evaluation of IR techniques", 2002, with the gain made binary.

    Args:
        lists: `user_id`, `item_id`, `rank`; users without labels are ignored.
        labels: `user_id`, `item_id`; with a `relevance_label`, only rows above 0 are relevant.
        k: how much of each list counts, at least 1.

    Returns:
        One row per user with a relevant item, sorted by it: user_id, ndcg, recall, hit_rate, mrr, map; all in [0, 1].

    Raises:
        RecsysError: k is below 1.
    """
    relevant = relevant_items(labels)
    users = relevant.group_by("user_id").agg(pl.len().alias("n_relevant")).sort("user_id").with_row_index("user")
    hits = (
        top_of_lists(lists, users, k)
        .join(relevant, on=["user_id", "item_id"])
        .join(users, on="user_id")
        .select("user", "rank")
    )
    is_hit = np.zeros((k, len(users)), dtype=np.bool_)
    is_hit[hits["rank"].to_numpy() - 1, hits["user"].to_numpy()] = True
    return users.select("user_id").hstack(_score(is_hit, users["n_relevant"].to_numpy().astype(np.int64)))


def relevant_items(labels: pl.DataFrame) -> pl.DataFrame:
    """One row per user and relevant item, sorted: user_id, item_id."""
    if "relevance_label" in labels.columns:
        labels = labels.filter(pl.col("relevance_label") > 0)
    return labels.select("user_id", "item_id").unique().sort("user_id", "item_id")


def top_of_lists(lists: pl.DataFrame, users: pl.DataFrame, k: int) -> pl.DataFrame:
    """The first k distinct items of the lists of `users` (a frame with user_id), ranks counted anew from 1.

    One row per user and item, sorted by user_id and rank: user_id, item_id, rank.

    Raises:
        RecsysError: k is below 1.
    """
    if k < 1:
        raise RecsysError(f"A list cannot be evaluated at k = {k}: every value of evaluation.ks must be 1 or more.")
    return (
        lists.select("user_id", "item_id", "rank")
        .join(users.select("user_id"), on="user_id", how="semi")
        .sort("user_id", "rank", "item_id", nulls_last=True)
        .unique(["user_id", "item_id"], keep="first", maintain_order=True)
        .with_columns(pl.int_range(1, pl.len() + 1).over("user_id").alias("rank"))
        .filter(pl.col("rank") <= k)
    )


def _score(is_hit: NDArray[np.bool_], n_relevant: NDArray[np.int64]) -> pl.DataFrame:
    """Metrics from hits (k ranks x users); every sum runs in rank order, so a perfect list is exactly 1."""
    k, n_users = is_hit.shape
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    best_hits = np.minimum(n_relevant, k)
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[best_hits]
    dcg, precisions = np.zeros(n_users), np.zeros(n_users)
    n_hits = np.zeros(n_users, dtype=np.int64)
    for place in range(k):
        n_hits += is_hit[place]
        dcg += np.where(is_hit[place], discounts[place], 0.0)
        precisions += np.where(is_hit[place], n_hits / (place + 1), 0.0)
    first = is_hit.argmax(axis=0) + 1
    return pl.DataFrame(
        {
            "ndcg": dcg / ideal,
            "recall": n_hits / n_relevant,
            "hit_rate": (n_hits > 0).astype(np.float64),
            "mrr": np.where(n_hits > 0, 1.0 / first, 0.0),
            "map": precisions / best_hits,
        }
    )
