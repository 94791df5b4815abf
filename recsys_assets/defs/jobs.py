"""Jobs: the whole build, the lists without training, and what the leak proof rebuilds."""

import dagster as dg

TRAINING = dg.AssetSelection.groups("evaluation") | dg.AssetSelection.assets(
    ["ranking", "training_frame"], ["ranking", "ranker_lists"]
)
FEATURES_AND_CANDIDATES = dg.AssetSelection.groups("raw", "staging", "intermediate", "features", "candidates")

jobs = [
    dg.define_asset_job(
        "build", selection=dg.AssetSelection.all(), description="Every asset in order: new events in, a new bundle out."
    ),
    dg.define_asset_job(
        "refresh",
        selection=dg.AssetSelection.all() - TRAINING,
        description="New lists from new events with the ranker and the choice there are; nothing is trained.",
    ),
    dg.define_asset_job(
        "features_and_candidates",
        selection=FEATURES_AND_CANDIDATES.without_checks(),
        description="Up to the features of all candidates; the leak proof rebuilds this much.",
    ),
]
