"""Rows of `model_report` for rating models: MSE, RMSE and MAE, with intervals over users."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys_assets.evaluation.bootstrap import interval_of, resample_means
from recsys_assets.evaluation.report import MODEL_REPORT_SCHEMA
from recsys_assets.schema import NO_LIST


def build_rating_report(
    window: pl.DataFrame,
    predictions: Mapping[str, NDArray[np.float64]],
    *,
    draws: int,
    seed: int,
    cutoff: str,
    split: str,
) -> pl.DataFrame:
    """Judge every model on the same ratings.

    `mse` and `mae` are means over ratings, `rmse` is the root of `mse`; all on the scale of the ratings (mse: its
    square). A user's ratings are not independent of each other, so the intervals resample users with all their ratings
    (Field & Welsh, "Bootstrapping clustered data", 2007).

    Args:
        window: `user_id`, `value`: the ratings to predict.
        predictions: model -> one prediction a row of `window`.
        draws: bootstrap resamples.
        seed: of the resamples.
        cutoff: copied into every row.
        split: likewise.

    Returns:
        One row per model and metric, sorted by both, with k = 0 as no list is cut, and `n_users` the users with a
        rating; columns of MODEL_REPORT_SCHEMA. Empty if there are no ratings.
    """
    rows: list[tuple[object, ...]] = []
    for model, predicted in sorted(predictions.items()) if len(window) else ():
        by_user = (
            window.select("user_id", error=pl.col("value") - pl.Series(predicted))
            .group_by("user_id", maintain_order=True)
            .agg(
                squared=(pl.col("error") ** 2).sum(),
                absolute=pl.col("error").abs().sum(),
                n=pl.len().cast(pl.Float64),
            )
        )
        squared, absolute, n = resample_means(by_user.drop("user_id").to_numpy(), draws, seed).T
        mse, mae = squared / n, absolute / n  # ratios of means over users are means over ratings
        for metric, values in (("mae", mae), ("mse", mse), ("rmse", np.sqrt(mse))):
            interval = interval_of(values[0], values[1:])
            rows.append((model, metric, NO_LIST, *interval, len(by_user), cutoff, split))
    return pl.DataFrame(rows, MODEL_REPORT_SCHEMA, orient="row")
