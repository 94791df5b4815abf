"""`recsys stream` against a broker: what is in the warehouse in the end."""

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.sources.inbox import take_inbox
from recsys_assets.sources.landing import ingest_landed
from recsys_assets.streaming import reader
from recsys_assets.streaming.batches import PartitionBatches
from recsys_assets.streaming.client import client_settings
from recsys_assets.streaming.reader import StreamReader
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.end_to_end.command_line import RECSYS
from recsys_assets_tests.fixtures.waiting import wait_until
from recsys_assets_tests.streaming.conftest import TOPIC, Broker, Streaming

ReadAll = Callable[[Config], list[str]]
CLIENT_THAT_MAKES_NO_TOPIC = {"session.timeout.ms": "6000", "heartbeat.interval.ms": "500"}
N_KILLS = int(os.environ.get("RECSYS_STREAM_KILLS", "4"))


def land_all(config: Config) -> tuple[Counter[str], list[str]]:
    """The event ids in the warehouse, and the reasons of rejected rows."""
    later = datetime.now(UTC) + timedelta(hours=1)
    assert take_inbox(config, later).refused == ()
    ingest_landed(config, later)
    with open_warehouse(config) as connection:
        held = connection.execute("SELECT event_id FROM raw.events").fetchall()
        rejected = connection.execute("SELECT reason FROM raw.rejected_rows ORDER BY reason").fetchall()
    return Counter(event_id for (event_id,) in held), [reason for (reason,) in rejected]


def event_ids(n: int) -> Counter[str]:
    return Counter(f"e{number}" for number in range(n))


@contextmanager
def reading(config: Config) -> Iterator[tuple[StreamReader, list[str]]]:
    """A reader at work in a thread, and what it says."""
    said: list[str] = []
    one, stopped = StreamReader(config, said.append), threading.Event()
    thread = threading.Thread(target=one.run, args=(stopped.is_set,))
    thread.start()
    try:
        yield one, said
    finally:
        stopped.set()
        thread.join(20)


def n_batches(said: list[str]) -> int:
    return sum("messages of" in line for line in said)


def test_each_message_is_in_the_warehouse_once(broker: Broker, streaming: Streaming, read_all: ReadAll) -> None:
    broker.send_events(range(50))
    broker.send_events(range(50, 60), partition=1)
    broker.send([b"no row"], partition=1)
    config = streaming()
    said = read_all(config)
    assert sorted(line.split(":")[0] for line in said) == [
        "  11 messages of clicks/1 to offset 10",
        "  50 messages of clicks/0 to offset 49",
    ]
    held, rejected = land_all(config)
    assert held == event_ids(60)
    assert rejected == [
        "Message 10 of topic clicks, partition 1: it is not JSON (Expecting value: line 1 column 1 (char 0))"
    ]
    broker.send_events(range(60, 70))
    assert len(read_all(streaming())) == 1
    assert land_all(config)[0] == event_ids(70)


@pytest.mark.slow
def test_a_reader_in_another_group_reads_nothing_again(broker: Broker, streaming: Streaming, read_all: ReadAll) -> None:
    broker.send_events(range(5))
    read_all(streaming())
    assert read_all(streaming()) == []


@pytest.mark.slow
def test_batches_go_when_they_are_large_or_old(broker: Broker, streaming: Streaming) -> None:
    config = streaming(batch_seconds=0.3, batch_bytes=1_000_000)
    with reading(config) as (one, said):
        for number in range(2):
            broker.send_events([number])
            wait_until(lambda n=number: n_batches(said) > n)
    assert n_batches(said) == 2
    text = "".join(family.name for family in one.measures.registry.collect())
    assert "recsys_stream_lag_messages" in text


def test_a_topic_that_comes_later_is_waited_for(broker: Broker, streaming: Streaming) -> None:
    config = streaming(batch_seconds=0.1, client=CLIENT_THAT_MAKES_NO_TOPIC)
    with reading(config) as (_, said):
        wait_until(lambda: f"  ! the broker has no topic {TOPIC}: waiting for it" in said)
        broker.send_events(range(3))
        wait_until(lambda: n_batches(said) == 1)
    assert land_all(config)[0] == event_ids(3)


