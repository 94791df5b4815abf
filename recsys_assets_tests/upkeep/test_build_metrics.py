"""What Prometheus reads of a home: valid, and as the home is."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from recsys_assets.config import Config, load_config
from recsys_assets.logs import configure_logs
from recsys_assets.sources.landing import load_folder
from recsys_assets.upkeep.build_metrics import JobRuns, Runs, write_metrics
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish

RUNS = Runs(
    jobs={
        "build": JobRuns(
            last_end_at=300.0, last_success_at=200.5, seconds=61.25, step_seconds={"raw_tables": 1.5}, failed_runs=2
        ),
        "refresh": JobRuns(last_end_at=100.0, last_success_at=None, seconds=None, step_seconds={}, failed_runs=1),
    },
    gate_passed=False,
)
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read_metrics(config: Config) -> Samples:
    text = (config.metrics_path / "recsys.prom").read_text(encoding="utf-8")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def log_events(config: Config) -> list[str]:
    return [json.loads(line)["event"] for line in config.log_path.read_text(encoding="utf-8").splitlines()]


def of_job(name: str, job: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return (name, (("dagster_job", job),))


@pytest.fixture
def loaded(tiny_home: Config, tmp_path: Path) -> Config:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "events.csv").write_text(
        "user_id,item_id,ts\nu1,i1,2024-01-01 10:00:00\nu1,i2,never\nu2,i1,2024-01-02 10:00:00\n"
    )
    load_folder(tiny_home, folder, datetime(2024, 6, 1))
    return tiny_home


@pytest.fixture
def published(tiny_home: Config) -> Config:
    make_warehouse(tiny_home)
    publish(tiny_home, datetime(2024, 3, 1))
    return tiny_home


def test_runs_are_told_by_job_and_a_job_without_success_has_none(tiny_home: Config) -> None:
    write_metrics(tiny_home, RUNS)
    samples = read_metrics(tiny_home)
    assert samples == {
        of_job("recsys_job_last_success_timestamp_seconds", "build"): 200.5,
        of_job("recsys_job_last_end_timestamp_seconds", "build"): 300.0,
        of_job("recsys_job_last_end_timestamp_seconds", "refresh"): 100.0,
        of_job("recsys_job_duration_seconds", "build"): 61.25,
        ("recsys_step_duration_seconds", (("dagster_job", "build"), ("step", "raw_tables"))): 1.5,
        of_job("recsys_job_failed_runs", "build"): 2,
        of_job("recsys_job_failed_runs", "refresh"): 1,
        ("recsys_gate_passed", ()): 0,
    }
    assert {path.name for path in tiny_home.metrics_path.iterdir()} == {"recsys.prom", "runs.json"}


def test_what_is_known_of_runs_stays_when_something_else_is_measured(tiny_home: Config) -> None:
    write_metrics(tiny_home, RUNS)
    before = read_metrics(tiny_home)
    write_metrics(tiny_home)
    assert read_metrics(tiny_home) == before


def test_rows_and_the_age_of_the_data_are_those_of_the_warehouse(loaded: Config) -> None:
    write_metrics(loaded)
    events = (("table", "events"),)
    assert read_metrics(loaded) == {
        ("recsys_read_rows_total", events): 3,
        ("recsys_rejected_rows_total", events): 1,
        ("recsys_newest_row_timestamp_seconds", events): datetime(2024, 1, 2, 10, tzinfo=UTC).timestamp(),
    }


def test_the_bundle_in_use_is_named_counted_and_measured(published: Config) -> None:
    write_metrics(published)
    folder = (published.published_path / "current").resolve()
    samples = read_metrics(published)
    labels = (("build_id", folder.name), ("method", "ranker"), ("model_version", "m1"))
    assert samples[("recsys_bundle_info", labels)] == 1
    assert samples[("recsys_bundle_created_timestamp_seconds", ())] == datetime(2024, 3, 1, tzinfo=UTC).timestamp()
    row_counts = json.loads((folder / "manifest.json").read_text())["row_counts"]
    told = {dict(labels)["table"]: n for (name, labels), n in samples.items() if name == "recsys_published_rows"}
    assert told == row_counts
    report = json.loads((folder / "model_evaluation_results/ranker/metrics.json").read_text())["metrics"]
    (ndcg,) = (row["value"] for row in report if (row["metric"], row["k"]) == ("ndcg", 10))
    assert samples[("recsys_published_ndcg_at_10", ())] == ndcg


@pytest.fixture
def gateway() -> Iterator[tuple[str, dict[str, str]]]:
    """A server that keeps what is put to it, and its address."""
    received: dict[str, str] = {}

    class Receiver(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            received[self.path] = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


def test_the_same_is_pushed_where_the_configuration_says_so(loaded: Config, gateway) -> None:
    address, received = gateway
    pushing = load_config({"RECSYS_HOME": str(loaded.home), "RECSYS__METRICS__PUSHGATEWAY": address})
    write_metrics(pushing, RUNS)
    assert received == {"/metrics/job/recsys": (loaded.metrics_path / "recsys.prom").read_text(encoding="utf-8")}


def test_a_gateway_that_does_not_answer_is_a_line_in_the_log(loaded: Config) -> None:
    environment = {"RECSYS_HOME": str(loaded.home), "RECSYS__METRICS__PUSHGATEWAY": "http://127.0.0.1:9"}
    pushing = load_config(environment)
    configure_logs(pushing)
    write_metrics(pushing, RUNS)
    assert read_metrics(pushing)
    assert log_events(pushing) == ["metrics_not_pushed"]


def test_what_cannot_be_read_is_left_out_and_said(published: Config) -> None:
    configure_logs(published)
    link = published.published_path / "current"
    link.unlink()
    link.symlink_to("nowhere")
    published.warehouse_path.write_text("no database")
    write_metrics(published, RUNS)
    assert {name for name, _ in read_metrics(published)} & {"recsys_bundle_info", "recsys_read_rows_total"} == set()
    assert log_events(published) == ["metrics_incomplete", "metrics_incomplete"]


def test_metrics_that_cannot_be_written_are_a_line_in_the_log(loaded: Config) -> None:
    configure_logs(loaded)
    loaded.metrics_path.write_text("a file where the folder should be")
    write_metrics(loaded)
    assert log_events(loaded) == ["metrics_not_written"]
