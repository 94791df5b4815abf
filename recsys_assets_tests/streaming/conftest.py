"""A broker of Kafka's protocol on loopback, and homes that read from it."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from confluent_kafka import Producer

from recsys_assets.config import Config
from recsys_assets.streaming.reader import StreamReader

TOPIC = "clicks"
_groups = itertools.count()


def make_event(number: int) -> dict[str, object]:
    return {
        "event_id": f"e{number}",
        "user_id": f"u{number % 7}",
        "item_id": f"i{number % 11}",
        "ts": f"2026-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z",
        "event_type": "view",
    }


@dataclass
class Broker:
    """librdkafka's own test cluster: it speaks the protocol over a socket, groups and rebalances included.

    Attributes:
        address: host and port; it lives as long as the producer does.
    """

    producer: Producer = field(
        default_factory=lambda: Producer(
            {"bootstrap.servers": "none", "test.mock.num.brokers": 1, "linger.ms": 2, "log_level": 2}
        )
    )
    address: str = ""

    def __post_init__(self) -> None:
        (broker,) = self.producer.list_topics(timeout=10).brokers.values()
        self.address = f"{broker.host}:{broker.port}"

    def send(self, values: Sequence[bytes], partition: int = 0, topic: str = TOPIC) -> None:
        for value in values:
            self.producer.produce(topic, value, partition=partition)
            self.producer.poll(0)
        assert self.producer.flush(30) == 0

    def send_events(self, numbers: Sequence[int], partition: int = 0) -> None:
        self.send([json.dumps(make_event(number)).encode() for number in numbers], partition)


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.producer.flush(5)


Streaming = Callable[..., Config]


@pytest.fixture
def streaming(tiny_home: Config, broker: Broker) -> Streaming:
    """A function that gives the home's configuration over the broker, in a group of its own, with other settings."""

    def configure(home: Config = tiny_home, **settings: object) -> Config:
        client = {"session.timeout.ms": "6000", "heartbeat.interval.ms": "500", "allow.auto.create.topics": "true"}
        own = {
            "brokers": broker.address,
            "topics": {TOPIC: "events"},
            "group": f"group{next(_groups)}",
            "client": client,
        }
        return home.model_copy(update={"stream": home.stream.model_copy(update=own | settings)})

    return configure


@pytest.fixture
def read_all() -> Callable[[Config], list[str]]:
    """A function that reads to the topics' end and gives the lines that were said."""

    def read(config: Config) -> list[str]:
        said: list[str] = []
        StreamReader(config, said.append).run(lambda: False, until_end=True)
        return said

    return read
