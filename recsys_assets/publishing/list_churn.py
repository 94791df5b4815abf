"""`evaluation.list_churn`: how the lists in the warehouse differ from those of the bundle in use."""

from typing import Final

import duckdb
import polars as pl

from recsys_assets.config import Config
from recsys_assets.evaluation.stability import build_profile, count_into, population_stability_index
from recsys_assets.publishing.gate import read_method
from recsys_assets.publishing.manifest import DATABASE_FILE, read_manifest
from recsys_assets.publishing.switch import current_bundle
from recsys_assets.schema import FOR_YOU, LIVE_CUTOFF
from recsys_assets.warehouse import read_frame

TOP: Final = 10
LIST_CHURN_SCHEMA: Final = {
    "previous_build_id": pl.String,
    "is_made_alike": pl.Boolean,  # with the same settings and the same method
    "new_event_share": pl.Float64,  # by how much the events differ in number, of the larger number
    "n_users_before": pl.Int64,
    "n_users": pl.Int64,
    "n_users_vanished": pl.Int64,
    "mean_overlap": pl.Float64,  # of the first ten items, over the users before; one who vanished counts 0
    "n_items_before": pl.Int64,  # different items among the first ten
    "n_items": pl.Int64,
    "score_psi": pl.Float64,  # of the scores of the first ten
}


def build_list_churn(connection: duckdb.DuckDBPyConnection, config: Config) -> pl.DataFrame:
    """One row, from the first ten items of every user's `for_you`; none where nothing is published yet."""
    bundle = current_bundle(config)
    if bundle is None:
        return pl.DataFrame(schema=LIST_CHURN_SCHEMA)
    manifest = read_manifest(bundle)
    path = str(bundle / DATABASE_FILE).replace("'", "''")
    connection.execute(f"ATTACH '{path}' AS previous (READ_ONLY)")
    try:
        before, after = (
            read_frame(
                connection,
                f"SELECT user_id, item_id, score FROM {table} WHERE surface = $surface AND rank <= $top ORDER BY ALL",
                {"surface": FOR_YOU, "top": TOP},
            )
            for table in ("previous.recommendations", "publishing.recommendations")
        )
        ((n_before, n_after),) = connection.execute(
            f"""SELECT (SELECT coalesce(sum(n_events), 0)::BIGINT FROM previous.user_features),
                       (SELECT coalesce(sum(n_events), 0)::BIGINT FROM features.user_features
                        WHERE cutoff = '{LIVE_CUTOFF}')"""
        ).fetchall()
    finally:
        connection.execute("DETACH previous")
    profile = build_profile(before["score"].to_numpy())
    is_made_alike = (manifest.config_hash, manifest.method) == (config.config_hash, read_method(connection).name)
    users_before, users = before["user_id"].unique(), after["user_id"].unique()
    row = {
        "previous_build_id": manifest.build_id,
        "is_made_alike": is_made_alike,
        "new_event_share": abs(n_after - n_before) / max(1, n_after, n_before),
        "n_users_before": len(users_before),
        "n_users": len(users),
        "n_users_vanished": (~users_before.is_in(users.implode())).sum(),
        "mean_overlap": _mean_overlap(before, after),
        "n_items_before": before["item_id"].n_unique(),
        "n_items": after["item_id"].n_unique(),
        "score_psi": population_stability_index(profile, count_into(profile.edges, after["score"].to_numpy())),
    }
    return pl.DataFrame([row], LIST_CHURN_SCHEMA)


def find_wholesale_change(churn: pl.DataFrame, config: Config) -> tuple[str | None, bool]:
    """What is wrong with the change of the lists, if anything, and whether nothing explains it.

    Other settings, another method and much new data do explain it.
    """
    gates = config.gates
    for row in churn.iter_rows(named=True):
        if row["mean_overlap"] < gates.min_list_overlap:
            fault = (
                f"users keep {row['mean_overlap']:.0%} of their first {TOP} items of bundle {row['previous_build_id']}"
                f", {row['n_users_vanished']:,} of {row['n_users_before']:,} users are gone, and the number of events "
                f"differs by {row['new_event_share']:.0%}; look at `recsys batches`, and if it is meant, set "
                "RECSYS__GATES__LISTS_OVERLAP_PREVIOUS_BUNDLE=warn for one run"
            )
            return fault, bool(row["is_made_alike"]) and row["new_event_share"] <= gates.little_new_share
    return None, False


def _mean_overlap(before: pl.DataFrame, after: pl.DataFrame) -> float:
    """Mean over the users before of the share of their items that they keep; 1 without users."""
    kept = before.join(after.select("user_id", "item_id", is_kept=True), on=["user_id", "item_id"], how="left")
    shares = kept.group_by("user_id").agg(pl.col("is_kept").is_not_null().mean().alias("share"))["share"]
    return float(shares.sort().to_numpy().mean()) if len(shares) else 1.0
