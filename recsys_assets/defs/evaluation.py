"""evaluation.*: every model's lists judged, the choice of what is published, and the reports."""

import dagster as dg
import polars as pl

from recsys_assets.candidates.write import REACHED
from recsys_assets.defs.metadata import describe_table, keep_table, plot
from recsys_assets.defs.resources import OWNERS, POOL, Settings
from recsys_assets.evaluation.candidate_report import build_candidate_report
from recsys_assets.evaluation.choice import choose_method
from recsys_assets.evaluation.importance import build_feature_importance
from recsys_assets.evaluation.inputs import (
    read_descriptions,
    read_fallback,
    read_popularity,
    read_source_lists,
    read_split,
    read_user_history,
)
from recsys_assets.evaluation.model_lists import read_labels, read_model_lists, write_model_lists
from recsys_assets.evaluation.plots import plot_candidate_recall, plot_feature_importance, plot_models, plot_segments
from recsys_assets.evaluation.report import build_model_report
from recsys_assets.evaluation.segment_report import build_item_segment_report, build_segment_report
from recsys_assets.ranking.model_store import read_current_ranker
from recsys_assets.schema import FUSION, RANKER
from recsys_assets.warehouse import read_frame

METHOD_CHOICE_SCHEMA = {
    "method": pl.String,
    "ndcg": pl.Float64,
    "runner_up": pl.String,
    "margin": pl.Float64,
    "margin_low": pl.Float64,
    "margin_high": pl.Float64,
    "n_users": pl.Int64,
    "reason": pl.String,
    "fallback": pl.String,
}
LISTS = dg.AssetKey(["evaluation", "model_lists"])
LABELS = dg.AssetKey(["intermediate", "int_labels"])


@dg.asset(
    key=LISTS,
    deps=[dg.AssetKey(["ranking", "ranker_lists"]), dg.AssetKey(["candidates", "merged"])],
    group_name="evaluation",
    owners=OWNERS,
    kinds={"duckdb"},
    description="One row per model, cutoff (validation, test), user and rank: what each model would have shown.",
    pool=POOL,
)
def model_lists(settings: Settings) -> dg.MaterializeResult:
    """The ranker, the fusion, and every single source as a baseline."""
    with settings.warehouse("evaluation") as (config, connection):
        write_model_lists(connection, config)
        return dg.MaterializeResult(metadata=describe_table(connection, "evaluation.model_lists"))


@dg.asset(
    key=["evaluation", "method_choice"],
    deps=[LISTS, LABELS],
    group_name="evaluation",
    owners=OWNERS,
    kinds={"python", "polars"},
    description="One row: the method that is published, the best on validation, with its margin over the next one.",
    pool=POOL,
)
def method_choice(context: dg.AssetExecutionContext, settings: Settings) -> dg.MaterializeResult:
    """The gate's decision, taken on the validation cutoff."""
    with settings.warehouse("evaluation") as (config, connection):
        lists, labels = read_model_lists(connection, "validation"), read_labels(connection, "validation")
        models = [model for model in (*config.candidates.sources, FUSION, RANKER) if model in lists["model"].unique()]
        choice = choose_method(
            lists,
            labels,
            models or ["popular"],
            draws=config.evaluation.bootstrap_draws,
            seed=config.seed,
            wanted=config.publishing.method,
        )
        fallback = read_fallback(lists, labels)
        context.log.info(choice.reason)
        table = pl.DataFrame([vars(choice) | {"fallback": fallback}], METHOD_CHOICE_SCHEMA)
        metadata = {name: value for name, value in vars(choice).items() if value is not None}
        return dg.MaterializeResult(metadata=keep_table(connection, "evaluation.method_choice", table) | metadata)


