"""What sensors and schedules ask before they start a run."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import duckdb

from recsys_assets.config import Config
from recsys_assets.locks import building_lock
from recsys_assets.warehouse import open_warehouse

REASON = "recsys/reason"  # the tag of a run that says why it was started
BACKTEST_JOB = "backtest"
BACKTEST = frozenset({dg.AssetKey(["evaluation", "backtest"])})  # the assets of a run that the UI's backfill starts
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def find_unfinished(instance: dg.DagsterInstance) -> str | None:
    """A sentence on a run that is queued or at work; None if there is none. Backtests, which take hours, count not."""
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        if run.job_name != BACKTEST_JOB and run.asset_selection != BACKTEST:
            return f"Run {run.run_id[:8]} of {run.job_name} is {run.status.value.lower()}: it is waited for."
    return None


@contextmanager
def glance(config: Config) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """The warehouse to read from, at once or not at all; None where there is none yet.

    Nothing can start to build meanwhile, so that no step finds the file held.

    Raises:
        BusyError: a build is at work.
    """
    with building_lock(config, wait_seconds=0):
        if not config.warehouse_path.exists():
            yield None
            return
        with open_warehouse(config, read_only=True, wait_seconds=0) as connection:
            yield connection
