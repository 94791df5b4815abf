"""The build lock between processes, and within one."""

import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from recsys_assets.errors import BusyError
from recsys_assets.locks import building_lock, is_idle

HOLD = """
import sys, time
from recsys_assets.config import load_config
from recsys_assets.locks import building_lock
with building_lock(load_config({"RECSYS_HOME": sys.argv[1]}), lambda _: print("waits", flush=True)):
    print("holds", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@contextmanager
def other_process(home, says: str, seconds: float = 60):
    command = [sys.executable, "-c", HOLD, str(home), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == says
            yield process
        finally:
            process.kill()


def test_a_process_that_holds_the_home_goes_on_and_lets_go_at_the_end_of_the_outer_block(tiny_home) -> None:
    with building_lock(tiny_home):
        with building_lock(tiny_home, wait_seconds=0):
            pass
        with other_process(tiny_home.home, "waits"):
            pass
    with other_process(tiny_home.home, "holds"):
        pass


def test_a_home_that_is_held_is_not_idle_and_can_be_waited_for(tiny_home) -> None:
    assert is_idle(tiny_home)
    with other_process(tiny_home.home, "holds", seconds=2):
        assert not is_idle(tiny_home)
        with (
            pytest.raises(BusyError, match="A build is at work on this home"),
            building_lock(tiny_home, wait_seconds=0),
        ):
            pass
        started = time.monotonic()
        with building_lock(tiny_home):
            assert time.monotonic() - started > 0.2
    assert is_idle(tiny_home)


def test_a_process_that_waits_is_seen_between_two_that_hold(tiny_home) -> None:
    lock = building_lock(tiny_home)
    lock.__enter__()
    with other_process(tiny_home.home, "waits"):
        lock.__exit__(None, None, None)
        assert not is_idle(tiny_home)
