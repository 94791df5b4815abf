"""ranking.*: training frame, ranker, live scores."""

import json
from datetime import UTC, datetime

import dagster as dg

from recsys_assets.candidates.history import read_roles
from recsys_assets.defs.metadata import describe_table, keep_table
from recsys_assets.defs.resources import OWNERS, POOL, Settings
from recsys_assets.ranking.model_store import read_current_ranker, store_ranker
from recsys_assets.ranking.rankers import train_rankers
from recsys_assets.ranking.scoring import score_live_candidates
from recsys_assets.ranking.training_frame import build_training_frame, write_training_frame
from recsys_assets.ranking.training_record import Training, record_training
from recsys_assets.warehouse import count_rows

FEATURES = [
    dg.AssetKey(["candidates", "merged"]),
    dg.AssetKey(["features", "user_features"]),
    dg.AssetKey(["features", "item_features"]),
    dg.AssetKey(["features", "user_item_features"]),
    dg.AssetKey(["intermediate", "int_labels"]),
]


@dg.asset(
    key=["ranking", "training_frame"],
    deps=FEATURES,
    group_name="ranking",
    owners=OWNERS,
    kinds={"python", "polars", "duckdb"},
    description="One row per labelled cutoff, user and sampled candidate: its label and its features.",
    pool=POOL,
)
def training_frame(context: dg.AssetExecutionContext, settings: Settings) -> dg.MaterializeResult:
    """Users with a label among their candidates; all relevant rows, and a sample of the others."""
    with settings.warehouse("ranking") as (config, connection):
        cutoffs = [cutoff for role, names in read_roles(connection).items() if role != "live" for cutoff in names]
        write_training_frame(connection, build_training_frame(connection, config, cutoffs))
        return dg.MaterializeResult(metadata=describe_table(connection, "ranking.training_frame"))


@dg.asset(
    key=["ranking", "ranker_lists"],
    deps=[dg.AssetKey(["ranking", "training_frame"]), *FEATURES],
    group_name="ranking",
    owners=OWNERS,
    kinds={"python", "lightgbm"},
    description=(
        "Trains the ranker. One row per cutoff (validation, test), user and rank: the lists of rankers that saw only "
        "earlier cutoffs. The ranker for live, trained on all of them, is kept as LightGBM text under its version."
    ),
    pool=POOL,
)
def ranker_lists(context: dg.AssetExecutionContext, settings: Settings) -> dg.MaterializeResult:
    """Train with early stopping on validation, refit for test, refit for live."""
    with settings.warehouse("ranking") as (config, connection):
        trained = train_rankers(connection, config, read_roles(connection), context.log.info)
        metadata = keep_table(connection, "ranking.ranker_lists", trained.lists)
        version = store_ranker(config, trained)
        now = datetime.now(UTC).replace(tzinfo=None)
        record_training(config, Training(version, now, n_events=count_rows(connection, "raw.events")))
        context.log.info(trained.note)
        plan = trained.plan
        return dg.MaterializeResult(
            metadata=metadata
            | {
                "model_version": version,
                "note": trained.note,
                "trees": dg.MetadataValue.json(json.loads(json.dumps(plan.n_trees)) if plan else {}),
            },
        )


@dg.asset(
    key=["ranking", "scored_candidates"],
    deps=[dg.AssetKey(["ranking", "ranker_lists"]), *FEATURES],
    group_name="ranking",
    owners=OWNERS,
    kinds={"python", "lightgbm", "duckdb"},
    description="One row per user and live candidate: the ranker's score.",
    pool=POOL,
)
def scored_candidates(context: dg.AssetExecutionContext, settings: Settings) -> dg.MaterializeResult:
    """Score every live candidate with the current ranker."""
    with settings.warehouse("ranking") as (config, connection):
        version, ranker = read_current_ranker(config)
        score_live_candidates(connection, config, ranker, context.log.info)
        metadata = describe_table(connection, "ranking.scored_candidates")
        return dg.MaterializeResult(metadata=metadata | {"model_version": version})


ranking_assets = [training_frame, ranker_lists, scored_candidates]
