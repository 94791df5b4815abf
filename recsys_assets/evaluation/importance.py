"""`feature_importance`: what the ranker's trees split on."""

from collections.abc import Mapping

import polars as pl

FEATURE_IMPORTANCE_SCHEMA = {"feature": pl.String, "gain": pl.Float64, "splits": pl.Int64}


def build_feature_importance(gains: Mapping[str, float], splits: Mapping[str, int]) -> pl.DataFrame:
    """One row per feature that either mapping names, by falling gain and then name: feature, gain, splits.

    Args:
        gains: feature -> total gain of the splits on it; a missing one is 0.
        splits: feature -> number of splits on it; a missing one is 0.
    """
    rows = [(feature, float(gains.get(feature, 0.0)), int(splits.get(feature, 0))) for feature in {*gains, *splits}]
    frame = pl.DataFrame(rows, schema=FEATURE_IMPORTANCE_SCHEMA, orient="row")
    return frame.sort("gain", "feature", descending=[True, False])
