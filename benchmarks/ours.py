"""This project as a user runs it: `recsys load` and `recsys build` in a home of its own, and the published lists."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.processes import run_measured
from benchmarks.results import Result
from benchmarks.score import K, read_lists
from recsys_assets.config import PROJECT_ROOT
from recsys_assets.errors import RecsysError

NAME = "recsys build"
RECSYS = Path(sys.executable).with_name("recsys")
STEP = re.compile(r"^  \. (\w+) \(([\d.]+) s\)$", re.MULTILINE)  # how the progress tells of a step that is done
WAREHOUSE, LISTS = "warehouse", "publishing__recommendations"
# in between, but nothing that a list waits for: reports, other tables, checks
BESIDE = re.compile(r"^(evaluation__.*|publishing__(similar|trending)_items|features__.*|raw__.*)$")


def build_ours(split: Path, home: Path, lists: Path, limit: float) -> Result:
    """Load what the split shows, build, and keep the top 10 of the surface `for_you` as a parquet file.

    The home is made anew and removed afterwards, but for the logs beside it.

    Returns:
        The result; its `seconds` are the steps from the finished warehouse to the lists of all users and surfaces, the
        training of the ranker among them.

    Raises:
        FailedSystemError: a command failed or took more than `limit` seconds.
        RecsysError: `recsys` runs another checkout than this one.
    """
    _demand_this_checkout()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    environment = {"RECSYS_HOME": str(home)}
    load = run_measured([str(RECSYS), "load", str(split / "seen")], home.with_suffix(".load.log"), limit, environment)
    log = home.with_suffix(".build.log")
    build = run_measured([str(RECSYS), "build"], log, limit, environment)
    published = read_lists(home / "published" / "current" / "recsys.duckdb")
    published.filter(published["rank"] <= 2 * K).write_parquet(lists)
    shutil.rmtree(home)
    return Result(
        system=NAME,
        lists=lists.name,
        seconds=sum_steps(log.read_text(encoding="utf-8")),
        whole_seconds=load.seconds + build.seconds,
        processor_seconds=load.processor_seconds + build.processor_seconds,
        memory_mb=max(load.memory_mb, build.memory_mb),
    )


def sum_steps(progress: str) -> float | None:
    """Seconds from the finished warehouse to the lists, from what `recsys build` printed; None if it does not say."""
    steps = [(name, float(seconds)) for name, seconds in STEP.findall(progress)]
    names = [name for name, _ in steps]
    if WAREHOUSE not in names or LISTS not in names:
        return None
    between = steps[names.index(WAREHOUSE) + 1 : names.index(LISTS) + 1]
    return sum(seconds for name, seconds in between if not BESIDE.match(name))


def _demand_this_checkout() -> None:
    command = [sys.executable, "-I", "-c", "import recsys_assets; print(recsys_assets.__file__)"]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    if not RECSYS.exists() or not found or not Path(found).is_relative_to(PROJECT_ROOT):
        raise RecsysError(
            f"The benchmark is that of {PROJECT_ROOT}, but {RECSYS} would run {found or 'nothing'}: use `make bench`."
        )
