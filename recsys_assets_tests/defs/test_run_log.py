"""What runs leave in the log and the metrics, with the instance that `make dev` and the command line use."""

import json
import shutil
from collections.abc import Iterator

import dagster as dg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from recsys_assets.config import PROJECT_ROOT, Config
from recsys_assets.errors import RecsysError
from recsys_assets.logs import get_logger
from recsys_assets_tests.fixtures.collector import collect


@dg.asset(key=["raw", "things"])
def things(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    context.log.info("took in 3 things")
    get_logger("recsys_assets.sources.things").info("file_loaded", rows_read=3)
    return dg.MaterializeResult(metadata={"dagster/row_count": 3})


@dg.asset(deps=[things])
def fragile() -> None:
    raise RecsysError("The thing is broken: mend it.")


@dg.asset_check(asset=things)
def enough_things() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=False, severity=dg.AssetCheckSeverity.WARN, metadata={"n": 3, "names": "u1, u2", "decision": "too few"}
    )


@pytest.fixture
def instance(tiny_home: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    tiny_home.dagster_home.mkdir(parents=True)
    shutil.copyfile(PROJECT_ROOT / "dagster.yaml", tiny_home.dagster_home / "dagster.yaml")
    monkeypatch.setenv("RECSYS_HOME", str(tiny_home.home))
    monkeypatch.setenv("DAGSTER_HOME", str(tiny_home.dagster_home))
    with dg.DagsterInstance.get() as instance:
        yield instance


def run(instance: dg.DagsterInstance, *assets: object) -> str:
    """Run a job of these assets; its run_id."""
    checks = [asset for asset in assets if isinstance(asset, dg.AssetChecksDefinition)]
    others = [asset for asset in assets if asset not in checks]
    definitions = dg.Definitions(assets=others, asset_checks=checks, jobs=[dg.define_asset_job("small", "*")])
    job = definitions.resolve_job_def("small")
    return job.execute_in_process(instance=instance, raise_on_error=False).run_id


def read_log(config: Config) -> list[dict[str, object]]:
    return [json.loads(line) for line in config.log_path.read_text(encoding="utf-8").splitlines()]


def read_metric(config: Config, name: str) -> float | None:
    text = (config.metrics_path / "recsys.prom").read_text(encoding="utf-8")
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return next((sample.value for sample in samples if sample.name == name), None)


@pytest.mark.filterwarnings("ignore:Handling yaml-defined")
def test_every_line_of_a_run_bears_the_run_and_the_step(instance: dg.DagsterInstance, tiny_home: Config) -> None:
    run_id = run(instance, things, enough_things)
    lines = read_log(tiny_home)
    assert {(line["run_id"], line["job"]) for line in lines} == {(run_id, "small")}
    by_step = [(line["event"], line.get("step_key")) for line in lines]
    assert by_step[0] == ("run_started", None)
    assert by_step[-1] == ("run_finished", None)
    assert [event for event, step in by_step if step == "raw__things"] == [
        "step_started",
        "message",
        "file_loaded",
        "asset_materialized",
        "step_finished",
    ]
    (made,) = (line for line in lines if line["event"] == "asset_materialized")
    assert (made["asset_key"], made["rows"]) == ("raw/things", 3)
    (check,) = (line for line in lines if line["event"] == "check_failed")
    assert (check["level"], check["check"], check["n"], check["decision"]) == ("warning", "enough_things", 3, "too few")
    assert "names" not in check
    assert next(line for line in lines if line["event"] == "message")["message"] == "took in 3 things"


@pytest.mark.filterwarnings("ignore:Handling yaml-defined")
def test_failed_runs_are_told_with_their_sentence_and_counted(instance: dg.DagsterInstance, tiny_home: Config) -> None:
    run(instance, things, fragile)
    run(instance, things, fragile)
    lines = read_log(tiny_home)
    errors = [(line["event"], line["error"]) for line in lines if line["level"] == "error"]
    sentence = "The thing is broken: mend it."
    assert errors == [("step_failed", sentence), ("run_failed", sentence)] * 2
    assert read_metric(tiny_home, "recsys_job_failed_runs") == 2
    assert read_metric(tiny_home, "recsys_job_last_success_timestamp_seconds") is None
    run(instance, things)
    assert read_metric(tiny_home, "recsys_job_failed_runs") == 0
    success = read_metric(tiny_home, "recsys_job_last_success_timestamp_seconds")
    assert success == read_metric(tiny_home, "recsys_job_last_end_timestamp_seconds")
    step, whole = (
        read_metric(tiny_home, "recsys_step_duration_seconds"),
        read_metric(tiny_home, "recsys_job_duration_seconds"),
    )
    assert step is not None
    assert whole is not None
    assert 0 < step < whole


@pytest.mark.filterwarnings("ignore:Handling yaml-defined")
def test_a_run_that_cannot_log_succeeds_all_the_same(instance: dg.DagsterInstance, tiny_home: Config, capsys) -> None:
    for name in ("logs", "metrics"):
        (tiny_home.home / name).write_text("a file where the folder should be")
    run_id = run(instance, things)
    assert instance.get_run_by_id(run_id).is_success
    assert f"The log {tiny_home.log_path} cannot be written" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:Handling yaml-defined")
def test_a_collector_gets_a_span_of_the_run_and_one_below_it_for_each_step(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collect() as collector:
        monkeypatch.setenv("RECSYS__TRACES__ENDPOINT", collector.address)
        run_id = run(instance, things, fragile)
    whole = collector.named("small")
    steps = [collector.named(name) for name in ("raw__things", "fragile")]
    assert [step.parent_span_id for step in steps] == [whole.span_id] * 2
    assert whole.start_time_unix_nano <= steps[0].start_time_unix_nano < steps[0].end_time_unix_nano
    assert steps[1].end_time_unix_nano <= whole.end_time_unix_nano
    assert [span.status.code for span in (whole, *steps)] == [2, 1, 2]  # error, ok, error
    assert {one.value.string_value for span in (whole, *steps) for one in span.attributes} == {run_id}
