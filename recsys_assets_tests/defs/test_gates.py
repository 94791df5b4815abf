"""A bad batch fails the very step that loads it: nothing downstream runs."""

from pathlib import Path

import dagster as dg
import pytest

from recsys_assets.config import Config
from recsys_assets.defs.raw import raw_tables
from recsys_assets.defs.resources import Settings
from recsys_assets.sources.batches import accept_batch, read_batches
from recsys_assets.sources.landing import land_folder
from recsys_assets.warehouse import open_warehouse

DOWNSTREAM = dg.AssetKey(["staging", "anything"])
GATE = "items_known_as_before"


@dg.asset(key=DOWNSTREAM, deps=[dg.AssetKey(["raw", "events"])])
def downstream() -> None:
    """Stands for dbt, whose step tests raw.events and so would not wait for checks in a step of their own."""


@pytest.fixture
def home(tiny_home: Config, tiny_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The tiny world and another shop's events, landed."""
    monkeypatch.setenv("RECSYS_HOME", str(tiny_home.home))
    land_folder(tiny_home, tiny_world)
    rows = (f"x{n},u01,other{n},2024-02-01 10:00:00,view,3,s{n}\n" for n in range(60))
    (tmp_path / "events.csv").write_text("event_id,user_id,item_id,ts,event_type,value,session_id\n" + "".join(rows))
    land_folder(tiny_home, tmp_path)
    return tiny_home


def run() -> tuple[bool, dict[str, bool], bool]:
    """Whether the run succeeded, check -> passed, and whether the step downstream ran."""
    result = dg.materialize([raw_tables, downstream], resources={"settings": Settings()}, raise_on_error=False)
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    return (
        result.success,
        checks,
        DOWNSTREAM in {event.asset_key for event in result.get_asset_materialization_events()},
    )


def test_a_blocking_gate_stops_what_is_downstream(home: Config) -> None:
    succeeded, checks, ran = run()
    assert (succeeded, checks[GATE], ran) == (False, False, False)


@pytest.mark.parametrize("action", ["warn", "off"])
def test_a_gate_that_does_not_block_stops_nothing(home: Config, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    monkeypatch.setenv(f"RECSYS__GATES__{GATE.upper()}", action)
    succeeded, checks, ran = run()
    assert (succeeded, ran) == (True, True)
    assert checks.get(GATE) is {"warn": False, "off": None}[action]


def test_an_accepted_batch_passes(home: Config) -> None:
    assert not run()[0]
    with open_warehouse(home) as connection:
        name = read_batches(connection, home)[-1].name
    accept_batch(home, name)
    succeeded, checks, ran = run()
    assert (succeeded, set(checks.values()), ran) == (True, {True}, True)
