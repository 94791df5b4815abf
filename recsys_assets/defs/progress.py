"""Progress of a run on the terminal: a line a step with its time, and what steps say meanwhile."""

import logging
import sys
import time

import dagster as dg
from dagster._core.events import DagsterEventType

DBT_CHATTER = ("A dbt subsetted", "Copying", "Running dbt command", "Finished dbt command", "Your dbt project")


class ProgressHandler(logging.Handler):
    """Prints step starts, successes with seconds, failures, failed checks and assets' own messages."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)  # steps report at this level
        self.started: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line for the records that a person waits for."""
        meta = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        step = meta.get("step_key") or ""
        if event is None:
            if step and record.levelno >= logging.INFO:
                message = str(meta.get("orig_message", record.getMessage())).strip().splitlines()[0]
                if not message.startswith(DBT_CHATTER):
                    self._say(f"    {message}")
            return
        if event.event_type is DagsterEventType.STEP_START:
            self.started[step] = time.monotonic()
            self._say(f"  > {step}")
        elif event.event_type is DagsterEventType.STEP_SUCCESS:
            self._say(f"  . {step} ({time.monotonic() - self.started.get(step, time.monotonic()):.1f} s)")
        elif event.event_type is DagsterEventType.STEP_FAILURE:
            self._say(f"  ! {step} failed")
        elif event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.event_specific_data
            if not check.passed:
                self._say(f"  ! check {check.check_name} of {check.asset_key.to_user_string()}: {check.severity.value}")

    @staticmethod
    def _say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)


@dg.logger({}, description="A line a step with its time, for the command line.")
def progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """The logger that `recsys build` and `recsys refresh` use."""
    logger = logging.Logger("recsys.progress", logging.DEBUG)
    logger.addHandler(ProgressHandler())
    return logger
