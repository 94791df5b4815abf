"""What lists are like beyond accuracy: catalogue coverage, novelty and diversity within a list."""

import numpy as np
import polars as pl
from scipy import sparse

USERS_AT_ONCE = 20_000  # bounds the users x tags matrix


def catalogue_coverage(lists: pl.DataFrame, catalogue: pl.DataFrame) -> float:
    """The share of the catalogue's items (a frame with item_id) that appear in some list; 0 for an empty catalogue."""
    known = catalogue["item_id"].unique()
    recommended = lists["item_id"].unique()
    return int(recommended.is_in(known.implode()).sum()) / len(known) if len(known) else 0.0


def per_user_novelty(lists: pl.DataFrame, popularity: pl.DataFrame, n_history_users: int) -> pl.DataFrame:
    """How unknown each user's items are, in bits: the mean over her list of -log2(share of users who have the item).

    An item that nobody has counts as if one user had it. Source: Zhou et al., "Solving the apparent diversity-accuracy
    dilemma of recommender systems", 2010 (self-information).

    Args:
        lists: `user_id`, `item_id`.
        popularity: `item_id`, `n_users`: how many users have the item in the history.
        n_history_users: how many users the history has.

    Returns:
        One row per user with a list, sorted by user_id: user_id, novelty.
    """
    counts = popularity.select("item_id", pl.col("n_users").cast(pl.Int64))
    shares = lists.join(counts, on="item_id", how="left").select(
        "user_id", (pl.col("n_users").fill_null(1).clip(lower_bound=1) / max(1, n_history_users)).alias("share")
    )
    # sorted within the user, so that the order of summation is fixed
    return (
        shares.with_columns((-pl.col("share").log(2)).alias("bits"))
        .group_by("user_id")
        .agg(pl.col("bits").sort().mean().alias("novelty"))
        .sort("user_id")
    )


def per_user_diversity(lists: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """How unlike each other a list's items are: the mean over its pairs of 1 - cosine similarity, in [0, 1].

    Items are compared by the set of their categories and creators, their tags: cosine = shared tags / sqrt(tags of one
    x tags of the other). Items without any (or not in `items`) are left out of the pairs, and a user with fewer than
    two described items in her list has no diversity. Source: Ziegler et al., "Improving recommendation lists through
    topic diversification", 2005.

    Args:
        lists: `user_id`, `item_id`, one row a pair of them.
        items: `item_id`, `categories`, `creators` (lists of text).

    Returns:
        One row per user with at least two described items, sorted by user_id: user_id, intra_list_diversity.
    """
    items = items.select("item_id", "categories", "creators").unique("item_id", keep="first", maintain_order=True)
    items = items.join(lists.select("item_id").unique(), on="item_id", how="semi").sort("item_id")
    tags = (
        pl.concat(
            items.select("item_id", pl.col(column).alias("tag"))
            .explode("tag")
            .with_columns(pl.lit(column).alias("kind"))
            for column in ("categories", "creators")
        )
        .drop_nulls("tag")
        .unique()
    )
    item_ids = tags.select(pl.col("item_id").unique().sort()).with_row_index("item")
    tag_ids = tags.select("kind", "tag").unique().sort("kind", "tag").with_row_index("tag_index")
    placed = tags.join(item_ids, on="item_id").join(tag_ids, on=["kind", "tag"]).sort("item", "tag_index")
    described = lists.select("user_id", "item_id").join(item_ids, on="item_id").sort("user_id", "item")
    counts = described.group_by("user_id", maintain_order=True).agg(pl.len().alias("n")).filter(pl.col("n") > 1)
    if counts.is_empty():
        return pl.DataFrame(schema={"user_id": lists.schema["user_id"], "intra_list_diversity": pl.Float64})

    item_index = placed["item"].to_numpy()
    unit = sparse.csr_matrix(
        (1 / np.sqrt(np.bincount(item_index))[item_index], (item_index, placed["tag_index"].to_numpy())),
        shape=(len(item_ids), len(tag_ids)),
    )
    described = described.join(counts.with_row_index("user"), on="user_id").sort("user", "item")
    starts = np.concatenate([[0], np.cumsum(counts["n"].to_numpy().astype(np.int64))])
    columns = described["item"].to_numpy()
    diversity = []
    for first in range(0, len(counts), USERS_AT_ONCE):
        bounds = starts[first : first + USERS_AT_ONCE + 1]
        own = columns[bounds[0] : bounds[-1]]
        listed = sparse.csr_matrix((np.ones(len(own)), own, bounds - bounds[0]), shape=(len(bounds) - 1, len(item_ids)))
        totals = listed @ unit
        # |sum of unit vectors|^2 = n + 2 x the sum of the pairs' cosines: linear in the list's length
        squares = np.asarray(totals.multiply(totals).sum(axis=1)).ravel()
        n_items = np.diff(bounds)
        diversity.append(1 - (squares - n_items) / (n_items * (n_items - 1)))
    return counts.select("user_id", pl.Series("intra_list_diversity", np.concatenate(diversity).clip(0, 1)))
