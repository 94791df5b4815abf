"""Dagster's own daemons, a round at a time, in this process: so that a test that sets the clock sets theirs.

What `dagster dev` has otherwise is one thing: it launches each run in a process of its own.
"""

import logging
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.freshness import FreshnessDaemon
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs

from recsys_assets.config import PROJECT_ROOT, Config
from recsys_assets.defs.runner import load_definitions

LOG = logging.getLogger(__name__)
LAUNCHED_HERE = {
    "run_launcher": {"module": "dagster._core.launcher.sync_in_memory_run_launcher", "class": "SyncInMemoryRunLauncher"}
}


class Daemons:
    """Those of one instance, over the project's definitions."""

    def __init__(self, context: WorkspaceProcessContext) -> None:
        self.context, self.instance = context, context.instance
        (location,) = context.create_request_context().code_locations
        (self.repository,) = location.get_repositories().values()

    def switch_on(self, *names: str) -> None:
        """Sensors and schedules, as a person does at Automation."""
        for name in names:
            if self.repository.has_sensor(name):
                self.instance.start_sensor(self.repository.get_sensor(name))
            else:
                self.instance.start_schedule(self.repository.get_schedule(name))

    def tick(self) -> bool:
        """Evaluate the sensors and schedules that are due; whether a run is queued now."""
        _finish(execute_sensor_iteration(self.context, LOG, None, None))
        _finish(launch_scheduled_runs(self.context, LOG, datetime.now(UTC), {}))
        return self.instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])) > 0

    def run_queued(self) -> None:
        """Launch what the queue lets go, and stay until it has ended."""
        with QueuedRunCoordinatorDaemon(interval_seconds=5) as daemon:
            _finish(daemon.run_iteration(self.context))

    def judge_freshness(self) -> dict[str, str]:
        """The state of every table with a freshness policy, as the UI shows it."""
        with FreshnessDaemon() as daemon:
            _finish(daemon.run_iteration(self.context))
        policed = [node.asset_key for node in self.repository.get_asset_node_snaps() if node.freshness_policy]
        states = self.instance.event_log_storage.get_freshness_state_records(policed)
        return {key.to_user_string(): record.freshness_state.value for key, record in states.items()}

    def runs_since(self, moment: datetime) -> list[dg.RunRecord]:
        """Runs that began after it, the first one first."""
        records = self.instance.get_run_records(ascending=True)
        return [record for record in records if record.start_time and record.start_time > moment.timestamp()]

    def failed_checks(self, record: dg.RunRecord) -> Iterator[tuple[str, str]]:
        """Name and severity of each check of a run that did not pass."""
        run_id = record.dagster_run.run_id
        for entry in self.instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
            check = entry.get_dagster_event().asset_check_evaluation_data
            if not check.passed:
                yield check.check_name, check.severity.value


@contextmanager
def open_daemons(config: Config) -> Iterator[Daemons]:
    """On an instance in the home with the project's own `dagster.yaml`; DAGSTER_HOME must name its folder."""
    load_definitions(config)
    config.dagster_home.mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / "dagster.yaml", config.dagster_home)
    module = LoadableTargetOrigin(module_name="recsys_assets.definitions", working_directory=str(PROJECT_ROOT))
    target = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(module, location_name="recsys_assets"))
    reference = InstanceRef.from_dir(str(config.dagster_home), overrides=LAUNCHED_HERE)
    with dg.DagsterInstance.from_ref(reference) as instance, WorkspaceProcessContext(instance, target) as context:
        yield Daemons(context)


def _finish(iteration: Iterable[object]) -> None:
    """A daemon yields None while it lives, and what went wrong."""
    faults = [said for said in iteration if said is not None]
    assert not faults, faults
