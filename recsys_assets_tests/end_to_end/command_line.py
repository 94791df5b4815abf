"""The command line as a person has it, in a process of its own."""

import os
import resource
import subprocess
import sys
from pathlib import Path

from recsys_assets_tests.end_to_end.simulated_world import write_simulated_world

RECSYS = str(Path(sys.executable).with_name("recsys"))


def recsys(home: Path, *arguments: str, largest_file: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; with `largest_file` (bytes) it finds no room for more in any file."""

    def limit_files() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    return subprocess.run(
        [RECSYS, *arguments],
        env=os.environ | {"RECSYS_HOME": str(home)},
        preexec_fn=limit_files,
        capture_output=True,
        text=True,
        check=False,
    )


def build_world(home: Path) -> Path:
    for arguments in (("load", str(write_simulated_world(home / "incoming"))), ("build",)):
        done = recsys(home, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    return home
