"""Sensors: new files start a refresh, a model that is no longer good enough a build. Switched on in the UI."""

from datetime import UTC, datetime

import dagster as dg

from recsys_assets.config import Config, load_config
from recsys_assets.defs.jobs import build, refresh
from recsys_assets.defs.runs import REASON, find_unfinished, glance
from recsys_assets.errors import BusyError
from recsys_assets.locks import is_idle
from recsys_assets.publishing.switch import current_bundle
from recsys_assets.sources.waiting import find_waiting
from recsys_assets.upkeep.model_state import read_model_state, table_exists
from recsys_assets.upkeep.retraining import ModelState, reasons_to_retrain

SECONDS_TO_SHOW_LIFE = 300.0


@dg.sensor(
    jobs=[build, refresh],
    minimum_interval_seconds=30,
    description=(
        "Starts one refresh for all files that were landed or lie complete in the inbox, and waits while a run is "
        "queued or at work. The same files never start a second run: where theirs failed, start `refresh` by hand."
    ),
)
def new_files(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The cursor is the fingerprint of the files that a run was started for last."""
    config, now = load_config(), datetime.now(UTC)
    if unfinished := find_unfinished(context.instance):
        return dg.SkipReason(unfinished)
    try:
        with glance(config) as connection:
            waiting = find_waiting(config, connection, now)
            can_refresh = connection is not None and table_exists(connection, "evaluation.method_choice")
    except BusyError as error:
        return dg.SkipReason(str(error))
    if not waiting.n_files:
        left = f", and {waiting.n_unfinished} in the inbox are still being written" if waiting.n_unfinished else ""
        return dg.SkipReason(f"Every file is loaded{left}.")
    if context.cursor == waiting.fingerprint:
        return dg.SkipReason(
            f"A run was started for the {waiting.describe()} already, and did not load them: see Runs."
        )
    context.update_cursor(waiting.fingerprint)
    return dg.RunRequest(
        run_key=f"files {waiting.fingerprint}",
        job_name=refresh.name if can_refresh and current_bundle(config) else build.name,
        tags={REASON: f"{waiting.describe()}"},
    )


@dg.sensor(
    job=build,
    minimum_interval_seconds=300,
    description=(
        "Starts a build when a limit of `retraining` in the configuration is exceeded: new events, the model's age, "
        "the quality of what was published, drift. The run's tag recsys/reason says which. At most once a day."
    ),
)
def retrain_when_needed(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Read the model's state, and ask the pure function."""
    config, now = load_config(), datetime.now(UTC).replace(tzinfo=None)
    if unfinished := find_unfinished(context.instance):
        return dg.SkipReason(unfinished)
    try:
        with glance(config) as connection:
            state = read_model_state(config, connection, now) if connection else ModelState(now)
    except BusyError as error:
        return dg.SkipReason(str(error))
    if state.trained_at is None:
        return dg.SkipReason("Nothing was trained yet, or before trainings were recorded: run `build` once.")
    reasons = reasons_to_retrain(state, config.retraining)
    if not reasons:
        return dg.SkipReason(f"The model of {state.trained_at:%Y-%m-%d %H:%M} UTC can stay.")
    # a build that fails leaves the state as it is: it is tried again the next day, not every five minutes
    run_key = f"retrain {state.trained_at.isoformat()} {now:%Y-%m-%d}"
    return dg.RunRequest(run_key=run_key, tags={REASON: "; ".join(reasons)})


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Marks runs as failed whose process was killed: they would block the queue for good. It starts nothing, and is "
        "on from the beginning."
    ),
)
def dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """A run that lives holds the home or waits for it; where nobody does, it is dead."""
    failed = fail_dead_runs(context.instance, load_config(), datetime.now(UTC))
    return dg.SkipReason(f"Marked as failed: {', '.join(failed)}." if failed else "Every run that is at work lives.")


def fail_dead_runs(instance: dg.DagsterInstance, config: Config, now: datetime) -> list[str]:
    """The short ids of the runs that count as at work, and whose process is gone; they are marked as failed."""
    statuses = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    suspects = [
        record.dagster_run.run_id
        for record in instance.get_run_records(dg.RunsFilter(statuses=statuses))
        if now.timestamp() - record.update_timestamp.timestamp() > SECONDS_TO_SHOW_LIFE
    ]
    if not suspects or not is_idle(config):
        return []
    failed = []
    for run in instance.get_runs(dg.RunsFilter(run_ids=suspects, statuses=statuses)):  # one may have ended meanwhile
        instance.report_run_failed(run, "The process of this run was killed; the next run takes up its work.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        failed.append(run.run_id[:8])
    return failed


sensors = [new_files, retrain_when_needed, dead_runs]
