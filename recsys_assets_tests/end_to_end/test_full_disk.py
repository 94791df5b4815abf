"""A disk without room: one sentence, the bundle in use still answers, and with room again the next run does the rest.

A limit on the size of files stands for the disk: every library meets the same failure of its writes.
"""

import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from recsys_assets.config import Config, load_config
from recsys_assets.sources.landing import load_folder
from recsys_assets_tests.end_to_end.command_line import recsys
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish

N_EVENTS = 60_000
SENTENCE = (
    r"Error: (Step \S+ failed: )?The disk is full or failing \(.+\): make room, most likely where \$RECSYS_HOME lies, "
    r"and run the same again; what is published stays in use\."
)


@pytest.fixture
def home(tiny_home: Config, tiny_world: Path, tmp_path: Path) -> Path:
    """The tiny world loaded, and the hand-made world published."""
    load_folder(tiny_home, tiny_world, datetime(2024, 6, 1))
    other = load_config({"RECSYS_HOME": str(tmp_path / "other")})
    make_warehouse(other)
    publish(other, datetime(2024, 3, 1))
    shutil.copytree(other.published_path, tiny_home.published_path, symlinks=True)
    return tiny_home.home


@pytest.fixture
def many_events(tmp_path: Path) -> Path:
    """A folder with one file of about 2 MB."""
    folder = tmp_path / "files"
    folder.mkdir()
    lines = (f"many{n},u{n % 10 + 1:02},i{n % 12 + 1:02},2024-03-01 10:00:{n % 60:02}" for n in range(N_EVENTS))
    (folder / "events.csv").write_text("\n".join(["event_id,user_id,item_id,ts", *lines]) + "\n")
    return folder


def assert_stopped_with_one_sentence(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert re.fullmatch(SENTENCE, last), done.stderr


def n_events(home: Path) -> int:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        ((n_rows,),) = connection.execute("SELECT count(*) FROM raw.events").fetchall()
    return int(n_rows)


@pytest.mark.slow
@pytest.mark.parametrize("largest_file", [1_000_000, 2_600_000], ids=["no room to land", "no room for the rows"])
def test_load(home: Path, many_events: Path, largest_file: int) -> None:
    before = n_events(home)
    done = recsys(home, "load", str(many_events), largest_file=largest_file)
    assert_stopped_with_one_sentence(done)
    assert n_events(home) == before
    answer = recsys(home, "recommend", "u1")
    assert answer.returncode == 0, answer.stderr
    assert recsys(home, "load", str(many_events)).returncode == 0
    assert n_events(home) == before + N_EVENTS
    assert recsys(home, "verify").returncode == 0


@pytest.mark.slow
def test_build(home: Path) -> None:
    """Whatever meets the limit first: the warehouse, dbt, Dagster's history or the new bundle."""
    done = recsys(home, "build", largest_file=1_500_000)
    assert_stopped_with_one_sentence(done)
    answer = recsys(home, "recommend", "u1")
    assert answer.returncode == 0, answer.stderr
    done = recsys(home, "build")
    assert done.returncode == 0, done.stderr
    assert recsys(home, "verify").returncode == 0
