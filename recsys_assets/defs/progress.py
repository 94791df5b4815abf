"""Progress of a run on the terminal: a line a step with its time, what steps say meanwhile, never a long silence."""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.events import DagsterEventType

CHATTER = (
    "A dbt subsetted",
    "Dependencies for step",  # one for every step that does not run after one that failed
)
LONGEST_SILENCE = 8.0  # seconds


class Terminal:
    """Where progress is printed."""

    def __init__(self) -> None:
        self.last_line_at = time.monotonic()

    def say(self, line: str) -> None:
        """Print a line."""
        self.last_line_at = time.monotonic()
        print(line, file=sys.stderr, flush=True)

    @contextmanager
    def sign_of_life(self) -> Iterator[None]:
        """Meanwhile, say how long it has taken whenever nothing else was said for LONGEST_SILENCE seconds."""
        started, ended = time.monotonic(), threading.Event()

        def watch() -> None:
            while not ended.wait(1.0):
                now = time.monotonic()
                if now - self.last_line_at > LONGEST_SILENCE:
                    self.say(f"    ... at work for {now - started:.0f} s")

        watcher = threading.Thread(target=watch, name="sign of life", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()


terminal = Terminal()


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
                if not message.startswith(CHATTER):
                    terminal.say(f"    {message}")
            return
        if event.event_type is DagsterEventType.STEP_START:
            self.started[step] = time.monotonic()
            terminal.say(f"  > {step}")
        elif event.event_type is DagsterEventType.STEP_SUCCESS:
            terminal.say(f"  . {step} ({time.monotonic() - self.started.get(step, time.monotonic()):.1f} s)")
        elif event.event_type is DagsterEventType.STEP_FAILURE:
            terminal.say(f"  ! {step} failed")
        elif event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.event_specific_data
            if not check.passed:
                name = f"{check.check_name} of {check.asset_key.to_user_string()}"
                terminal.say(f"  ! check {name}: {check.severity.value}")


@dg.logger({}, description="A line a step with its time, for the command line.")
def progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """The logger that `recsys build` and `recsys refresh` use."""
    logger = logging.Logger("recsys.progress", logging.DEBUG)
    logger.addHandler(ProgressHandler())
    return logger
