"""The real sensors, on real homes and instances: what they start, what they wait for, what they start only once."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from recsys_assets.config import Config
from recsys_assets.defs.sensors import SECONDS_TO_SHOW_LIFE, fail_dead_runs
from recsys_assets.locks import building_lock
from recsys_assets.ranking.training_record import Training, record_training
from recsys_assets.sources.inbox import take_inbox
from recsys_assets.sources.landing import ingest_landed, land_folder
from recsys_assets.upkeep.published_quality import BundleQuality, write_published_quality
from recsys_assets.warehouse import open_warehouse

EVENTS = "user_id,item_id,ts\nu,a,2024-01-01\n"
UNFINISHED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def drop(config: Config, name: str, content: str = EVENTS) -> None:
    path = config.inbox_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Ticks:
    """A sensor of the definitions, evaluated as the daemon does: with the cursor that the last tick left."""

    def __init__(self, sensor: dg.SensorDefinition, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self.sensor, self.definitions, self.instance = sensor, definitions, instance
        self.cursor: str | None = None

    def tick(self) -> list[dg.RunRequest] | str:
        """The runs that it starts, or why it starts none."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor, definitions=self.definitions)
        found = self.sensor.evaluate_tick(context)
        self.cursor = found.cursor
        return found.run_requests or str(found.skip_message)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def new_files(definitions: dg.Definitions, instance: dg.DagsterInstance) -> Ticks:
    return Ticks(definitions.resolve_sensor_def("new_files"), definitions, instance)


@pytest.fixture
def retrain(definitions: dg.Definitions, instance: dg.DagsterInstance) -> Ticks:
    return Ticks(definitions.resolve_sensor_def("retrain_when_needed"), definitions, instance)


def hold(home: Path, held, done) -> None:
    with building_lock(Config.model_construct(home=home)):
        held.set()
        done.wait(60)


@contextmanager
def build_at_work(config: Config) -> Iterator[None]:
    """Another process holds the home, as a build from the command line does."""
    spawn = multiprocessing.get_context("spawn")
    held, done = spawn.Event(), spawn.Event()
    process = spawn.Process(target=hold, args=(config.home, held, done))
    process.start()
    try:
        assert held.wait(60)
        yield
    finally:
        done.set()
        process.join()


def test_nothing_new_starts_nothing(new_files, home, tiny_world) -> None:
    assert new_files.tick() == "Every file is loaded."
    land_folder(home, tiny_world)
    ingest_landed(home, datetime(2024, 6, 1))
    assert new_files.tick() == "Every file is loaded."


def test_many_files_start_one_run_a_build_where_nothing_is_published(new_files, home, tiny_world) -> None:
    land_folder(home, tiny_world)
    drop(home, "events/a.csv")
    drop(home, "events/b.csv", EVENTS.replace("01-01", "01-02"))
    (request,) = new_files.tick()
    assert request.job_name == "build"
    assert request.tags["recsys/reason"] == f"{len(list(tiny_world.iterdir()))} landed files and 2 files in the inbox"


def test_where_lists_are_published_it_is_a_refresh(new_files, home, publish_world) -> None:
    publish_world()
    assert new_files.tick() == "Every file is loaded."
    drop(home, "events/a.csv")
    (request,) = new_files.tick()
    assert (request.job_name, request.tags["recsys/reason"]) == ("refresh", "1 file in the inbox")


def test_a_warehouse_that_was_thrown_away_is_built_anew(new_files, home, publish_world) -> None:
    publish_world()
    home.warehouse_path.unlink()
    drop(home, "events/a.csv")
    (request,) = new_files.tick()
    assert request.job_name == "build"


