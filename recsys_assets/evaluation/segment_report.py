"""Quality by how active users are and how popular items are: whom and what the lists serve well, and what not."""

from collections.abc import Sequence

import polars as pl

from recsys_assets.evaluation.bootstrap import bootstrap_mean_interval
from recsys_assets.evaluation.metrics import per_user_metrics, relevant_items, top_of_lists
from recsys_assets.schema import ITEM_SEGMENTS, USER_SEGMENTS

SEGMENT_REPORT_SCHEMA = {
    "model": pl.String,
    "segment": pl.String,
    "metric": pl.String,
    "k": pl.Int64,
    "value": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "n_users": pl.Int64,
    "min_events": pl.Int64,
    "max_events": pl.Int64,
    "cutoff": pl.String,
    "split": pl.String,
}


def build_segment_report(
    lists: pl.DataFrame,
    labels: pl.DataFrame,
    user_history: pl.DataFrame,
    *,
    k: int,
    draws: int,
    seed: int,
    cutoff: str,
    split: str,
    min_history_events: int = 5,
    models: Sequence[str] = (),
) -> pl.DataFrame:
    """NDCG at k of every model on each segment of the users with a relevant item.

    `new` are users with fewer than `min_history_events` visible events. The others are cut at the terciles of their
    number of events: `light` up to the first, `medium` up to the second, `heavy` above. Users with the same number are
    in the same segment, so segments may differ in size, and one without users has no rows.

    Args:
        lists: `model`, `user_id`, `item_id`, `rank`.
        labels: `user_id`, `item_id`, perhaps `relevance_label`. Give all users, not only those that were
            learnt from.
        user_history: `user_id`, `n_history_events` at the cutoff; a user who is absent has none.
        k: length at which the lists are cut.
        draws: bootstrap resamples.
        seed: of the resamples.
        cutoff: name of the cutoff, copied into every row.
        split: `temporal` or `leave_last`, copied into every row.
        min_history_events: where `new` ends.
        models: names to report on even if they list nothing.

    Returns:
        One row per model and segment, by model and then in the order of USER_SEGMENTS; columns of
        SEGMENT_REPORT_SCHEMA, with the metric always `ndcg` and `min_events`, `max_events` the range of the segment's
        users.

    Raises:
        RecsysError: k is below 1.
    """
    rows: list[tuple[object, ...]] = []
    segments: pl.DataFrame | None = None
    for model in sorted({*models, *lists["model"].unique()}):
        scores = per_user_metrics(lists.filter(pl.col("model") == model), labels, k)
        if segments is None:
            segments = assign_segments(scores.select("user_id"), user_history, min_history_events)
        scored = scores.join(segments, on="user_id", maintain_order="left")
        for segment in USER_SEGMENTS:
            members = scored.filter(pl.col("segment") == segment)
            if len(members):
                interval = bootstrap_mean_interval(members["ndcg"].to_numpy(), draws, seed)
                events = members["n_history_events"]
                rows.append(
                    (model, segment, "ndcg", k, *interval, len(members), events.min(), events.max(), cutoff, split)
                )
    return pl.DataFrame(rows, schema=SEGMENT_REPORT_SCHEMA, orient="row")


def build_item_segment_report(
    lists: pl.DataFrame,
    labels: pl.DataFrame,
    popularity: pl.DataFrame,
    *,
    k: int,
    draws: int,
    seed: int,
    cutoff: str,
    split: str,
) -> pl.DataFrame:
    """What every model finds of, and shows from, popular and rare items.

    The items of the history, by falling number of users, are cut where they hold a third and two thirds of all pairs of
    user and item: `head`, `middle`, `tail`. Two metrics of each:

    - `recall`: of a user's relevant items in the segment, the share among her first k; mean over users who have any.
    - `exposure`: of a user's first k items, the share in the segment; mean over all users with a relevant item and a
      list. Each segment has a third of all past choices, so what the head has above a third is popularity bias.

    Args:
        lists: `model`, `user_id`, `item_id`, `rank`.
        labels: `user_id`, `item_id`, perhaps `relevance_label`.
        popularity: `item_id`, `n_users`: one row per item of the cutoff's history.
        k: length at which the lists are cut.
        draws: bootstrap resamples.
        seed: of the resamples.
        cutoff: copied into every row.
        split: copied into every row.

    Returns:
        One row per model, segment and metric; columns of SEGMENT_REPORT_SCHEMA, where `min_events` and `max_events` are
        the range of the items' numbers of users.
    """
    segments = assign_item_segments(popularity)
    relevant = relevant_items(labels)
    wanted = relevant.join(segments, on="item_id")
    users = relevant.select("user_id").unique()
    ranges = {
        segment: (n_users.min(), n_users.max())
        for segment in ITEM_SEGMENTS
        if len(n_users := segments.filter(pl.col("segment") == segment)["n_users"])
    }
    rows: list[tuple[object, ...]] = []
    for model in sorted(lists["model"].unique()):
        top = top_of_lists(lists.filter(pl.col("model") == model), users, k)
        shown = top.join(segments, on="item_id", how="left")
        found = wanted.join(top, on=["user_id", "item_id"], how="left")
        for segment, (fewest, most) in ranges.items():
            of_segment = pl.col("segment") == segment
            recall = found.filter(of_segment).group_by("user_id").agg(pl.col("rank").is_not_null().mean())
            exposure = shown.group_by("user_id").agg(of_segment.fill_null(False).mean().alias("rank"))
            for metric, values in (("recall", recall), ("exposure", exposure)):
                if len(values):
                    interval = bootstrap_mean_interval(values.sort("user_id")["rank"].to_numpy(), draws, seed)
                    rows.append((model, segment, metric, k, *interval, len(values), fewest, most, cutoff, split))
    return pl.DataFrame(rows, schema=SEGMENT_REPORT_SCHEMA, orient="row")


def assign_item_segments(popularity: pl.DataFrame) -> pl.DataFrame:
    """One row per item with users: item_id, n_users, segment (see `build_item_segment_report`)."""
    counted = (
        popularity.select("item_id", pl.col("n_users").cast(pl.Int64))
        .filter(pl.col("n_users") > 0)
        .sort("n_users", "item_id", descending=[True, False])
    )
    share_before = (pl.col("n_users").cum_sum() - pl.col("n_users")) / pl.col("n_users").sum()
    return counted.with_columns(
        pl.when(share_before < 1 / 3)
        .then(pl.lit("head"))
        .when(share_before < 2 / 3)
        .then(pl.lit("middle"))
        .otherwise(pl.lit("tail"))
        .alias("segment")
    )


def assign_segments(users: pl.DataFrame, user_history: pl.DataFrame, min_history_events: int) -> pl.DataFrame:
    """One row per user, sorted by user_id: user_id, n_history_events, segment (see `build_segment_report`)."""
    counted = (
        users.select("user_id")
        .join(user_history.select("user_id", pl.col("n_history_events").cast(pl.Int64)), on="user_id", how="left")
        .with_columns(pl.col("n_history_events").fill_null(0))
        .sort("user_id")
    )
    n_events = pl.col("n_history_events")
    known = counted.filter(n_events >= min_history_events)["n_history_events"]
    first, second = (pl.lit(known.quantile(share, "lower"), pl.Float64) for share in (1 / 3, 2 / 3))
    return counted.with_columns(
        pl.when(n_events < min_history_events)
        .then(pl.lit("new"))
        .when(n_events <= first)
        .then(pl.lit("light"))
        .when(n_events <= second)
        .then(pl.lit("medium"))
        .otherwise(pl.lit("heavy"))
        .alias("segment")
    )
