"""Structured logs: one JSON object a line in `$RECSYS_HOME/logs/recsys.jsonl`, from every process at work on the home.

Code asks `get_logger` for a logger and names what happened by a verb in the past: `logger.info("file_loaded", rows=3)`.
Nothing is written before `configure_logs`, so the packages can be used from a plain Python shell in silence.
"""

import logging
import sys
from collections import deque
from typing import Any, Final

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.types import EventDict, Processor

from recsys_assets import log_file
from recsys_assets.config import Config

ROOT: Final = "recsys_assets"
FIRST_FIELDS: Final = (
    "timestamp",
    "level",
    "event",
    "logger",
    "command",
    "request_id",
    "run_id",
    "job",
    "step_key",
    "asset_key",
)
LONGEST_WAIT: Final = 1000  # lines kept while the home is empty, or its log cannot be written
_BYTES_PER_MEGABYTE: Final = 1_000_000

logging.getLogger(ROOT).addHandler(logging.NullHandler())  # or the standard library would print warnings itself


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module (`__name__`). Its lines carry what `structlog.contextvars` holds: run, job and step.

    A field never holds a user_id, and no sentence in which one stands.
    """
    lazy = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    logger: structlog.stdlib.BoundLogger = lazy.bind()  # or each use would make one
    return logger


def configure_logs(config: Config) -> None:
    """From now on this process writes its log lines, and only as `config.logs` says."""
    root = logging.getLogger(ROOT)
    for handler in [*root.handlers]:
        root.removeHandler(handler)
    root.addHandler(_JsonLines(config))
    root.setLevel(config.logs.level.upper())
    root.propagate = False  # Dagster's processes print what reaches the root logger


class _JsonLines(logging.Handler):
    """Writes records into the home's log, and to stderr where the configuration says so.

    A home that holds nothing gets no log: a mistyped RECSYS_HOME leaves no trace, and `recsys restore` wants an empty
    folder. The lines wait, and follow as soon as there is something.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.waiting: deque[str] = deque(maxlen=LONGEST_WAIT)
        self.is_written = True
        self.setFormatter(ProcessorFormatter(foreign_pre_chain=[structlog.stdlib.ExtraAdder()], processors=_PROCESSORS))

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; a log that cannot be written is said once, on stderr, and stops nothing."""
        line = self.format(record) + "\n"
        if self.config.logs.stderr:
            sys.stderr.write(line)
            sys.stderr.flush()
        self.waiting.append(line)
        try:
            if self.config.home.is_dir() and any(self.config.home.iterdir()):
                limits = self.config.logs
                max_bytes = int(limits.max_megabytes * _BYTES_PER_MEGABYTE)
                log_file.append(self.config.log_path, "".join(self.waiting), max_bytes, limits.kept_files)
                self.waiting.clear()
                self.is_written = True
        except OSError as error:
            if self.is_written:
                print(f"The log {self.config.log_path} cannot be written: {error.strerror}.", file=sys.stderr)
            self.is_written = False


def _order_fields(_: Any, __: str, fields: EventDict) -> EventDict:
    return {name: fields[name] for name in FIRST_FIELDS if name in fields} | dict(fields)


_PROCESSORS: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    ProcessorFormatter.remove_processors_meta,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _order_fields,
    structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
]
