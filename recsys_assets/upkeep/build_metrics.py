"""`metrics/recsys.prom`: what Prometheus can watch of a home, for node_exporter's textfile collector."""

import json
from collections.abc import Iterator
from datetime import UTC
from http.client import HTTPException
from typing import Final

import duckdb
from prometheus_client import CollectorRegistry, push_to_gateway, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, ConfigDict

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.evaluation.feature_drift import moved_features
from recsys_assets.files import replace_file
from recsys_assets.logs import get_logger
from recsys_assets.publishing.manifest import read_manifest
from recsys_assets.publishing.metrics import METRICS_FILE, RESULTS_FOLDER
from recsys_assets.publishing.switch import current_bundle
from recsys_assets.upkeep.model_state import DRIFT_TABLE
from recsys_assets.warehouse import has_table, open_warehouse

METRICS_FILE_NAME: Final = "recsys.prom"
RUNS_FILE_NAME: Final = "runs.json"
WAREHOUSE_WAIT_SECONDS: Final = 10.0
PUSH_TIMEOUT_SECONDS: Final = 5.0
LABEL: Final = "dagster_job"  # Prometheus and the Pushgateway keep `job` for themselves
_LOGGER: Final = get_logger(__name__)


class JobRuns(BaseModel):
    """The runs of one job. Times are seconds since 1970.

    Attributes:
        last_end_at: when its last run ended, well or not.
        last_success_at: when its last successful run ended; None before the first.
        seconds: how long that one took.
        step_seconds: step -> how long it took in that one.
        failed_runs: since that one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    last_end_at: float
    last_success_at: float | None
    seconds: float | None
    step_seconds: dict[str, float]
    failed_runs: int


class Runs(BaseModel):
    """`metrics/runs.json`: what Dagster's history says, kept for a load and a rollback, which do without Dagster.

    Attributes:
        jobs: job -> its runs.
        gate_passed: what the gate said last; None before its first word.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    jobs: dict[str, JobRuns]
    gate_passed: bool | None


def write_metrics(config: Config, runs: Runs | None = None) -> None:
    """Write `recsys.prom` in one step, and push the metrics where the configuration says so.

    What cannot be read, written or pushed is a line in the log: a run does not fail for its metrics.

    Args:
        config: the configuration.
        runs: the history of runs as it is now; by default as it was when metrics were written with one.
    """
    runs_path = config.metrics_path / RUNS_FILE_NAME
    try:
        if runs is not None:
            replace_file(runs_path, runs.model_dump_json(indent=1).encode())
        elif runs_path.exists():
            runs = Runs.model_validate_json(runs_path.read_bytes())
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Measured([*_runs(runs), *_bundle(config), *_warehouse(config)]))
        config.metrics_path.mkdir(parents=True, exist_ok=True)
        write_to_textfile(str(config.metrics_path / METRICS_FILE_NAME), registry)
    except (OSError, ValueError) as error:
        _LOGGER.error("metrics_not_written", error=str(error))
        return
    if config.metrics.pushgateway is not None:
        try:
            push_to_gateway(config.metrics.pushgateway, "recsys", registry, timeout=PUSH_TIMEOUT_SECONDS)
        except (OSError, HTTPException, ValueError) as error:
            _LOGGER.warning("metrics_not_pushed", pushgateway=config.metrics.pushgateway, error=str(error))


class _Measured(Collector):
    """Hands out what was measured."""

    def __init__(self, families: list[Metric]) -> None:
        self.families = families

    def collect(self) -> list[Metric]:
        return self.families


