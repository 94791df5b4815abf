"""Wall time and peak memory of a command with all its children; runs in the peers' environment, which has psutil.

python benchmarks/measure.py OUT SECONDS COMMAND...    ends COMMAND after SECONDS; what was measured is JSON in OUT
"""

import json
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

INTERVAL = 0.2  # seconds between two looks at the memory


def measure_command(command: list[str], limit: float) -> dict[str, float | int | bool]:
    """Run a command to its end, or kill it and its children after `limit` seconds, or when this process is stopped.

    Returns:
        `status` (its exit status), `seconds` (wall), `processor_seconds` (of all its processes), `memory_mb` (the
        largest sum of resident sets of all its processes at one time, looked at five times a second, and at least the
        peak of its largest process), `late` (was killed).
    """
    started = time.perf_counter()
    process = subprocess.Popen(command)
    peak, late = 0, False
    try:
        while process.poll() is None:
            peak = max(peak, sum(map(_resident, _tree(process.pid))))
            if time.perf_counter() - started > limit:
                late = True
                break
            with suppress(subprocess.TimeoutExpired):
                process.wait(INTERVAL)
    finally:
        for one in _tree(process.pid) if process.poll() is None else []:
            _kill(one)
        process.wait()
    seconds = time.perf_counter() - started
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "status": process.returncode,
        "seconds": seconds,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "memory_mb": round(max(peak, used.ru_maxrss * unit) / 2**20),
        "late": late,
    }


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:  # it has just ended
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _kill(process: psutil.Process) -> None:
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    out, allowed, *called = sys.argv[1:]
    Path(out).write_text(json.dumps(measure_command(called, float(allowed))), encoding="utf-8")
