"""What Prometheus sees of the service, at `/metrics`."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from opentelemetry.trace import Tracer
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client's: there the workers of a service count together


class State(Collector):
    """What is so now, as the process that is asked sees it.

    Attributes:
        bundle_age: seconds since the bundle in use was made; -1: there is none.
        bundle: its build_id and model_version.
        sessions_up: whether the session store answered last time.
    """

    def __init__(self) -> None:
        self.bundle_age = -1.0
        self.bundle: tuple[str, str] | None = None
        self.sessions_up = True

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        age_words = "Since the bundle in use was made; -1: there is none."
        yield GaugeMetricFamily("recsys_bundle_age_seconds", age_words, self.bundle_age)
        info = GaugeMetricFamily("recsys_bundle_info", "The bundle in use.", labels=["build_id", "model_version"])
        if self.bundle:
            info.add_metric(self.bundle, 1)
        yield info
        up_words = "1: the session store answered last time."
        yield GaugeMetricFamily("recsys_sessions_up", up_words, int(self.sessions_up))


class Measures:
    """What is counted. No label ever holds an id of a user or an item.

    Args:
        tracer: makes a span of each stage, below the request's; None: nothing is traced.
    """

    def __init__(self, tracer: Tracer | None = None) -> None:
        self.tracer = tracer
        self.state = State()
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "recsys_request_seconds", "From the request's arrival to its answer.", ["route", "status"],
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self.stages = Histogram(
            "recsys_stage_seconds", "Parts of an answer.", ["stage"], buckets=SECONDS, registry=self.registry
        )
        self.fallbacks = Counter(
            "recsys_fallbacks", "Lists that are not the ones asked for, by the reason.", ["reason"],
            registry=self.registry,
        )  # fmt: skip
        self.rows = Counter(
            "recsys_posted_rows", "Posted rows, by table and what became of them.", ["table", "outcome"],
            registry=self.registry,
        )  # fmt: skip
        if os.environ.get(SHARED_FOLDER):  # whichever worker is asked answers for all
            self.registry = CollectorRegistry()
            MultiProcessCollector(self.registry)  # type: ignore[no-untyped-call]
        self.registry.register(self.state)

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Time a part of an answer."""
        timer = self.stages.labels(name).time()
        return timer if self.tracer is None else self._trace(name, timer)

    @contextmanager
    def _trace(self, name: str, timer: AbstractContextManager[object]) -> Iterator[None]:
        assert self.tracer
        with timer, self.tracer.start_as_current_span(name):
            yield

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self.registry)
