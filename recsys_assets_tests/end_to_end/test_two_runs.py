"""A run of Dagster and one of the command line, started at once on one home: both succeed, one after the other."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from recsys_assets.config import PROJECT_ROOT
from recsys_assets_tests.end_to_end.command_line import RECSYS, recsys


@pytest.mark.slow
def test_two_builds_started_at_once_both_publish_and_their_steps_do_not_mix(tmp_path: Path, tiny_world: Path) -> None:
    home = tmp_path / "home"
    assert recsys(home, "load", str(tiny_world)).returncode == 0
    (home / "dagster").mkdir()
    shutil.copy(PROJECT_ROOT / "dagster.yaml", home / "dagster" / "dagster.yaml")
    environment = os.environ | {"RECSYS_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    # as the daemon's launcher starts it: in a process of its own that knows nothing of the command line
    of_dagster = [sys.executable, "-m", "dagster", "job", "execute", "-m", "recsys_assets.definitions", "-j", "build"]
    started = [
        subprocess.Popen(
            command, env=environment, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for command in (of_dagster, [RECSYS, "build"])
    ]
    said = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert sum("waiting for another build on this home to end" in text for text in said) == 1
    assert len([path for path in (home / "published").iterdir() if path.name[0].isdigit()]) == 2

    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        runs = instance.get_runs()
        assert [(run.job_name, run.status.value) for run in runs] == [("build", "SUCCESS")] * 2
        starts_and_ends = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS}
        steps = [[event.timestamp for event in instance.all_logs(run.run_id, of_type=starts_and_ends)] for run in runs]
    first, second = sorted(steps, key=min)
    assert max(first) < min(second)
