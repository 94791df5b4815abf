"""evaluation/backtest: what would have been published on a day of the past, a partition a day."""

from datetime import date

import dagster as dg

from recsys_assets.backtesting.judging import judge_lists
from recsys_assets.backtesting.lists import make_lists, read_published_method
from recsys_assets.backtesting.origins import FIRST_ORIGIN
from recsys_assets.backtesting.plan import (
    OriginFolder,
    finished_plans,
    has_lists,
    is_judged,
    read_plan,
    start_plan,
)
from recsys_assets.backtesting.record import read_record, write_tables_before
from recsys_assets.backtesting.report import read_backtest, write_backtest
from recsys_assets.defs.metadata import describe_table, plot
from recsys_assets.defs.resources import OWNERS, SettingsBesideBuilds
from recsys_assets.defs.runner import run_in_other_home
from recsys_assets.evaluation.plots import plot_backtest

BACKTEST_POOL = "backtest"  # one origin at a time, each a whole build; not the warehouse's, which refreshes wait for
HORIZON_DAYS = 7


class Horizon(dg.Config):
    """How many days after the origin count."""

    horizon_days: int = HORIZON_DAYS


@dg.op(ins={"events": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing), pool=BACKTEST_POOL)
def cut_history(context: dg.OpExecutionContext, config: Horizon, backtest_settings: SettingsBesideBuilds) -> None:
    """Write what was there before the origin, and before the end of its horizon, as files to load."""
    origin = date.fromisoformat(context.partition_key)
    with backtest_settings.warehouse() as (project, connection):
        record = read_record(connection)
        plan = start_plan(project, record, origin, config.horizon_days)
        if is_judged(project, plan):
            context.log.info(f"{origin} is done already: same data, configuration and code")
            return
        folder = OriginFolder(project, origin)
        if not has_lists(project, plan):
            write_tables_before(connection, folder.history, plan.begins_at, plan.begins_at)
        write_tables_before(connection, folder.future, plan.ends_at, plan.begins_at)


@dg.op(ins={"cut": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing), pool=BACKTEST_POOL)
def build_and_judge(context: dg.OpExecutionContext, backtest_settings: SettingsBesideBuilds) -> None:
    """Build in a home of the origin's own, then judge its lists; the warehouse of this home stays free meanwhile."""
    config = backtest_settings.config()
    plan = read_plan(config, date.fromisoformat(context.partition_key))
    make_lists(config, plan, lambda home: run_in_other_home(home, "build"), context.log.info)
    judge_lists(config, plan, lambda home: run_in_other_home(home, "horizon_labels"))


@dg.op(ins={"judged": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing), pool=BACKTEST_POOL)
def write_tables(context: dg.OpExecutionContext, backtest_settings: SettingsBesideBuilds) -> dg.Output[None]:
    """Put all origins of this configuration, code and horizon into the tables."""
    origin = date.fromisoformat(context.partition_key)
    with backtest_settings.warehouse("evaluation") as (config, connection):
        plan = read_plan(config, origin)
        plans = finished_plans(config, read_record(connection), plan)
        backtest = read_backtest(config, plans)
        write_backtest(connection, backtest)
        metadata = describe_table(connection, "evaluation.backtest") | {
            "method": read_published_method(OriginFolder(config, origin).lists),
            "horizon_days": plan.horizon_days,
            "origins_in_table": len(plans),
            "ndcg_by_origin": plot(plot_backtest(backtest.table, backtest.differences)),
        }
        return dg.Output(None, metadata=metadata)


@dg.graph_asset(
    key=["evaluation", "backtest"],
    ins={"events": dg.AssetIn(["raw", "events"], dagster_type=dg.Nothing)},
    partitions_def=dg.DailyPartitionsDefinition(FIRST_ORIGIN.isoformat()),
    group_name="evaluation",
    owners=OWNERS,
    kinds={"python", "duckdb"},
    description=(
        "One row per origin (NULL = over all), model, metric and k: the lists that would have been published on the "
        "day, and every model's, judged by what followed. A partition is an origin; each costs a whole build."
    ),
)
def backtest(events):  # type: ignore[no-untyped-def]  # Dagster passes what an op returned
    """The time machine."""
    return write_tables(build_and_judge(cut_history(events)))


BACKTEST = dg.AssetSelection.assets(backtest)
