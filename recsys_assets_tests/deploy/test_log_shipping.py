"""A real rsyslog with the configuration of deploy/: every line of the log reaches the collector once."""

import os
import shutil
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from recsys_assets.config import PROJECT_ROOT, Config, load_config
from recsys_assets.logs import configure_logs, get_logger
from recsys_assets_tests.fixtures.waiting import wait_until

pytestmark = pytest.mark.slow
RECSYS_CONF = PROJECT_ROOT / "deploy" / "rsyslog" / "recsys.conf"


@pytest.fixture
def binary() -> str:
    found = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin")
    if found is None:
        assert os.environ.get("RECSYS_REQUIRE_RSYSLOG") != "1", "rsyslogd is not on the PATH"
        pytest.skip("rsyslogd is not on the PATH (Debian's package rsyslog)")
    return found


@pytest.fixture
def collected() -> Iterator[tuple[int, list[str]]]:
    """The collector's port, and the lines that it got."""
    lines: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            lines.extend(line.decode().rstrip("\n") for line in self.rfile)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], lines
        server.shutdown()


@contextmanager
def shipping(binary: str, conf: Path, folder: Path) -> Iterator[None]:
    with subprocess.Popen([binary, "-n", "-f", str(conf), "-i", str(folder / "rsyslog.pid")]) as process:
        time.sleep(1)
        assert process.poll() is None
        try:
            yield
        finally:
            process.terminate()


def log_lines(config: Config, numbers: range) -> None:
    configure_logs(config)
    for number in numbers:
        get_logger("recsys_assets.somewhere").info("file_loaded", number=number, file_name="Bücher\n.csv" + "x" * 300)


def test_it_is_a_configuration_that_rsyslog_takes(binary: str) -> None:
    checked = subprocess.run([binary, "-N1", "-f", RECSYS_CONF], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "error" not in checked.stderr.lower()


def test_every_line_arrives_once_as_it_was_written_also_across_full_files_and_restarts(
    binary: str, collected: tuple[int, list[str]], tmp_path: Path
) -> None:
    port, lines = collected
    home = tmp_path / "home"
    (home / "logs").mkdir(parents=True)
    settings = {"MAX_MEGABYTES": "0.05", "KEPT_FILES": "20"}  # a file is full after a hundred lines
    config = load_config({"RECSYS_HOME": str(home)} | {f"RECSYS__LOGS__{name}": at for name, at in settings.items()})
    text = RECSYS_CONF.read_text()
    for old, new in {"/data": home, "/var/spool/rsyslog": tmp_path, "logs.internal": "127.0.0.1", "5170": port}.items():
        assert str(old) in text
        text = text.replace(old, str(new))
    (conf := tmp_path / "recsys.conf").write_text(text)
    log_lines(config, range(50))  # before it is started
    with shipping(binary, conf, tmp_path):
        log_lines(config, range(50, 350))
        wait_until(lambda: len(lines) >= 350)
    log_lines(config, range(350, 380))  # while it is down
    with shipping(binary, conf, tmp_path):
        log_lines(config, range(380, 400))
        wait_until(lambda: len(lines) >= 400)
        time.sleep(1)
    files = [*config.log_path.parent.glob("recsys.jsonl*")]
    assert len(files) > 3
    assert sorted(lines) == sorted(line for path in files for line in path.read_text("utf-8").splitlines())
    assert len(set(lines)) == 400