def _runs(runs: Runs | None) -> Iterator[Metric]:
    if runs is None:
        return
    success = GaugeMetricFamily(
        "recsys_job_last_success_timestamp_seconds", "When the job last ended well.", labels=[LABEL]
    )
    end = GaugeMetricFamily("recsys_job_last_end_timestamp_seconds", "When the job last ended.", labels=[LABEL])
    seconds = GaugeMetricFamily("recsys_job_duration_seconds", "Time of the last successful run.", labels=[LABEL])
    step = GaugeMetricFamily(
        "recsys_step_duration_seconds", "Time of the step in the last successful run.", labels=[LABEL, "step"]
    )
    failed = GaugeMetricFamily("recsys_job_failed_runs", "Failed runs since the last successful one.", labels=[LABEL])
    for job, of_job in sorted(runs.jobs.items()):
        end.add_metric([job], of_job.last_end_at)
        failed.add_metric([job], of_job.failed_runs)
        if of_job.last_success_at is not None and of_job.seconds is not None:
            success.add_metric([job], of_job.last_success_at)
            seconds.add_metric([job], of_job.seconds)
        for name, step_seconds in sorted(of_job.step_seconds.items()):
            step.add_metric([job, name], step_seconds)
    yield from (success, end, seconds, step, failed)
    if runs.gate_passed is not None:
        yield GaugeMetricFamily(
            "recsys_gate_passed", "1 if the gate let the last lists through, 0 if not.", value=float(runs.gate_passed)
        )


def _bundle(config: Config) -> Iterator[Metric]:
    try:
        folder = current_bundle(config)
        if folder is None:
            return
        manifest = read_manifest(folder)
        results = json.loads((folder / RESULTS_FOLDER / manifest.method / METRICS_FILE).read_text(encoding="utf-8"))
    except (RecsysError, OSError, ValueError) as error:
        _LOGGER.error("metrics_incomplete", error=str(error))
        return
    info = InfoMetricFamily("recsys_bundle", "The bundle in use.")
    info.add_metric(
        [],
        {"build_id": manifest.build_id, "method": manifest.method, "model_version": manifest.model_version},
    )
    created = manifest.created_at.replace(tzinfo=UTC).timestamp()
    rows = GaugeMetricFamily("recsys_published_rows", "Rows of a table of the bundle in use.", labels=["table"])
    for table, n_rows in sorted(manifest.row_counts.items()):
        rows.add_metric([table], n_rows)
    yield from (info, rows)
    yield GaugeMetricFamily("recsys_bundle_created_timestamp_seconds", "When it was made.", value=created)
    for row in results["metrics"]:
        if (row["metric"], row["k"], row["cutoff"]) == ("ndcg", 10, "test"):
            yield GaugeMetricFamily(
                "recsys_published_ndcg_at_10",
                "NDCG@10 on the test cutoff of the method that made the published lists.",
                value=row["value"],
            )


def _warehouse(config: Config) -> Iterator[Metric]:
    if not config.warehouse_path.exists():
        return
    try:
        with open_warehouse(config, read_only=True, wait_seconds=WAREHOUSE_WAIT_SECONDS) as connection:
            by_table = connection.execute(
                """
                SELECT table_name, sum(rows_read)::BIGINT, sum(rows_rejected)::BIGINT
                FROM raw.files GROUP BY table_name ORDER BY table_name
                """
            ).fetchall()
            newest = connection.execute(
                """
                SELECT 'events', epoch(max(ts)) FROM raw.events HAVING max(ts) IS NOT NULL
                UNION ALL SELECT 'impressions', epoch(max(ts)) FROM raw.impressions HAVING max(ts) IS NOT NULL
                """
            ).fetchall()
            is_measured = has_table(connection, DRIFT_TABLE)
            drift = connection.sql(f"SELECT * FROM {DRIFT_TABLE}").pl() if is_measured else None
    except (RecsysError, duckdb.Error) as error:
        _LOGGER.warning("metrics_incomplete", error=str(error).partition("\n")[0])
        return
    read = CounterMetricFamily("recsys_read_rows", "Rows of all landed files.", labels=["table"])
    rejected = CounterMetricFamily("recsys_rejected_rows", "Rows that could not be taken.", labels=["table"])
    for table, n_read, n_rejected in by_table:
        read.add_metric([table], n_read)
        rejected.add_metric([table], n_rejected)
    last = GaugeMetricFamily("recsys_newest_row_timestamp_seconds", "The latest time in a table.", labels=["table"])
    for table, at in newest:
        last.add_metric([table], at)
    yield from (read, rejected, last)
    if drift is not None:
        yield GaugeMetricFamily(
            "recsys_drifted_features",
            "Features that moved beyond what is usual since the ranker learnt.",
            value=len(moved_features(drift, config.gates)),
        )
