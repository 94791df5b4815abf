"""The one Definitions: what `dagster dev`, the command line and the sensors see."""

import dagster as dg

from recsys_assets.defs.backtest import backtest
from recsys_assets.defs.candidates import candidate_assets
from recsys_assets.defs.checks import asset_checks
from recsys_assets.defs.evaluation import evaluation_assets
from recsys_assets.defs.freshness_checks import freshness_checks
from recsys_assets.defs.gates import gate_checks
from recsys_assets.defs.health import health_assets
from recsys_assets.defs.jobs import jobs
from recsys_assets.defs.monitoring import monitoring_assets
from recsys_assets.defs.progress import progress_logger
from recsys_assets.defs.publishing import publishing_assets
from recsys_assets.defs.ranking import ranking_assets
from recsys_assets.defs.rating import rating_assets
from recsys_assets.defs.raw import raw_tables
from recsys_assets.defs.resources import Settings, SettingsBesideBuilds
from recsys_assets.defs.schedules import schedules
from recsys_assets.defs.sensors import sensors
from recsys_assets.defs.warehouse import warehouse_assets

defs = dg.Definitions(
    assets=[
        raw_tables,
        *warehouse_assets,
        *candidate_assets,
        *ranking_assets,
        *rating_assets,
        *evaluation_assets,
        *monitoring_assets,
        backtest,
        *publishing_assets,
        *health_assets,
    ],
    asset_checks=[*asset_checks, *freshness_checks, *gate_checks],
    jobs=jobs,
    sensors=sensors,
    schedules=schedules,
    resources={
        "settings": Settings(),
        "backtest_settings": SettingsBesideBuilds(),
    },
    executor=dg.in_process_executor,  # a process a step costs 3 to 4 s, and waits for one warehouse anyway
    loggers={"console": dg.colored_console_logger, "progress": progress_logger},
)