def test_the_same_files_start_no_second_run_not_even_after_a_restart(new_files, definitions, home) -> None:
    drop(home, "events/a.csv")
    (first,) = new_files.tick()
    assert "was started for the 1 file in the inbox already" in new_files.tick()
    with dg.DagsterInstance.ephemeral() as after_restart:
        again = Ticks(new_files.sensor, definitions, after_restart)
        again.cursor = new_files.cursor
        assert "already" in again.tick()
        again.cursor = None  # even a cursor that was lost: Dagster starts no second run of the same key
        assert again.tick()[0].run_key == first.run_key
    drop(home, "events/b.csv")
    (second,) = new_files.tick()
    assert second.run_key != first.run_key
    assert second.tags["recsys/reason"] == "2 files in the inbox"


def test_what_a_run_took_is_not_new_any_more(new_files, home) -> None:
    drop(home, "events/a.csv")
    drop(home, "events/bad.csv", "a,b\n")
    assert len(new_files.tick()) == 1
    take_inbox(home, datetime.now(UTC))
    ingest_landed(home, datetime(2024, 6, 1))
    assert new_files.tick() == "Every file is loaded."
    assert (home.inbox_path / "refused" / "bad.csv").exists()


def test_a_file_that_is_still_written_is_waited_for(new_files, home, monkeypatch) -> None:
    monkeypatch.setenv("RECSYS__SOURCES__INBOX_SETTLE_SECONDS", "60")
    drop(home, "events/a.csv")
    drop(home, "events/b.csv.part")
    assert new_files.tick() == "Every file is loaded, and 1 in the inbox are still being written."


@pytest.mark.parametrize("status", UNFINISHED, ids=["at work", "being stopped"])
def test_no_run_is_started_while_one_is_unfinished(new_files, retrain, instance, definitions, home, status) -> None:
    drop(home, "events/a.csv")
    instance.create_run_for_job(definitions.resolve_job_def("refresh"), status=status)
    for ticks in (new_files, retrain):
        assert f"of refresh is {status.value.lower()}: it is waited for." in ticks.tick()
    assert new_files.cursor is None


def test_a_build_of_the_command_line_is_waited_for(new_files, retrain, home) -> None:
    drop(home, "events/a.csv")
    with build_at_work(home):
        for ticks in (new_files, retrain):
            assert "A build is at work on this home" in ticks.tick()
    assert len(new_files.tick()) == 1


def test_what_does_not_belong_into_the_landing_folder_makes_the_tick_fail(new_files, home) -> None:
    (home.landing_path / "events").mkdir(parents=True)
    (home.landing_path / "events" / "stray.csv").write_text(EVENTS)
    with pytest.raises(Exception, match=r"stray.csv was not put there by `recsys load`"):
        new_files.tick()


def trained(config: Config, days: float, n_events: int) -> None:
    record_training(config, Training("m1", now() - timedelta(days=days), n_events))


def test_a_build_is_started_with_the_reason_in_its_tags(retrain, home, publish_world) -> None:
    publish_world()  # seven events
    trained(home, days=2, n_events=5)
    (request,) = retrain.tick()
    assert request.tags["recsys/reason"] == "29 % of the events are newer than the model (limit 20 %)"
    assert retrain.tick()[0].run_key == request.run_key  # one attempt a day
    trained(home, days=31, n_events=7)
    assert retrain.tick()[0].tags["recsys/reason"] == "the model is 31 days old (limit 30)"


def drifted(config: Config, *rows: tuple[str, float | None, float | None, float | None]) -> None:
    with open_warehouse(config) as connection:
        connection.execute(
            """CREATE OR REPLACE TABLE evaluation.feature_drift
            (feature VARCHAR, psi DOUBLE, psi_usual DOUBLE, psi_at_build DOUBLE)"""
        )
        connection.executemany("INSERT INTO evaluation.feature_drift VALUES (?, ?, ?, ?)", rows)


