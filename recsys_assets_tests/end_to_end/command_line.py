"""The command line as a person has it, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from recsys_assets_tests.end_to_end.simulated_world import write_simulated_world

RECSYS = str(Path(sys.executable).with_name("recsys"))


def recsys(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"RECSYS_HOME": str(home)}
    return subprocess.run([RECSYS, *arguments], env=environment, capture_output=True, text=True, check=False)


def build_world(home: Path) -> Path:
    for arguments in (("load", str(write_simulated_world(home / "incoming"))), ("build",)):
        done = recsys(home, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    return home
