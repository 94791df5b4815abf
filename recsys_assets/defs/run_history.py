"""What Dagster's history says of the runs, for the metrics."""

from collections import defaultdict

import dagster as dg
from dagster._core.execution.stats import StepEventStatus
from dagster._core.storage.asset_check_execution_record import COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as CheckStatus

from recsys_assets.defs.checks import CHECKED_BEFORE_PUBLISHING, gate_passed
from recsys_assets.traces import Timed
from recsys_assets.upkeep.build_metrics import JobRuns, Runs

LONGEST_HISTORY = 1000  # runs looked back at


def read_runs(instance: dg.DagsterInstance) -> Runs:
    """The runs of every job that has ended at least once, killed ones included as soon as they are marked as failed."""
    ended = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
    by_job = defaultdict(list)
    for record in instance.get_run_records(ended, limit=LONGEST_HISTORY):  # the newest first
        by_job[record.dagster_run.job_name].append(record)
    jobs = {}
    for job, records in by_job.items():
        failed_runs = 0
        success = None
        for record in records:
            if record.dagster_run.is_success:
                success = record
                break
            failed_runs += 1
        jobs[job] = JobRuns(
            last_end_at=max(record.end_time or record.update_timestamp.timestamp() for record in records),
            last_success_at=success.end_time if success else None,
            seconds=success.end_time - success.start_time
            if success and success.end_time and success.start_time
            else None,
            step_seconds={
                step.name: step.ended_at - step.started_at
                for step in (read_steps(instance, success.dagster_run.run_id) if success else ())
            },
            failed_runs=failed_runs,
        )
    return Runs(jobs=jobs, gate_passed=_read_gate(instance))


def read_steps(instance: dg.DagsterInstance, run_id: str) -> list[Timed]:
    """The steps of a run that have ended."""
    return [
        Timed(step.step_key, step.start_time, step.end_time, step.status is StepEventStatus.FAILURE)
        for step in instance.get_run_step_stats(run_id)
        if step.start_time and step.end_time
    ]


def _read_gate(instance: dg.DagsterInstance) -> bool | None:
    key = dg.AssetCheckKey(CHECKED_BEFORE_PUBLISHING, gate_passed.check_key.name)
    executed = instance.event_log_storage.get_asset_check_execution_history(
        key, limit=1, status=set(COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES)
    )
    return executed[0].status is CheckStatus.SUCCEEDED if executed else None
