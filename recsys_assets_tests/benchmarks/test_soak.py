"""Two minutes of lists, rankings and events while a build and three switches go on: nothing fails."""

import os
from pathlib import Path

import pytest

from benchmarks.soak import run, show

MINUTES = float(os.environ.get("RECSYS_SOAK_MINUTES", "2"))


@pytest.mark.slow
def test_nothing_fails_while_bundles_switch_and_a_build_goes_on(built_home: Path) -> None:
    found = run(built_home, MINUTES)
    print(show(found))
    assert found.failures == 0
    assert found.build_status == 0
    assert len(found.builds) >= 3
    assert min(load.per_second for load in found.lists) > 25
    first, last = found.memory[len(found.memory) // 4][1], found.memory[-1][1]
    assert last < first + 150
