"""Running systems, each in a process of its own with two threads, and what that cost."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys_assets.config import PROJECT_ROOT
from recsys_assets.errors import RecsysError

PEERS_PYTHON = PROJECT_ROOT / ".venv-peers" / "bin" / "python"
THREADS = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "2"),
    "OMP_WAIT_POLICY": "passive",
    "RECSYS__THREADS": "2",
}


@dataclass(frozen=True)
class Cost:
    """Wall seconds, processor seconds, and the peak of the resident sets of all processes together, in MB."""

    seconds: float
    processor_seconds: float
    memory_mb: int


class FailedSystemError(Exception):
    """A system that is compared did not come to its end; the text says why."""


def run_measured(command: list[str], log: Path, limit: float, environment: dict[str, str] | None = None) -> Cost:
    """Run a command from the checkout with two threads; what it prints goes to `log`.

    Args:
        command: program and arguments.
        log: a file for its output and errors together.
        limit: seconds after which it is killed.
        environment: variables that differ from this process's own.

    Raises:
        FailedSystemError: it ended with another status than 0, or not in time; the text is the last line it printed.
    """
    measured = log.with_suffix(".cost.json")
    measured.unlink(missing_ok=True)
    wrapped = [str(PEERS_PYTHON), str(PROJECT_ROOT / "benchmarks" / "measure.py"), str(measured), str(limit), *command]
    with (
        log.open("wb") as file,
        subprocess.Popen(
            wrapped,
            cwd=PROJECT_ROOT,
            env=os.environ | THREADS | (environment or {}),
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as measuring,
    ):
        try:
            measuring.wait()
        except BaseException:  # stopped: nothing may run on unseen
            measuring.terminate()
            raise
    printed = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    if not measured.exists():
        reason = printed[-1] if printed else f"its process ended with status {measuring.returncode}"
        raise RecsysError(f"Nothing could be measured: {reason}; run `make bench` again, and it goes on here.")
    found = json.loads(measured.read_text(encoding="utf-8"))
    if found["late"]:
        raise FailedSystemError(f"not done in {limit:.0f} s")
    if found["status"] < 0:
        raise FailedSystemError(f"ended by signal {-found['status']}, as when memory is short")
    if found["status"]:
        raise FailedSystemError(printed[-1] if printed else f"exit status {found['status']}")
    return Cost(found["seconds"], found["processor_seconds"], found["memory_mb"])


def run_peer_step(step: str, split: Path, peer: str, given: dict[str, Any], out: Path, limit: float, *rest: str) -> Any:
    """Run `benchmarks.peer` in the peers' environment.

    Returns:
        What the step wrote, and its cost.

    Raises:
        FailedSystemError: as `run_measured`.
    """
    command = [str(PEERS_PYTHON), "-m", "benchmarks.peer", step, str(split), peer, json.dumps(given), str(out), *rest]
    cost = run_measured(command, out.with_suffix(".log"), limit)
    return json.loads(out.read_text(encoding="utf-8")), cost