def test_a_run_that_is_to_end_names_the_topic_that_is_not_there(
    broker: Broker, streaming: Streaming, read_all: ReadAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.send_events(range(3))
    monkeypatch.setattr(reader, "TOPIC_SECONDS", 0.5)
    config = streaming(topics={TOPIC: "events", "klicks": "events"}, client=CLIENT_THAT_MAKES_NO_TOPIC)
    with pytest.raises(RecsysError, match="The broker has no topic klicks"):
        read_all(config)


@pytest.mark.slow
def test_too_much_that_is_not_landed_stops_the_reading(broker: Broker, streaming: Streaming) -> None:
    broker.send_events(range(100))
    config = streaming(batch_seconds=0.1, max_unlanded_bytes=1)
    with reading(config) as (_, said):
        wait_until(lambda: any("waiting" in line for line in said))
        broker.send_events(range(100, 200))
        time.sleep(1.5)
        assert n_batches(said) == 1
        assert land_all(config)[0] == event_ids(100)
        wait_until(lambda: n_batches(said) == 2)
    assert land_all(config)[0] == event_ids(200)


@pytest.mark.slow
def test_a_partition_that_another_process_keeps_is_told_and_nothing_is_written(
    broker: Broker, streaming: Streaming, read_all: ReadAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    for partition in range(4):
        broker.send_events(range(5), partition=partition)
    config = streaming()
    kept = PartitionBatches(config, TOPIC, 3, "events")
    monkeypatch.setattr(reader, "WAIT_FOR_OWNER_SECONDS", 0.2)
    with pytest.raises(RecsysError, match="Another `recsys stream` reads partition 3 of clicks"):
        read_all(config)
    kept.close()
    assert not [*config.inbox_path.glob("events/*")]
    assert len(read_all(streaming())) == 4


def test_a_topic_made_anew_is_told(broker: Broker, streaming: Streaming, read_all: ReadAll) -> None:
    broker.send_events(range(5))
    config = streaming()
    read_all(config)
    (config.stream_path / f"{TOPIC}-0" / "position.json").write_text('{"next_offset": 900}')
    with pytest.raises(RecsysError, match="Partition 0 of clicks ends at offset 5, and 900 is to be read next"):
        read_all(streaming())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"brokers": None}, "stream.brokers and stream.topics say what to read"),
        ({"topics": {}}, "stream.brokers and stream.topics say what to read"),
        ({"topics": {"clicks": "klicks"}}, "stream.topics names klicks, which is none of items, users"),
    ],
)
def test_what_is_missing_is_named(streaming: Streaming, settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(RecsysError, match=sentence):
        StreamReader(streaming(**settings), print)


def test_secrets_come_from_files(streaming: Streaming, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    config = streaming(client={"sasl.password": f"file:{tmp_path / 'password'}"})
    assert client_settings(config)["sasl.password"] == "secret"
    with pytest.raises(RecsysError, match=r"stream.client.sasl.password: /no/file cannot be read"):
        client_settings(streaming(client={"sasl.password": "file:/no/file"}))


def start(config: Config, group: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "RECSYS_HOME": str(config.home),
        "RECSYS__STREAM__BROKERS": str(config.stream.brokers),
        "RECSYS__STREAM__TOPICS": f"{{{TOPIC}: events}}",
        "RECSYS__STREAM__GROUP": group,
        "RECSYS__STREAM__BATCH_SECONDS": "0.2",
        "RECSYS__STREAM__CLIENT": '{session.timeout.ms: "6000", heartbeat.interval.ms: "500"}',
    }
    return subprocess.Popen([RECSYS, "stream"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_asked_to_end_it_writes_what_it_has(broker: Broker, streaming: Streaming) -> None:
    config = streaming()
    broker.send_events(range(30))
    process = start(config, "one")
    wait_until(lambda: bool([*config.inbox_path.glob("events/*")]))
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert land_all(config)[0] == event_ids(30)


@pytest.mark.slow
def test_kills_at_random_moments_lose_and_double_nothing(broker: Broker, streaming: Streaming) -> None:
    """Two readers share four partitions; one of them is killed again and again, and another takes its place."""
    config = streaming()
    draws = random.Random(20261126)
    readers = [start(config, "shared") for _ in range(2)]
    n = n_landed = 0
    try:
        for number in range(1, N_KILLS + 1):
            until = time.monotonic() + draws.uniform(0.5, 9.0)  # a dead one's partitions are free after six
            while time.monotonic() < until:
                broker.send_events(range(n, n + 40), partition=draws.randrange(4))
                n += 40
                time.sleep(0.05)
            victim = readers.pop(draws.randrange(2))
            assert victim.poll() is None
            victim.kill()
            victim.wait()
            readers.append(start(config, "shared"))
            if number % 2 == 0:
                n_landed = sum(land_all(config)[0].values())
                print(f"{number} kills, {n:,} messages sent, {n_landed:,} in the warehouse")
    finally:
        for reader in readers:
            reader.send_signal(signal.SIGTERM)
            assert reader.wait(40) == 0
    StreamReader(streaming(), print).run(lambda: False, until_end=True)
    held, rejected = land_all(config)
    assert held == event_ids(n)
    assert rejected == []
    assert n_landed > 0
    print(f"{N_KILLS} kills, {n:,} messages sent, {sum(held.values()):,} in the warehouse, each once")
