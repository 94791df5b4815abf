"""publishing.*: the lists of every surface, and the bundle that readers open."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from recsys_assets.config import Config
from recsys_assets.defs.metadata import describe_table, keep_table
from recsys_assets.defs.resources import OWNERS, POOL, Settings
from recsys_assets.errors import RecsysError
from recsys_assets.publishing.bundle import publish_bundle
from recsys_assets.publishing.gate import judge, read_method
from recsys_assets.publishing.manifest import describe_build
from recsys_assets.publishing.retention import apply_retention
from recsys_assets.publishing.store import push_bundles
from recsys_assets.publishing.tables import WAREHOUSE_TABLES
from recsys_assets.ranking.model_store import read_current_ranker
from recsys_assets.ranking.reasons import write_recommendations
from recsys_assets.ranking.similar import build_similar_items
from recsys_assets.ranking.surfaces import build_lists
from recsys_assets.ranking.trending import write_trending_items
from recsys_assets.warehouse import transaction

FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=3), warn_window=timedelta(hours=30))
SIMILAR, TRENDING, LISTS = (
    dg.AssetKey(["publishing", name]) for name in ("similar_items", "trending_items", "recommendations")
)
# not in the bundle, but their checks can keep it from being published
GATED = [dg.AssetKey(["evaluation", name]) for name in ("feature_drift", "list_churn")]
ITEMS = dg.AssetKey(["staging", "stg_raw__items"])


@dg.asset(
    key=SIMILAR,
    deps=[dg.AssetKey(["candidates", "covisited_items"]), ITEMS],
    group_name="publishing",
    owners=OWNERS,
    kinds={"python", "duckdb"},
    description="One row per item and similar item, by behaviour and description.",
    freshness_policy=FRESHNESS,
    pool=POOL,
)
def similar_items(settings: Settings) -> dg.MaterializeResult:
    """What goes with an item."""
    with settings.warehouse("publishing") as (config, connection):
        similar = build_similar_items(connection, config)
        return dg.MaterializeResult(metadata=keep_table(connection, "publishing.similar_items", similar))


@dg.asset(
    key=TRENDING,
    deps=[dg.AssetKey(["candidates", "popular_items"]), ITEMS],
    group_name="publishing",
    owners=OWNERS,
    kinds={"duckdb"},
    description="One row per category (NULL = all) and item that is wanted now.",
    freshness_policy=FRESHNESS,
    pool=POOL,
)
def trending_items(settings: Settings) -> dg.MaterializeResult:
    """What is wanted now."""
    with settings.warehouse("publishing") as (config, connection):
        write_trending_items(connection, config)
        return dg.MaterializeResult(metadata=describe_table(connection, "publishing.trending_items"))


@dg.asset(
    key=LISTS,
    deps=[
        dg.AssetKey(["ranking", "scored_candidates"]),
        dg.AssetKey(["evaluation", "method_choice"]),
        dg.AssetKey(["features", "user_creator_shares"]),
        SIMILAR,
        TRENDING,
        ITEMS,
    ],
    group_name="publishing",
    owners=OWNERS,
    kinds={"python", "polars", "duckdb"},
    description="One row per known user, surface and rank: the lists that people see, with reasons.",
    freshness_policy=FRESHNESS,
    pool=POOL,
)
def recommendations(context: dg.AssetExecutionContext, settings: Settings) -> dg.MaterializeResult:
    """Re-rank the chosen method's scores into the lists of every surface."""
    with settings.warehouse("publishing") as (config, connection):
        method = read_method(connection)
        lists = build_lists(connection, config, method)
        context.log.info(f"{len(lists):,} rows for {lists['user_id'].n_unique():,} users, made with {method.name}")
        with transaction(connection):
            write_recommendations(connection, config, method, lists, datetime.now(UTC).replace(tzinfo=None))
        metadata = describe_table(connection, "publishing.recommendations")
        return dg.MaterializeResult(metadata=metadata | {"method": method.name})


@dg.asset(
    key=["publishing", "bundle"],
    deps=[*(dg.AssetKey(table.split(".")) for table in WAREHOUSE_TABLES.values()), *GATED],
    group_name="publishing",
    owners=OWNERS,
    kinds={"duckdb"},
    description="The immutable bundle at published/current: what readers open while the next build runs.",
    freshness_policy=FRESHNESS,
    pool=POOL,
)
def bundle(context: dg.AssetExecutionContext, settings: Settings) -> dg.MaterializeResult:
    """Publish what the gate let through, and switch to it in one step."""
    with settings.warehouse("publishing") as (config, connection):
        version, _ = read_current_ranker(config)
        verdict = judge(connection, config)
        if not verdict.passed:
            raise RecsysError(f"The gate did not open, so the old bundle stays published: {' '.join(verdict.faults)}")
        build = describe_build(
            config,
            connection,
            model_version=version,
            method=verdict.method,
            gate_passed=verdict.passed,
            gate_decision=verdict.decision,
            now=datetime.now(UTC),
        )
        folder = publish_bundle(config, connection, build)
        removed = apply_retention(config)
        context.log.info(f"published {build.build_id}")
        in_store = {} if config.store.url is None else {"in_store": _push(context, config)}
        return dg.MaterializeResult(
            metadata={
                **in_store,
                "build_id": build.build_id,
                "path": dg.MetadataValue.path(str(folder)),
                "gate_decision": verdict.decision,
                "removed_bundles": len(removed),
            }
        )


def _push(context: dg.AssetExecutionContext, config: Config) -> str:
    """A store that does not answer fails no run: here the bundle is in use, and the next push sends what is missing."""
    try:
        return f"{push_bundles(config).n_files} files sent"
    except RecsysError as error:
        context.log.error(f"The bundle is not in the store: {error}")
        return str(error)


publishing_assets = [similar_items, trending_items, recommendations, bundle]
