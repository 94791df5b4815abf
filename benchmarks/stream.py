"""How fast `recsys stream` reads: python -m benchmarks.stream [--messages 100000] [--runs 3].

A broker of librdkafka's own test cluster, in this process, holds the messages before the reading begins (it keeps 5 MB
a partition: more would be gone before they are read); the reader is the command in a process of its own. Printed are
medians.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import Producer

STREAM = "from recsys_assets.cli import main; main()"
PARTITIONS = 4


def fill(n: int) -> tuple[Producer, str]:
    """A broker with n events; it lives as long as the producer does."""
    producer = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "linger.ms": 50, "log_level": 2})
    (broker,) = producer.list_topics(timeout=10).brokers.values()
    for number in range(n):
        event = {
            "event_id": f"e{number}",
            "user_id": f"user{number % 9973}",
            "item_id": f"item{number % 4999}",
            "ts": f"2026-01-{number % 28 + 1:02}T12:00:00Z",
            "event_type": "view",
            "session_id": f"s{number % 99991}",
        }
        while True:
            try:
                producer.produce("clicks", json.dumps(event), partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    return producer, f"{broker.host}:{broker.port}"


def read(address: str, run: int, n: int) -> tuple[float, float, int]:
    """Seconds from the command's start, seconds from its first message on, and the bytes that it wrote."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {
            "RECSYS_HOME": home,
            "RECSYS__STREAM__BROKERS": address,
            "RECSYS__STREAM__TOPICS": "{clicks: events}",
            "RECSYS__STREAM__GROUP": f"run{run}",
        }
        started = time.monotonic()
        command = [sys.executable, "-c", STREAM, "stream", "--until-end"]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - started
        lines = [json.loads(line) for line in (Path(home) / "logs" / "recsys.jsonl").read_text().splitlines()]
        (assigned, *_) = (line["timestamp"] for line in lines if line["event"] == "stream_assigned")
        last = [line["timestamp"] for line in lines if line["event"] == "stream_batch"][-1]
        files = [path.read_bytes() for path in Path(home).glob("inbox/events/*")]
        assert sum(content.count(b"\n") for content in files) == n, "the broker did not keep all messages"
        n_bytes = sum(map(len, files))
        return seconds, _seconds_between(assigned, last), n_bytes


def _seconds_between(first: str, last: str) -> float:
    from datetime import datetime

    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()


def main() -> None:
    """Measure, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    producer, address = fill(asked.messages)
    runs = [read(address, run, asked.messages) for run in range(asked.runs)]
    producer.flush()
    whole, reading, n_bytes = (statistics.median(values) for values in zip(*runs, strict=True))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"{asked.messages:,} messages of {n_bytes / asked.messages:.0f} bytes: {asked.messages / reading:,.0f}/s from "
        f"the first message to the last file, {asked.messages / whole:,.0f}/s with the start ({whole:.1f} s), "
        f"at most {peak:,.0f} MiB; {os.cpu_count()} cores, shared with the broker"
    )


if __name__ == "__main__":
    main()
