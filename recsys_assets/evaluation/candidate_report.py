"""`candidate_report`: which share of the relevant items each candidate source, and their union, finds."""

from collections.abc import Iterable, Sequence
from itertools import chain

import polars as pl

from recsys_assets.evaluation.metrics import relevant_items
from recsys_assets.schema import REPORTED_CANDIDATES

CUTS = (10, 20, 50, 100, 200, REPORTED_CANDIDATES)
UNION = "union"
CANDIDATE_REPORT_SCHEMA = {
    "source": pl.String,
    "n": pl.Int64,
    "recall": pl.Float64,
    "share_unique": pl.Float64,
    "mean_candidates": pl.Float64,
}


def build_candidate_report(
    source_lists: Iterable[tuple[str, pl.DataFrame]],
    union: pl.DataFrame,
    labels: pl.DataFrame,
    ns: Sequence[int] = CUTS,
) -> pl.DataFrame:
    """Measure the first stage on all users with a relevant item; one without candidates counts as recall 0.

    - `recall`: mean over users of (relevant items among her first n candidates / her relevant items), the same as a
      model's recall at k.
    - `share_unique`: of the source's hits in its first n, the share that no other source has in its own first n; NULL
      without hits, and for the union.
    - `mean_candidates`: mean over users of the number of candidates in the first n (below n where lists run out).

    Args:
        source_lists: pairs of a source's name and its lists (`user_id`, `item_id`, `rank`, which is unique per user).
            A generator that reads one source after the other keeps just one of them in memory.
        union: the lists of all sources' fusion, in the same form; reported as the source `union`.
        labels: `user_id`, `item_id`, perhaps `relevance_label`.
        ns: how many candidates of each list count.

    Returns:
        One row per source and n, in the order given, the union last; columns of CANDIDATE_REPORT_SCHEMA. Empty if
        nobody has labels.
    """
    relevant = relevant_items(labels)
    users = relevant.group_by("user_id").agg(pl.len().alias("n_relevant")).sort("user_id")
    if users.is_empty():
        return pl.DataFrame(schema=CANDIDATE_REPORT_SCHEMA)
    hits: dict[str, pl.DataFrame] = {}
    sizes: dict[str, list[float]] = {}
    for source, lists in chain(source_lists, [(UNION, union)]):
        hits[source] = relevant.join(lists.select("user_id", "item_id", "rank"), on=["user_id", "item_id"])
        sizes[source] = _mean_sizes(lists, users, ns)
    unique = [_unique_shares({source: hits[source] for source in hits if source != UNION}, n) for n in ns]
    rows = [
        (source, n, _mean_recall(hits[source], users, n), unique[index].get(source), sizes[source][index])
        for source in hits
        for index, n in enumerate(ns)
    ]
    return pl.DataFrame(rows, schema=CANDIDATE_REPORT_SCHEMA, orient="row")


def _mean_sizes(lists: pl.DataFrame, users: pl.DataFrame, ns: Sequence[int]) -> list[float]:
    ranks = lists.join(users, on="user_id", how="semi")["rank"]
    return [int((ranks <= n).sum()) / len(users) for n in ns]


def _mean_recall(hits: pl.DataFrame, users: pl.DataFrame, n: int) -> float:
    counts = hits.filter(pl.col("rank") <= n).group_by("user_id").agg(pl.len().alias("n_hits"))
    per_user = users.join(counts, on="user_id", how="left", maintain_order="left").select(
        pl.col("n_hits").fill_null(0) / pl.col("n_relevant")
    )
    return float(per_user.to_series().to_numpy().mean())


def _unique_shares(hits: dict[str, pl.DataFrame], n: int) -> dict[str, float]:
    """Source -> share of its hits in the first n that are its alone; sources without hits are absent."""
    if not hits:
        return {}
    found = pl.concat(
        frame.filter(pl.col("rank") <= n).select("user_id", "item_id", pl.lit(source).alias("source"))
        for source, frame in hits.items()
    )
    shares = (
        found.with_columns((pl.len().over("user_id", "item_id") == 1).alias("is_alone"))
        .group_by("source")
        .agg(pl.col("is_alone").mean())
    )
    return dict(shares.iter_rows())
