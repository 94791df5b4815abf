"""evaluation/rating_report: the models that predict the value of a rating."""

import dagster as dg

from recsys_assets.candidates.history import read_roles
from recsys_assets.defs.metadata import keep_table
from recsys_assets.defs.resources import OWNERS, POOL, Settings
from recsys_assets.fitted import replace_fitted
from recsys_assets.rating.train import TRAINERS, train_rating_models
from recsys_assets.schema import RATING_METRICS

INPUTS = [
    *(dg.AssetKey(["intermediate", name]) for name in ("int_history", "int_interactions", "int_user_cutoffs")),
    *(dg.AssetKey(["features", name]) for name in ("user_features", "item_features")),
]


@dg.asset(
    key=["evaluation", "rating_report"],
    deps=INPUTS,
    group_name="evaluation",
    owners=OWNERS,
    kinds={"python", "scikitlearn", "pytorch"},
    description=(
        "Trains the rating models. One row per model and metric (mse, rmse, mae) on the ratings of the test window; "
        "empty for data without ratings. The models for live are kept in fitted/."
    ),
    pool=POOL,
)
def rating_report(context: dg.AssetExecutionContext, settings: Settings) -> dg.MaterializeResult:
    """Choose on validation, judge at test, refit for live."""
    with settings.warehouse("evaluation") as (config, connection):
        trained = train_rating_models(connection, config, read_roles(connection), context.log.info)
        context.log.info(trained.note)
        metadata = keep_table(connection, "evaluation.rating_report", trained.report)
        replace_fitted(config, {name: trained.models.get(name) for name in TRAINERS})
        figures = {
            f"{model}_{metric}": value
            for model, metric, value in trained.report.select("model", "metric", "value").iter_rows()
            if metric == RATING_METRICS[0]
        }
        return dg.MaterializeResult(metadata=metadata | {"note": trained.note} | figures)


rating_assets = [rating_report]
