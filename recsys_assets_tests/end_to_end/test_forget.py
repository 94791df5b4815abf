"""A user is forgotten in a home that was really built; the next build works, and clears the flag."""

import shutil
from pathlib import Path

import pytest

from recsys_assets_tests.end_to_end.command_line import recsys
from recsys_assets_tests.fixtures.byte_search import search_for


@pytest.mark.slow
def test_forget_and_build_again(built_home: Path, tmp_path: Path) -> None:
    home, user = tmp_path / "home", "user017"
    shutil.copytree(built_home, home, symlinks=True, ignore=shutil.ignore_patterns("incoming"))
    assert search_for(user, home)
    done = recsys(home, "forget", user)
    assert done.returncode == 0, done.stderr
    assert search_for(user, home) == []
    flag = "trained with 1 user since forgotten"
    assert flag in recsys(home, "builds").stdout
    trace = recsys(home, "verify")
    assert (trace.returncode, flag in trace.stdout) == (0, True)
    assert recsys(home, "recommend", "user018").returncode == 0
    assert recsys(home, "load", str(built_home / "incoming")).returncode == 0
    done = recsys(home, "build")
    assert done.returncode == 0, done.stderr
    assert search_for(user, home) == []
    current = next(line for line in recsys(home, "builds").stdout.splitlines() if line.endswith("current "))
    flagged = [line.partition(":")[0] for line in recsys(home, "builds").stdout.splitlines() if flag in line]
    assert flagged
    assert current.split()[0] not in flagged