def test_drift_is_a_reason_where_it_is_beyond_what_is_usual_and_was_not_there_at_the_build(
    retrain, home, publish_world
) -> None:
    publish_world()
    trained(home, days=2, n_events=7)
    by_nature = ("days_since_first_event", 9.0, 6.0, 0.1)
    as_the_build_found_it = ("fused_score", 2.4, 0.1, 2.5)
    drifted(home, by_nature, as_the_build_found_it, ("x", None, None, None))
    assert retrain.tick().startswith("The model of ")
    drifted(home, by_nature, as_the_build_found_it, ("price", 0.5, 0.2, 0.1), ("age", 0.1, None, None))
    assert retrain.tick()[0].tags["recsys/reason"] == "price has drifted, PSI 0.50 (limit 0.25)"


def test_quality_counts_of_the_newest_bundle_since_the_training(retrain, home, publish_world) -> None:
    publish_world()
    trained(home, days=2, n_events=7)
    one = BundleQuality("b", "m1", "ranker", now(), now(), None, 500, 0.03, 0.02, 0.04, 0.1, 0.12, "temporal")
    rows = [
        replace(one, build_id="before the training", created_at=now() - timedelta(days=3), ndcg=0.01),
        replace(one, build_id="older", created_at=now() - timedelta(days=1), ndcg=0.02),
        one,
        replace(one, build_id="few users", created_at=now() + timedelta(hours=1), ndcg=0.01, n_users=99),
        replace(one, build_id="no forecast", created_at=now() + timedelta(hours=1), ndcg=0.01, split="leave_last"),
    ]
    with open_warehouse(home) as connection:
        connection.execute("CREATE SCHEMA health")
        write_published_quality(connection, rows)
    assert "is 0.030 on what 500 users chose since" in retrain.tick()[0].tags["recsys/reason"]


@pytest.mark.usefixtures("home")
def test_without_a_training_there_is_nothing_to_repeat(retrain) -> None:
    assert retrain.tick().startswith("Nothing was trained yet")


def test_a_good_model_can_stay(retrain, home, publish_world) -> None:
    publish_world()
    trained(home, days=2, n_events=7)
    assert retrain.tick().startswith("The model of ")


def test_a_run_whose_process_was_killed_is_failed_and_one_that_lives_is_not(instance, definitions, home) -> None:
    run = instance.create_run_for_job(definitions.resolve_job_def("build"), status=dg.DagsterRunStatus.STARTED)
    later = datetime.now(UTC) + timedelta(seconds=SECONDS_TO_SHOW_LIFE + 5)
    assert fail_dead_runs(instance, home, datetime.now(UTC)) == []  # it may be starting
    with build_at_work(home):
        assert fail_dead_runs(instance, home, later) == []
    assert fail_dead_runs(instance, home, later) == [run.run_id[:8]]
    assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.FAILURE
    assert fail_dead_runs(instance, home, later) == []


def test_what_starts_runs_is_off_until_a_person_switches_it_on(definitions) -> None:
    sensors = {sensor.name: sensor.default_status.value for sensor in definitions.sensors or ()}
    schedules = {schedule.name: schedule.default_status.value for schedule in definitions.schedules or ()}
    assert sensors == {"new_files": "STOPPED", "retrain_when_needed": "STOPPED", "dead_runs": "RUNNING"}
    assert schedules == {"nightly_refresh": "STOPPED", "weekly_build": "STOPPED"}


def test_the_nightly_refresh_waits_for_a_first_build_and_for_runs(
    definitions: dg.Definitions, home: Config, publish_world: Callable[[], None], tmp_path: Path
) -> None:
    instance = dg.DagsterInstance.local_temp(str(tmp_path))
    schedule = definitions.resolve_schedule_def("nightly_refresh")

    def tick() -> list[dg.RunRequest] | str:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=datetime(2024, 6, 1, 3, tzinfo=UTC)
        )
        found = schedule.evaluate_tick(context)
        return found.run_requests or str(found.skip_message)

    assert tick() == "Nothing is published yet: run `build` once."
    publish_world()
    assert [request.tags["recsys/reason"] for request in tick()] == ["every night"]
    instance.create_run_for_job(definitions.resolve_job_def("build"), status=dg.DagsterRunStatus.STARTED)
    assert "of build is started" in tick()
    instance.dispose()
