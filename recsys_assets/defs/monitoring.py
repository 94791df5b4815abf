"""evaluation.feature_profile, feature_drift, list_churn: what moved since the ranker learnt and since a bundle."""

import dagster as dg

from recsys_assets.defs.metadata import keep_table, plot
from recsys_assets.defs.resources import OWNERS, POOL, Settings
from recsys_assets.evaluation.feature_drift import (
    build_feature_drift,
    build_feature_profile,
    read_feature_profile,
)
from recsys_assets.evaluation.plots import plot_feature_drift
from recsys_assets.publishing.list_churn import build_list_churn

FEATURES = [
    dg.AssetKey(["candidates", "merged"]),
    dg.AssetKey(["features", "user_features"]),
    dg.AssetKey(["features", "item_features"]),
    dg.AssetKey(["features", "user_item_features"]),
]


@dg.asset(
    key=["evaluation", "feature_profile"],
    deps=[*FEATURES, dg.AssetKey(["intermediate", "int_labels"])],
    group_name="evaluation",
    owners=OWNERS,
    kinds={"python", "polars"},
    description="One row per feature and bin: how the features are distributed at the last cutoff that is learnt from.",
    pool=POOL,
)
def feature_profile(settings: Settings) -> dg.MaterializeResult:
    """Kept by a build, for the refreshes after it."""
    with settings.warehouse("evaluation") as (config, connection):
        profile = build_feature_profile(connection, config)
        return dg.MaterializeResult(metadata=keep_table(connection, "evaluation.feature_profile", profile))


@dg.asset(
    key=["evaluation", "feature_drift"],
    deps=[dg.AssetKey(["evaluation", "feature_profile"]), *FEATURES],
    group_name="evaluation",
    owners=OWNERS,
    kinds={"python", "polars"},
    description=(
        "One row per feature: the population stability index of live against what the ranker learnt from, "
        "and the shares of rows without a value."
    ),
    pool=POOL,
)
def feature_drift(settings: Settings) -> dg.MaterializeResult:
    """Runs in a refresh too, which is where data move on while the model stays."""
    with settings.warehouse("evaluation") as (config, connection):
        drift = build_feature_drift(connection, config, read_feature_profile(connection))
        metadata = keep_table(connection, "evaluation.feature_drift", drift)
        if len(drift):
            metadata["psi"] = plot(plot_feature_drift(drift, config.gates.max_feature_psi))
        return dg.MaterializeResult(metadata=metadata)


@dg.asset(
    key=["evaluation", "list_churn"],
    deps=[dg.AssetKey(["publishing", "recommendations"]), dg.AssetKey(["features", "user_features"])],
    group_name="evaluation",
    owners=OWNERS,
    kinds={"python", "polars"},
    description=(
        "One row: how many users keep how much of their lists in the bundle in use, how many items are listed, and how "
        "the scores have moved; none before the first bundle."
    ),
    pool=POOL,
)
def list_churn(settings: Settings) -> dg.MaterializeResult:
    """The lists that are about to be published against those that are in use."""
    with settings.warehouse("evaluation") as (config, connection):
        churn = build_list_churn(connection, config)
        figures = churn.row(0, named=True) if len(churn) else {}
        return dg.MaterializeResult(metadata=keep_table(connection, "evaluation.list_churn", churn) | figures)


monitoring_assets = [feature_profile, feature_drift, list_churn]
