"""What is there is not made again, and what is not of this very plan is not taken for it."""

import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from recsys_assets.backtesting.lists import make_lists
from recsys_assets.backtesting.plan import (
    KEY,
    OriginFolder,
    Plan,
    finished_plans,
    has_lists,
    is_judged,
    make_plan,
    read_plan,
    start_plan,
)
from recsys_assets.backtesting.record import Record, read_record, write_tables_before
from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.warehouse import count_rows, open_warehouse

ORIGIN = date(2024, 1, 20)


@pytest.fixture
def record(loaded: Config) -> Record:
    with open_warehouse(loaded, read_only=True) as connection:
        return read_record(connection)


@pytest.fixture
def plan(loaded: Config, record: Record) -> Plan:
    plan = start_plan(loaded, record, ORIGIN, 7)
    with open_warehouse(loaded, read_only=True) as connection:
        write_tables_before(connection, OriginFolder(loaded, ORIGIN).history, plan.begins_at, plan.begins_at)
    return plan


def finish(config: Config, plan: Plan) -> None:
    folder = OriginFolder(config, plan.origin)
    folder.path.mkdir(parents=True, exist_ok=True)
    pl.DataFrame().write_parquet(folder.lists, metadata={KEY: plan.lists_key})
    pl.DataFrame().write_parquet(folder.judged, metadata={KEY: plan.judged_key})


def changed(plan: Plan, **fields: object) -> Plan:
    return plan.model_copy(update=fields)


def test_a_finished_origin_is_done_for_its_configuration_code_data_and_horizon_alone(
    loaded: Config, plan: Plan
) -> None:
    assert not is_judged(loaded, plan)
    finish(loaded, plan)
    assert is_judged(loaded, plan)
    for field in ("config_hash", "code", "history"):
        other = changed(plan, **{field: "other"})
        assert not is_judged(loaded, other)
        assert not has_lists(loaded, other)


def test_another_horizon_or_later_events_need_no_other_lists(loaded: Config, plan: Plan) -> None:
    finish(loaded, plan)
    for other in (changed(plan, horizon_days=14), changed(plan, future="other")):
        assert has_lists(loaded, other)
        assert not is_judged(loaded, other)


def test_the_tables_hold_what_compares_and_no_more(loaded: Config, record: Record, plan: Plan) -> None:
    later, longer, older_code = (date(2024, 1, day) for day in (21, 22, 23))
    finish(loaded, plan)
    finish(loaded, make_plan(loaded, record, later, 7))
    finish(loaded, make_plan(loaded, record, longer, 8))
    finish(loaded, changed(make_plan(loaded, record, older_code, 7), code="other"))
    assert [other.origin for other in finished_plans(loaded, record, plan)] == [ORIGIN, later]


def test_a_plan_is_kept_for_the_steps_to_come(loaded: Config, plan: Plan) -> None:
    assert read_plan(loaded, ORIGIN) == plan
    with pytest.raises(RecsysError, match="Nothing was begun for 2024-02-01"):
        read_plan(loaded, date(2024, 2, 1))


@pytest.mark.parametrize(
    ("origin", "sentence"),
    [(date(2024, 1, 1), "no events before 2024-01-01"), (date(2025, 1, 1), "reach beyond the last event")],
)
def test_a_partition_that_cannot_be_judged_is_refused(
    loaded: Config, record: Record, origin: date, sentence: str
) -> None:
    with pytest.raises(RecsysError, match=sentence):
        start_plan(loaded, record, origin, 7)
    assert not OriginFolder(loaded, origin).path.exists()


def test_a_home_of_this_plan_is_taken_up_and_any_other_made_anew(loaded: Config, plan: Plan) -> None:
    """A build that ends before it publishes leaves its home; what lies in it tells whether the next one found it."""
    seen: list[tuple[bool, int]] = []

    def end_early(home: Path) -> None:
        config = loaded.model_copy(update={"home": home})
        with open_warehouse(config) as connection:
            seen.append(((home / "trace").exists(), count_rows(connection, "raw.events")))
        (home / "trace").touch()
        raise RecsysError("killed")

    for attempt in (plan, plan, changed(plan, config_hash="other")):
        with pytest.raises(RecsysError, match="Origin 2024-01-20: killed"):
            make_lists(loaded, attempt, end_early, print)
    (OriginFolder(loaded, ORIGIN).home / "backtest.json").unlink()  # killed while the history was loaded
    with pytest.raises(RecsysError, match="killed"):
        make_lists(loaded, plan, end_early, print)
    assert seen == [(False, 52), (True, 52), (False, 52), (False, 52)]


def test_settings_that_tuning_found_count_in_the_other_home(loaded: Config, plan: Plan) -> None:
    def end_early(home: Path) -> None:
        assert (home / "tuned.yaml").read_text() == "seed: 43\n"
        raise RecsysError("killed")

    loaded.tuned_path.write_text("seed: 43\n")
    with pytest.raises(RecsysError, match="killed"):
        make_lists(loaded, plan, end_early, print)


def test_lists_that_are_there_need_neither_history_nor_build(loaded: Config, plan: Plan) -> None:
    finish(loaded, plan)
    shutil.rmtree(OriginFolder(loaded, ORIGIN).history)
    make_lists(loaded, plan, lambda home: pytest.fail(f"built {home} again"), print)
