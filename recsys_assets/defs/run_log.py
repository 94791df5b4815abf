"""Log lines and metrics of every run of an instance, however it was started: `dagster.yaml` names this handler."""

import logging
import time
from typing import Any

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventType
from structlog.contextvars import bind_contextvars, unbind_contextvars

from recsys_assets.config import load_config
from recsys_assets.defs.failures import explain_error
from recsys_assets.logs import configure_logs, get_logger
from recsys_assets.traces import Timed, trace_run
from recsys_assets.upkeep.build_metrics import write_metrics

LOGGER = get_logger("recsys_assets.run")


class RunLogHandler(logging.Handler):
    """Turns what Dagster records of a run into log lines, and writes the metrics when the run has ended.

    Dagster makes one in each process that works on a run. What the packages log meanwhile bears the run and the step.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)  # steps report at this level
        configure_logs(load_config())
        self.started = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record."""
        try:
            self._log(record, getattr(record, "dagster_meta", {}))
        except Exception:  # noqa: BLE001 - a run does not fail for its log; this prints what happened on stderr
            self.handleError(record)

    def _log(self, record: logging.LogRecord, meta: dict[str, Any]) -> None:
        event: DagsterEvent | None = meta.get("dagster_event")
        kind = event.event_type if event is not None else None
        bind_contextvars(run_id=meta.get("run_id"), job=meta.get("job_name"))
        if meta.get("step_key"):
            bind_contextvars(step_key=meta["step_key"])
        else:
            unbind_contextvars("step_key")
        if event is None:
            LOGGER.log(record.levelno, "message", message=meta.get("orig_message", record.getMessage()))
        elif kind is DagsterEventType.RUN_START:
            self.started = time.monotonic()
            LOGGER.info("run_started")
        elif kind is DagsterEventType.STEP_START:
            LOGGER.info("step_started")
        elif kind is DagsterEventType.STEP_SUCCESS:
            LOGGER.info("step_finished", seconds=round(event.step_success_data.duration_ms / 1000, 3))
        elif kind is DagsterEventType.STEP_FAILURE:
            LOGGER.error("step_failed", error=explain_error(event.step_failure_data.error))
        elif kind is DagsterEventType.STEP_SKIPPED:
            LOGGER.warning("step_skipped")
        elif kind is DagsterEventType.ASSET_MATERIALIZATION:
            _log_materialization(event)
        elif kind is DagsterEventType.ASSET_CHECK_EVALUATION:
            _log_check(event.asset_check_evaluation_data)
        elif kind in (DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED):
            self._end_run(event, meta["run_id"])
        if event is not None and event.is_step_event and kind in STEP_ENDS:
            unbind_contextvars("step_key")

    def _end_run(self, event: DagsterEvent, run_id: str) -> None:
        seconds = round(time.monotonic() - self.started, 3)
        if event.event_type is DagsterEventType.RUN_SUCCESS:
            LOGGER.info("run_finished", seconds=seconds)
        elif event.event_type is DagsterEventType.RUN_CANCELED:
            LOGGER.warning("run_canceled", seconds=seconds)
        else:
            error = event.job_failure_data.error
            LOGGER.error("run_failed", seconds=seconds, error=explain_error(error) if error else event.message)
        from recsys_assets.defs.run_history import read_runs, read_steps  # it imports the checks, and they the layers

        config = load_config()
        with dg.DagsterInstance.get() as instance:
            write_metrics(config, read_runs(instance))
            if config.traces.endpoint is not None:
                trace_run(config, run_id, _timed(instance, run_id, event), read_steps(instance, run_id))
        unbind_contextvars("run_id", "job")


STEP_ENDS = (DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_SKIPPED)


def _timed(instance: dg.DagsterInstance, run_id: str, end: DagsterEvent) -> Timed:
    record = instance.get_run_record_by_id(run_id)
    now = time.time()
    started_at = record.start_time if record and record.start_time else now
    return Timed(end.job_name, started_at, now, end.event_type is not DagsterEventType.RUN_SUCCESS)


def _log_materialization(event: DagsterEvent) -> None:
    materialization = event.step_materialization_data.materialization
    found = {name: value.value for name, value in materialization.metadata.items()}
    fields = {"rows": found.get("dagster/row_count"), "build_id": found.get("build_id")}
    LOGGER.info(
        "asset_materialized",
        asset_key=materialization.asset_key.to_user_string(),
        **{name: value for name, value in fields.items() if value is not None},
    )


def _log_check(check: dg.AssetCheckEvaluation) -> None:
    """A line for each check; of its findings numbers and the gate's decision, since others may quote rows."""
    found = {
        name: value.value
        for name, value in check.metadata.items()
        if name == "decision" or isinstance(value, dg.FloatMetadataValue | dg.IntMetadataValue)
    }
    level = logging.DEBUG if check.passed else getattr(logging, check.severity.name.replace("WARN", "WARNING"))
    event = "check_passed" if check.passed else "check_failed"
    LOGGER.log(level, event, asset_key=check.asset_key.to_user_string(), check=check.check_name, **found)
