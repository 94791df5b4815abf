"""Ctrl-C while dbt is at work in the middle of a build."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from recsys_assets_tests.end_to_end.command_line import RECSYS, recsys


@pytest.mark.slow
def test_an_interrupted_build_says_so_and_the_next_one_does_its_work(tmp_path: Path, tiny_world: Path) -> None:
    home = tmp_path / "home"
    assert recsys(home, "load", str(tiny_world)).returncode == 0
    with subprocess.Popen(
        ["env", "--default-signal=INT", RECSYS, "build"],  # which a shell's background ignores
        env=os.environ | {"RECSYS_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        next(line for line in process.stdout if "START sql table_by_cutoff model" in line)
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
    assert process.returncode == 1
    assert "Traceback" not in said
    assert said.splitlines()[-1] == "Error: Step warehouse failed: It was interrupted; the next run takes up its work."
    done = recsys(home, "build")
    assert done.returncode == 0, done.stderr
    assert recsys(home, "verify").returncode == 0
