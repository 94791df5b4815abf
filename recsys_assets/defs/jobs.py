"""Jobs: the whole build, the lists without training, the backtest, and what is rebuilt in other homes."""

import dagster as dg

from recsys_assets.defs.backtest import BACKTEST

MONITORING = dg.AssetSelection.assets(["evaluation", "feature_drift"], ["evaluation", "list_churn"])
TRAINING = (dg.AssetSelection.groups("evaluation") - MONITORING) | dg.AssetSelection.assets(
    ["ranking", "training_frame"], ["ranking", "ranker_lists"]
)
EVERYTHING = dg.AssetSelection.all() - BACKTEST  # which is no part of a build: it holds builds
FEATURES_AND_CANDIDATES = dg.AssetSelection.groups("raw", "staging", "intermediate", "features", "candidates")
LIVE_ONLY = {
    "ops": {step: {"config": {"live_only": True}} for step in ("warehouse", "candidate_sources", "pair_features")}
}
LABELS = dg.AssetSelection.assets(["staging", "stg_raw__events"]) | (
    dg.AssetSelection.groups("intermediate") - dg.AssetSelection.assets(["intermediate", "int_cutoffs"])
)

build = dg.define_asset_job(
    "build", selection=EVERYTHING, description="Every asset in order: new events in, a new bundle out."
)
refresh = dg.define_asset_job(
    "refresh",
    selection=EVERYTHING - TRAINING,
    config=LIVE_ONLY,
    description="New lists from new events with the ranker and the choice there are; nothing is trained.",
)
features_and_candidates = dg.define_asset_job(
    "features_and_candidates",
    selection=FEATURES_AND_CANDIDATES.without_checks(),
    description="Up to the features of all candidates; the leak proof rebuilds this much.",
)
horizon_labels = dg.define_asset_job(
    "horizon_labels",
    selection=LABELS.without_checks(),
    description="The labels of the cutoffs that are there already; the backtest makes those of a horizon with it.",
)
backtest = dg.define_asset_job(
    "backtest",
    selection=BACKTEST,
    description="What would have been published on a day, and how good it was; one whole build a day.",
)

jobs = [build, refresh, features_and_candidates, horizon_labels, backtest]
