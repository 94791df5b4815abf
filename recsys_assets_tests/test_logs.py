"""One JSON object a line, from whoever logs, once it was said where to."""

import ast
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from structlog.contextvars import bound_contextvars

from recsys_assets.config import PROJECT_ROOT, Config, load_config
from recsys_assets.logs import configure_logs, get_logger


@pytest.fixture
def home(tiny_home: Config) -> Config:
    (tiny_home.home / "landing").mkdir(parents=True)
    return tiny_home


def read_log(config: Config) -> list[dict[str, object]]:
    return [json.loads(line) for line in config.log_path.read_text(encoding="utf-8").splitlines()]


def test_a_line_has_the_time_the_level_and_all_fields(home: Config) -> None:
    configure_logs(home)
    before = datetime.now(UTC)
    with bound_contextvars(run_id="r1", step_key="raw_tables"):
        get_logger("recsys_assets.somewhere").warning("file_loaded", rows=3, file_name="Bücher\n.csv")
    (line,) = read_log(home)
    assert before <= datetime.fromisoformat(str(line.pop("timestamp"))) <= datetime.now(UTC)
    assert line == {
        "level": "warning",
        "event": "file_loaded",
        "logger": "recsys_assets.somewhere",
        "run_id": "r1",
        "step_key": "raw_tables",
        "rows": 3,
        "file_name": "Bücher\n.csv",
    }


def test_the_standard_library_s_loggers_write_the_same_lines(home: Config) -> None:
    configure_logs(home)
    logging.getLogger("recsys_assets.somewhere").error("lost %s", "it", extra={"rows": 3})
    (line,) = read_log(home)
    assert (line["level"], line["event"], line["logger"], line["rows"]) == (
        "error",
        "lost it",
        "recsys_assets.somewhere",
        3,
    )


def test_what_is_below_the_level_is_left_out(home: Config) -> None:
    configure_logs(load_config({"RECSYS_HOME": str(home.home), "RECSYS__LOGS__LEVEL": "warning"}))
    get_logger("recsys_assets.somewhere").info("unimportant")
    get_logger("recsys_assets.somewhere").warning("important")
    assert [line["event"] for line in read_log(home)] == ["important"]


def test_an_empty_home_stays_empty_and_the_lines_follow_when_it_no_longer_is(tiny_home: Config) -> None:
    configure_logs(tiny_home)
    logger = get_logger("recsys_assets.somewhere")
    logger.info("one")
    assert not tiny_home.home.exists()
    tiny_home.landing_path.mkdir(parents=True)
    logger.info("two")
    assert [line["event"] for line in read_log(tiny_home)] == ["one", "two"]


def test_a_log_that_cannot_be_written_is_said_once_and_stops_nothing(home: Config, capsys) -> None:
    (home.home / "logs").write_text("a file where the folder should be")
    configure_logs(home)
    for _ in range(2):
        get_logger("recsys_assets.somewhere").info("one")
    assert capsys.readouterr().err == f"The log {home.log_path} cannot be written: File exists.\n"
    (home.home / "logs").unlink()
    get_logger("recsys_assets.somewhere").info("two")
    assert [line["event"] for line in read_log(home)] == ["one", "one", "two"]


def test_the_lines_go_to_stderr_too_where_that_is_asked_for(home: Config, capsys) -> None:
    configure_logs(load_config({"RECSYS_HOME": str(home.home), "RECSYS__LOGS__STDERR": "true"}))
    get_logger("recsys_assets.somewhere").info("one")
    assert capsys.readouterr().err == home.log_path.read_text(encoding="utf-8")


def test_the_packages_are_silent_in_a_plain_shell() -> None:
    code = "from recsys_assets.logs import get_logger; get_logger('recsys_assets.x').error('lost', rows=1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_every_event_of_the_log_is_in_the_docs() -> None:
    logged: set[str] = set()
    for path in (PROJECT_ROOT / "recsys_assets").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        ast.Name("LOGGER" | "_LOGGER" | "logger"), "debug" | "info" | "warning" | "error" | "exception"
                    ),
                    args=[ast.Constant(str(event)), *_],
                ):
                    logged.add(event)
    page = (PROJECT_ROOT / "docs/observability.md").read_text("utf-8")
    assert len(logged) > 40
    assert {event for event in logged if f"`{event}`" not in page} == set()
