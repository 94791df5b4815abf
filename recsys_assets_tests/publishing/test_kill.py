"""A publisher that is killed anywhere leaves the bundle before it in use, and nothing in the way of the next one."""

import multiprocessing
import random
import signal
import time
from datetime import datetime
from pathlib import Path

import pytest

from recsys_assets.config import Config
from recsys_assets.publishing.manifest import verify_bundle
from recsys_assets.publishing.retention import apply_retention
from recsys_assets.publishing.switch import current_bundle
from recsys_assets.serving.lists import recommend
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish, publish_and_die, publish_when_told

# each process starts from a clean one, without the threads of this one
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["recsys_assets_tests.fixtures.published_world"])


@pytest.fixture
def before(tiny_home: Config) -> Path:
    make_warehouse(tiny_home)
    return publish(tiny_home, datetime(2024, 3, 1))


def assert_whole_and_unhurt(config: Config, in_use: Path) -> None:
    """The bundle in use is the expected one and answers; the next is published; nothing is left of the dead one."""
    assert current_bundle(config) == in_use
    verify_bundle(in_use)
    assert recommend(config, "u1").rows[0].build_id == in_use.name
    after = publish(config, datetime(2024, 3, 3))
    apply_retention(config)
    assert current_bundle(config) == after
    verify_bundle(after)
    assert not list(config.published_path.glob(".tmp-*"))


@pytest.mark.parametrize(
    ("step", "occurrence"),
    [
        ("os.mkdir", 1),  # the folder aside
        ("shutil.copyfile", 2),  # in the middle of the model
        ("os.chmod", 1),  # all is written, nothing is flushed
        ("os.rename", 1),  # before it takes its place
        ("os.symlink", 1),  # in its place, not in use
        ("os.rename", 2),  # before the link moves
    ],
)
def test_killed_before_a_step(tiny_home: Config, before: Path, step: str, occurrence: int) -> None:
    process = PROCESSES.Process(target=publish_and_die, args=(str(tiny_home.home), step, occurrence))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert_whole_and_unhurt(tiny_home, in_use=before)


@pytest.mark.slow
@pytest.mark.parametrize("draw", range(8))
def test_killed_at_a_random_moment(tiny_home: Config, before: Path, draw: int) -> None:
    told = PROCESSES.Event()
    process = PROCESSES.Process(target=publish_when_told, args=(str(tiny_home.home), told))
    process.start()
    told.set()
    time.sleep(random.Random(draw).uniform(0, 0.5))
    process.kill()
    process.join(120)
    bundles = [path for path in tiny_home.published_path.glob("[!.]*") if not path.is_symlink()]
    in_use = current_bundle(tiny_home)
    assert in_use in bundles
    for bundle in bundles:  # the dead one too, if it got as far as its place
        verify_bundle(bundle)
    assert_whole_and_unhurt(tiny_home, in_use=in_use or before)
