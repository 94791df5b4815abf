import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.processes import PEERS_PYTHON, FailedSystemError, run_measured
from recsys_assets.config import PROJECT_ROOT

pytestmark = pytest.mark.skipif(not PEERS_PYTHON.exists(), reason="the peers' environment is not there: `make bench`")

IN_A_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"


def test_memory_of_children_counts(tmp_path: Path) -> None:
    hold = "import time; held = bytearray(300 * 2**20); time.sleep(1)"
    cost = run_measured([sys.executable, "-c", IN_A_CHILD, hold], tmp_path / "run.log", limit=60)
    assert 300 < cost.memory_mb < 400
    assert 1 < cost.seconds < 30


def test_a_failure_says_the_last_line(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; print('first'); sys.exit('no memory')"]
    with pytest.raises(FailedSystemError, match=r"^no memory$"):
        run_measured(command, tmp_path / "run.log", limit=60)


def test_what_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    write = f"import time; time.sleep(4); open({str(tmp_path / 'late')!r}, 'w')"
    with pytest.raises(FailedSystemError, match=r"^not done in 1 s$"):
        run_measured([sys.executable, "-c", IN_A_CHILD, write], tmp_path / "run.log", limit=1)
    assert not (tmp_path / "late").exists()


def test_who_is_stopped_stops_what_it_runs(tmp_path: Path) -> None:
    write = f"import time; open({str(tmp_path / 'begun')!r}, 'w'); time.sleep(8); open({str(tmp_path / 'late')!r}, 'w')"
    run = (
        "import signal, sys; from pathlib import Path; from benchmarks.processes import run_measured;"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit('Stopped.'));"
        f"run_measured([sys.executable, '-c', {write!r}], Path({str(tmp_path / 'run.log')!r}), 60)"
    )
    with subprocess.Popen([sys.executable, "-c", run], cwd=PROJECT_ROOT) as running:
        while not (tmp_path / "begun").exists():
            time.sleep(0.1)
        began = time.monotonic()
        running.terminate()
    assert time.monotonic() - began < 6  # it waited for the end of its child, which came at once
    time.sleep(max(0.0, began + 9 - time.monotonic()))
    assert not (tmp_path / "late").exists()


def test_two_threads_are_what_a_system_gets(tmp_path: Path) -> None:
    run_measured(
        [sys.executable, "-c", "import os; print(os.environ['OMP_NUM_THREADS'])"], tmp_path / "run.log", limit=60
    )
    assert (tmp_path / "run.log").read_text() == "2\n"
