"""What Prometheus sees of the service, at `/metrics`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import NoOpTracer, Tracer
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Measures:
    """One process's counters. No label ever holds an id of a user or an item.

    Args:
        tracer: makes a span of each stage, below the request's.
    """

    def __init__(self, tracer: Tracer | None = None) -> None:
        self.tracer = tracer or NoOpTracer()
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
        self.bundle_age = Gauge(
            "recsys_bundle_age_seconds", "Since the bundle in use was made; -1: there is none.", registry=self.registry
        )
        self.bundle = Gauge(
            "recsys_bundle_info", "The bundle in use.", ["build_id", "model_version"], registry=self.registry
        )
        self.sessions_up = Gauge(
            "recsys_sessions_up", "1: the session store answered last time.", registry=self.registry
        )
        self.sessions_up.set(1)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a part of an answer."""
        started = time.perf_counter()
        try:
            with self.tracer.start_as_current_span(name):
                yield
        finally:
            self.stages.labels(name).observe(time.perf_counter() - started)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self.registry)
