"""Traces for OpenTelemetry: a span for each request and its stages, for each run and its steps.

Nothing is traced before `traces.endpoint` names a collector (OTLP over HTTP), and no span names a user or an item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from recsys_assets import __version__
from recsys_assets.config import Config
from recsys_assets.errors import RecsysError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

INSTRUMENTATION: Final = "recsys_assets"
WITH_IDS: Final = frozenset({"url.path", "url.query"})  # http.route has the path without the ids in it
COLLECTOR_SECONDS: Final = 5
NANOSECONDS: Final = 1_000_000_000


@dataclass(frozen=True)
class Timed:
    """A run, or a step of it.

    Attributes:
        name: the job's, or the step's.
        started_at: seconds since 1970.
        ended_at: the same.
        is_failed: whether it failed.
    """

    name: str
    started_at: float
    ended_at: float
    is_failed: bool


def open_traces(config: Config, service: str) -> "TracerProvider | None":
    """What makes spans and sends them on; its `shutdown` sends the last ones. None: nothing is traced.

    Args:
        config: `traces` says where to and how many.
        service: the process's name in the traces.

    Raises:
        RecsysError: the extra is missing.
    """
    if config.traces.endpoint is None:
        return None
    if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
        raise RecsysError("traces.endpoint needs OpenTelemetry: pip install 'recsys-assets[traces]'.")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    class WithoutIds(OTLPSpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return super().export([_without_ids(span) for span in spans])

    exporter = WithoutIds(f"{config.traces.endpoint.rstrip('/')}/v1/traces", timeout=COLLECTOR_SECONDS)
    resource = Resource.create({"service.name": service, "service.version": __version__})
    provider = TracerProvider(ParentBasedTraceIdRatio(config.traces.share), resource)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def trace_run(config: Config, run_id: str, run: Timed, steps: Sequence[Timed]) -> None:
    """Send the spans of a run that has ended: its own, and one below it for each step."""
    if (provider := open_traces(config, "recsys-runs")) is None:
        return
    from opentelemetry import trace

    tracer = provider.get_tracer(INSTRUMENTATION, __version__)
    attributes = {"recsys.run_id": run_id}

    def write(timed: Timed, below: Sequence[Timed] = ()) -> None:
        span = tracer.start_span(timed.name, attributes=attributes, start_time=int(timed.started_at * NANOSECONDS))
        with trace.use_span(span):
            for one in below:
                write(one)
        span.set_status(trace.StatusCode.ERROR if timed.is_failed else trace.StatusCode.OK)
        span.end(int(timed.ended_at * NANOSECONDS))

    write(run, steps)
    provider.shutdown()


def _without_ids(span: Any) -> Any:
    from opentelemetry.sdk.trace import ReadableSpan

    return ReadableSpan(
        span.name,
        span.context,
        span.parent,
        span.resource,
        {name: value for name, value in (span.attributes or {}).items() if name not in WITH_IDS},
        span.events,
        span.links,
        span.kind,
        None,
        span.status,
        span.start_time,
        span.end_time,
        span.instrumentation_scope,
    )
