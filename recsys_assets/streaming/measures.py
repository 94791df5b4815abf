"""What Prometheus sees of a stream's reader."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class StreamMeasures:
    """One process's counters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = Counter(
            "recsys_stream_messages", "Messages that are in the inbox, by topic and whether they are rows.",
            ["topic", "outcome"], registry=self.registry,
        )  # fmt: skip
        self.lag = Gauge(
            "recsys_stream_lag_messages", "Messages of the topic that are not in the inbox yet.",
            ["topic", "partition"], registry=self.registry,
        )  # fmt: skip
        self.lost = Counter(
            "recsys_stream_lost_messages", "Messages that the broker removed before they were read.",
            ["topic", "partition"], registry=self.registry,
        )  # fmt: skip
        self.errors = Counter("recsys_stream_errors", "Errors of the client.", ["code"], registry=self.registry)
        self.waiting = Gauge(
            "recsys_stream_waiting", "1: too much waits to be landed, and nothing is read.", registry=self.registry
        )
        self.unlanded = Gauge(
            "recsys_stream_unlanded_bytes", "Read, and not landed yet.", registry=self.registry
        )  # fmt: skip
