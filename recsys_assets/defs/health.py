"""health.*: what the published lists were worth, and what is stale and waits for what."""

from dataclasses import asdict
from datetime import UTC, datetime
from graphlib import TopologicalSorter

import dagster as dg
import duckdb
import polars as pl
from dagster._core.scheduler.instigation import InstigatorStatus

from recsys_assets.config import Config
from recsys_assets.defs.jobs import TRAINING
from recsys_assets.defs.metadata import describe_table, keep_table
from recsys_assets.defs.resources import OWNERS, POOL, Settings
from recsys_assets.defs.runner import load_definitions, open_instance
from recsys_assets.defs.runs import BACKTEST, glance
from recsys_assets.sources.waiting import find_waiting
from recsys_assets.upkeep.health import AssetFact, HealthRow, HomeFacts, State, assess_health, render_markdown
from recsys_assets.upkeep.model_state import read_model_state, table_exists
from recsys_assets.upkeep.published_quality import TABLE, measure_published, write_published_quality
from recsys_assets.upkeep.retraining import ModelState, reasons_to_retrain

HEALTH = dg.AssetKey(["health", "assets"])
HEALTH_TABLE = "health.assets"
EVERY_HOUR: dg.AutomationCondition = dg.AutomationCondition.cron_tick_passed("0 * * * *")
_SCHEMA = {
    "asset": pl.String,
    "state": pl.String,
    "made_at": pl.Datetime,
    "stale_since": pl.Datetime,
    "waits_for": pl.String,
    "what_next": pl.String,
}


@dg.asset(
    key=["health", "published_quality"],
    deps=[dg.AssetKey(["intermediate", "int_interactions"])],
    group_name="health",
    owners=OWNERS,
    kinds={"python", "duckdb"},
    description=(
        "One row per build: NDCG@10 and hit rate of its lists on what users chose while they were in use, beside the "
        "test's. Bundles that nothing followed have none."
    ),
    pool=POOL,
)
def published_quality(settings: Settings) -> dg.MaterializeResult:
    """Judge every bundle that is there by the events after it."""
    with settings.warehouse("health") as (config, connection):
        measured = measure_published(config, connection)
        write_published_quality(connection, measured)
        return dg.MaterializeResult(metadata=describe_table(connection, TABLE))


@dg.asset(
    key=HEALTH,
    deps=[dg.AssetKey(["publishing", "bundle"]), dg.AssetKey(["health", "published_quality"])],
    group_name="health",
    owners=OWNERS,
    kinds={"duckdb"},
    description="One row per asset: what is stale, since when, what it waits for, and what will bring it up to date.",
    # it changes while nothing runs: files come, models age. Everything else has a job of its own, and would run twice.
    automation_condition=EVERY_HOUR.since_last_handled() & ~dg.AutomationCondition.in_progress(),
    pool=POOL,
)
def asset_health(context: dg.AssetExecutionContext, settings: Settings) -> dg.MaterializeResult:
    """Hold the warehouse, the folders and Dagster's record against each other."""
    with settings.warehouse("health") as (config, connection):
        rows = read_health(config, connection, context.instance)
        metadata = keep_table(connection, HEALTH_TABLE, pl.DataFrame([asdict(row) for row in rows], _SCHEMA))
    counts = {f"n_{state}": sum(row.state is state for row in rows) for state in State}
    return dg.MaterializeResult(metadata=metadata | counts | {"health": dg.MetadataValue.md(render_markdown(rows))})


def read_health(
    config: Config, connection: duckdb.DuckDBPyConnection | None, instance: dg.DagsterInstance
) -> list[HealthRow]:
    """One row per asset, the upstream ones first; `connection` is of the warehouse, None where there is none yet."""
    moment = datetime.now(UTC)
    now = moment.replace(tzinfo=None)
    waiting = find_waiting(config, connection, moment)
    state = read_model_state(config, connection, now) if connection else ModelState(now)
    home = HomeFacts(
        now=now,
        waiting=waiting.describe() if waiting.n_files else "",
        waiting_since=waiting.since,
        reasons=tuple(reasons_to_retrain(state, config.retraining)),
        stale_before=_read_stale(connection) if connection else {},
        switched_on=_read_switched_on(instance),
    )
    return assess_health(_read_assets(config, instance), home)


def look_at_home(config: Config) -> list[HealthRow]:
    """`read_health` from outside a run.

    Raises:
        BusyError: a build is at work, and what it makes changes under one's eyes.
    """
    load_definitions(config)
    with glance(config) as connection, open_instance(config) as instance:
        return read_health(config, connection, instance)


def _read_assets(config: Config, instance: dg.DagsterInstance) -> list[AssetFact]:
    from recsys_assets.definitions import defs  # only now: it imports this module

    graph = defs.resolve_asset_graph()
    trained = TRAINING.resolve(graph)
    off = {
        dg.AssetKey(["candidates", key.path[1]]) for key in graph.get_all_asset_keys() if key.path[0] == "candidates"
    }
    off -= {dg.AssetKey(["candidates", name]) for name in config.candidates.sources}
    parents = {
        key: sorted(graph.get(key).parent_keys)
        for key in graph.materializable_asset_keys
        if key not in {HEALTH, *BACKTEST}
    }
    made_at = {
        record.asset_entry.asset_key: datetime.fromtimestamp(made.timestamp, UTC).replace(tzinfo=None)
        for record in instance.get_asset_records(list(parents))
        if (made := record.asset_entry.last_materialization) is not None
    }
    return [
        AssetFact(
            name=key.to_user_string(),
            parents=tuple(parent.to_user_string() for parent in parents[key]),
            made_at=made_at.get(key),
            is_trained=key in trained,
            is_off=key in off,
        )
        for key in TopologicalSorter({key: set(above) for key, above in sorted(parents.items())}).static_order()
        if key in parents
    ]


def _read_stale(connection: duckdb.DuckDBPyConnection) -> dict[str, datetime]:
    if not table_exists(connection, HEALTH_TABLE):
        return {}
    query = f"SELECT asset, stale_since FROM {HEALTH_TABLE} WHERE stale_since IS NOT NULL"
    return dict(connection.execute(query).fetchall())


def _read_switched_on(instance: dg.DagsterInstance) -> frozenset[str]:
    """Sensors and schedules that a person switched on; what is on from the beginning makes no table."""
    states = instance.all_instigator_state()
    return frozenset(state.instigator_name for state in states if state.status is InstigatorStatus.RUNNING)


health_assets = [published_quality, asset_health]