@dg.asset(
    key=["evaluation", "model_report"],
    deps=[LISTS, LABELS, dg.AssetKey(["evaluation", "rating_report"])],
    group_name="evaluation",
    owners=OWNERS,
    kinds={"python", "polars"},
    description="One row per model, metric and k at the test cutoff, on which no choice was tuned, with intervals.",
    pool=POOL,
)
def model_report(settings: Settings) -> dg.MaterializeResult:
    """Accuracy, coverage, novelty and diversity of every list, and the errors of the rating models."""
    with settings.warehouse("evaluation") as (config, connection):
        popularity, n_users = read_popularity(connection, "test")
        report = build_model_report(
            read_model_lists(connection, "test"),
            read_labels(connection, "test"),
            history_popularity=popularity,
            items=read_descriptions(connection),
            n_history_users=n_users,
            ks=config.evaluation.ks,
            draws=config.evaluation.bootstrap_draws,
            seed=config.seed,
            cutoff="test",
            split=read_split(connection),
            models=[*config.candidates.sources, FUSION],
        )
        errors = read_frame(connection, "FROM evaluation.rating_report ORDER BY ALL")
        metadata = keep_table(connection, "evaluation.model_report", pl.concat([report, errors]))
        if len(report):
            metadata["ndcg_at_10"] = plot(plot_models(report))
        return dg.MaterializeResult(metadata=metadata)


@dg.asset(
    key=["evaluation", "segment_report"],
    deps=[LISTS, LABELS, dg.AssetKey(["features", "item_features"])],
    group_name="evaluation",
    owners=OWNERS,
    kinds={"python", "polars"},
    description=(
        "One row per model, segment and metric at the test cutoff: users by their activity, items by their popularity."
    ),
    pool=POOL,
)
def segment_report(settings: Settings) -> dg.MaterializeResult:
    """NDCG for new, light and heavy users; recall and exposure of head, middle and tail items."""
    with settings.warehouse("evaluation") as (config, connection):
        lists, labels = read_model_lists(connection, "test"), read_labels(connection, "test")
        popularity, _ = read_popularity(connection, "test")
        draws, seed, split = config.evaluation.bootstrap_draws, config.seed, read_split(connection)
        users = build_segment_report(
            lists,
            labels,
            read_user_history(connection, "test"),
            k=10,
            draws=draws,
            seed=seed,
            cutoff="test",
            split=split,
            min_history_events=config.split.min_history_events,
        )
        items = build_item_segment_report(
            lists, labels, popularity, k=10, draws=draws, seed=seed, cutoff="test", split=split
        )
        metadata = keep_table(connection, "evaluation.segment_report", pl.concat([users, items]))
        if len(users):
            metadata["ndcg_by_segment"] = plot(plot_segments(users, (RANKER, FUSION, "popular")))
        return dg.MaterializeResult(metadata=metadata)


@dg.asset(
    key=["evaluation", "candidate_report"],
    deps=[dg.AssetKey(["candidates", "merged"]), LABELS],
    group_name="evaluation",
    owners=OWNERS,
    kinds={"python", "polars"},
    description="One row per candidate source (and their union) and list length: the first stage's recall at test.",
    pool=POOL,
)
def candidate_report(settings: Settings) -> dg.MaterializeResult:
    """What the ranker can find at all."""
    with settings.warehouse("evaluation") as (config, connection):
        sources = ((name, read_source_lists(connection, name, "test")) for name in config.candidates.sources)
        union = read_source_lists(connection, REACHED, "test")
        report = build_candidate_report(sources, union, read_labels(connection, "test"))
        metadata = keep_table(connection, "evaluation.candidate_report", report)
        if len(report):
            metadata["recall_curve"] = plot(plot_candidate_recall(report))
        return dg.MaterializeResult(metadata=metadata)


@dg.asset(
    key=["evaluation", "feature_importance"],
    deps=[dg.AssetKey(["ranking", "ranker_lists"])],
    group_name="evaluation",
    owners=OWNERS,
    kinds={"python", "lightgbm"},
    description="One row per feature of the live ranker: gain and number of splits over its boosters.",
    pool=POOL,
)
def feature_importance(settings: Settings) -> dg.MaterializeResult:
    """What the ranker looks at."""
    with settings.warehouse("evaluation") as (config, connection):
        _, ranker = read_current_ranker(config)
        report = build_feature_importance(ranker.gains() if ranker else {}, ranker.splits() if ranker else {})
        metadata = keep_table(connection, "evaluation.feature_importance", report)
        if len(report):
            metadata["importance"] = plot(plot_feature_importance(report))
        return dg.MaterializeResult(metadata=metadata)


evaluation_assets = [model_lists, method_choice, model_report, segment_report, candidate_report, feature_importance]
