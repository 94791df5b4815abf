"""What the log says of every command: that it was started, and how it ended."""

import functools
import re
import time
import traceback
from collections.abc import Callable
from typing import Any

import typer

from recsys_assets.config import load_config
from recsys_assets.errors import RecsysError

NOT_LOGGED = "…"


def log_command(command: Callable[..., None]) -> Callable[..., None]:
    """The command, which now leaves a line at its start and one at its end; a command without the second was killed."""

    @functools.wraps(command)
    def run(**arguments: Any) -> None:
        from recsys_assets.logs import configure_logs, get_logger

        configure_logs(load_config(tuned=False))  # what was tuned is of the ranker, and may be what is to be removed
        logger = get_logger("recsys_assets.cli").bind(command=command.__name__)
        started = time.monotonic()

        def seconds() -> float:
            return round(time.monotonic() - started, 3)

        logger.info("command_started")
        try:
            command(**arguments)
        except RecsysError as error:
            sentence = _without_user(str(error), arguments.get("user"))
            logger.error("command_failed", seconds=seconds(), error=sentence)
            raise
        except (KeyboardInterrupt, typer.Abort):
            logger.warning("command_stopped", seconds=seconds())
            raise
        except Exception as error:
            sentence = _without_user(f"{type(error).__name__}: {error}", arguments.get("user"))
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("command_failed", seconds=seconds(), error=sentence, traceback=where)
            raise
        logger.info("command_finished", seconds=seconds())

    return run


def _without_user(sentence: str, user: str | None) -> str:
    """The sentence without the user that the command was called with: nobody is named in the log."""
    return sentence if user is None else re.sub(rf"(?<!\w){re.escape(user)}(?!\w)", NOT_LOGGED, sentence)
