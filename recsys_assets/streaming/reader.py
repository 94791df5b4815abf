"""The loop that reads topics: messages become batches, and batches files of the inbox."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.logs import get_logger
from recsys_assets.sources.contract import REJECTED
from recsys_assets.streaming.batches import PartitionBatches, unlanded_bytes
from recsys_assets.streaming.client import check_settings, client_settings
from recsys_assets.streaming.measures import StreamMeasures
from recsys_assets.streaming.messages import to_line

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

_LOGGER: Final = get_logger(__name__)
MESSAGES_AT_ONCE: Final = 10_000
POLL_SECONDS: Final = 0.2
SECONDS_BETWEEN_LOOKS: Final = 1.0
LOOK_SECONDS: Final = 1.0  # for each partition: with a broker that is away the group must still hear of us
WAIT_FOR_OWNER_SECONDS: Final = 30.0
BROKER_SECONDS: Final = 10.0
TOPIC_SECONDS: Final = 10.0

Place = tuple[str, int]


@dataclass
class Partition:
    """A partition that this process reads, and what it has of it in memory."""

    batches: PartitionBatches
    lines: list[str] = field(default_factory=list)
    n_bytes: int = 0
    n_refused: int = 0
    first: int = -1
    last: int = -1
    since: float = 0.0
    is_at_end: bool = False

    def add(self, offset: int, line: str) -> None:
        """One more message."""
        if not self.lines:
            self.first, self.since = offset, time.monotonic()
        self.lines.append(line)
        self.last = offset
        self.n_bytes += len(line) + 1
        self.n_refused += REJECTED in line

    @property
    def position(self) -> int | None:
        """The offset after the last message that was read."""
        return self.last + 1 if self.lines else self.batches.next_offset


class StreamReader:
    """Reads the configured topics into the inbox, as a member of a consumer group.

    Args:
        config: `stream` says what to read.
        say: tells a person how it goes.

    Raises:
        RecsysError: there is no broker or topic to read, or the extra is missing.
    """

    def __init__(self, config: Config, say: Callable[[str], None]) -> None:
        check_settings(config)
        self._config, self._settings, self._say = config, config.stream, say
        self._partitions: dict[Place, Partition] = {}
        self._is_assigned = self._is_waiting = self._is_unreachable = False
        self._missing: dict[str, float] = {}  # topics that the broker does not have yet, and since when we know it
        self._looked_at = float("-inf")
        self._failure: RecsysError | None = None
        self.measures = StreamMeasures()

    def run(self, is_stopped: Callable[[], bool], *, until_end: bool = False) -> None:
        """Read until told to stop, or until every partition's end; what is in memory then is written.

        A topic that is not there yet is waited for; a run that is to end gives it `TOPIC_SECONDS`.

        Raises:
            RecsysError: a batch cannot be written, the topic was made anew, the broker does not let us read, or a run
                that is to end finds no such topic.
        """
        from confluent_kafka import Consumer

        consumer = Consumer({**client_settings(self._config), "error_cb": self._hear})
        consumer.subscribe(list(self._settings.topics), on_assign=self._take, on_revoke=self._give, on_lost=self._give)
        try:
            while not is_stopped() and not (until_end and self._is_at_end()):
                for message in consumer.consume(MESSAGES_AT_ONCE, POLL_SECONDS):
                    self._receive(message)
                if self._failure:
                    raise self._failure
                if until_end:
                    self._give_up_on_missing()
                self._write_due(consumer)
                self._look(consumer)
            for place in [*self._partitions]:
                self._write(consumer, place)
        finally:
            consumer.close()  # gives the partitions back
            for partition in self._partitions.values():
                partition.batches.close()
            self._partitions.clear()

    def _hear(self, error: "KafkaError") -> None:
        """Called when something is wrong with the connection, which the client tries to mend by itself."""
        _LOGGER.warning("stream_client_error", code=error.name(), error=error.str())
        self.measures.errors.labels(error.name()).inc()
        if error.name() == "_ALL_BROKERS_DOWN" and not self._is_unreachable:
            self._say(f"  ! no broker answers at {self._settings.brokers}: trying on")
            self._is_unreachable = True

    def _take(self, consumer: "Consumer", assigned: "list[TopicPartition]") -> None:
        """Called when partitions become ours."""
        from confluent_kafka import OFFSET_BEGINNING, KafkaException

        try:
            for one in assigned:
                table = self._settings.topics[one.topic]
                batches = PartitionBatches(self._config, one.topic, one.partition, table, WAIT_FOR_OWNER_SECONDS)
                self._partitions[one.topic, one.partition] = Partition(batches)
                one.offset = OFFSET_BEGINNING if batches.next_offset is None else batches.next_offset
                self._compare(consumer, one, batches.next_offset)
        except (RecsysError, KafkaException) as error:  # raised after the callback, when nothing is half taken
            for one in assigned:
                if taken := self._partitions.pop((one.topic, one.partition), None):
                    taken.batches.close()
            consumer.assign([])  # or the client would read from where the broker thinks that we are
            why = f"The broker does not say what it holds: {error}."
            self._failure = error if isinstance(error, RecsysError) else RecsysError(why)
            return
        consumer.assign(assigned)
        for one in assigned:
            if self._missing.pop(one.topic, None):
                self._say(f"  topic {one.topic} is there now")
        self._is_assigned = True
        self._is_waiting = False  # what was assigned is not paused: the next look does it again
        _LOGGER.info("stream_assigned", partitions=[f"{one.topic}/{one.partition}@{one.offset}" for one in assigned])

    def _compare(self, consumer: "Consumer", one: "TopicPartition", next_offset: int | None) -> None:
        """What the broker still has, against where we are."""
        lowest, highest = consumer.get_watermark_offsets(one, timeout=BROKER_SECONDS)
        if next_offset is not None and next_offset > highest:
            raise RecsysError(
                f"Partition {one.partition} of {one.topic} ends at offset {highest}, and {next_offset} is to be read "
                "next: it was made anew. To read it from its beginning, write "
                f'{{"next_offset": {lowest}}} to {self._config.stream_path}/{one.topic}-{one.partition}/position.json.'
            )
        if next_offset is not None and next_offset < lowest:
            lost = lowest - next_offset
            self.measures.lost.labels(one.topic, one.partition).inc(lost)
            _LOGGER.error("stream_messages_lost", topic=one.topic, partition=one.partition, messages=lost)
            self._say(f"  ! {lost:,} messages of {one.topic}/{one.partition} were removed before they were read")

    def _give(self, consumer: "Consumer", revoked: "list[TopicPartition]") -> None:
        """Called when partitions are to be others': what we have of them is written before."""
        for one in revoked:
            place = one.topic, one.partition
            if place in self._partitions:
                try:
                    self._write(consumer, place)
                except RecsysError as error:
                    self._failure = error
                self._partitions.pop(place).batches.close()
        self.measures.lag.clear()

    def _receive(self, message: "Message") -> None:
        from confluent_kafka import KafkaError

        topic, number, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        partition = self._partitions.get((topic, number))
        if error := message.error():
            if error.code() == KafkaError._PARTITION_EOF:
                if partition:
                    partition.is_at_end = True
                return
            self.measures.errors.labels(error.name()).inc()
            _LOGGER.warning("stream_error", code=error.name(), error=error.str())
            if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                if topic not in self._missing:
                    self._say(f"  ! the broker has no topic {topic}: waiting for it")
                    self._missing[topic] = time.monotonic()
                return
            if error.fatal() or error.code() in (
                KafkaError.TOPIC_AUTHORIZATION_FAILED,
                KafkaError.GROUP_AUTHORIZATION_FAILED,
            ):
                raise RecsysError(f"The broker does not let us read: {error.str()}.")
            return
        if partition is None or offset < (partition.position or 0):
            return  # another's by now, or read before
        partition.is_at_end = self._is_unreachable = False
        partition.add(offset, to_line(topic, number, offset, message.value()))

    def _write_due(self, consumer: "Consumer") -> None:
        now = time.monotonic()
        for place, partition in [*self._partitions.items()]:
            is_old = now - partition.since >= self._settings.batch_seconds
            if partition.lines and (is_old or partition.n_bytes >= self._settings.batch_bytes):
                self._write(consumer, place)

    def _write(self, consumer: "Consumer", place: Place) -> None:
        from confluent_kafka import KafkaException, TopicPartition

        partition, (topic, number) = self._partitions[place], place
        if not partition.lines:
            return
        path = partition.batches.write(partition.lines, partition.first, partition.last)
        n, n_refused = len(partition.lines), partition.n_refused
        self.measures.messages.labels(topic, "row").inc(n - n_refused)
        self.measures.messages.labels(topic, "refused").inc(n_refused)
        _LOGGER.info("stream_batch", file_name=path.name, messages=n, refused=n_refused, bytes=partition.n_bytes)
        self._say(f"  {n:,} messages of {topic}/{number} to offset {partition.last:,}: {path.name}")
        partition.lines, partition.n_bytes, partition.n_refused = [], 0, 0
        try:  # for the broker's own tools: what counts is our file
            consumer.commit(offsets=[TopicPartition(topic, number, partition.last + 1)], asynchronous=True)
        except KafkaException as error:
            _LOGGER.warning("stream_not_committed", error=str(error))

    def _look(self, consumer: "Consumer") -> None:
        """Now and then: how far behind we are, and whether there is room for more."""
        from confluent_kafka import TopicPartition

        if time.monotonic() - self._looked_at < SECONDS_BETWEEN_LOOKS:
            return
        self._looked_at = time.monotonic()
        places = [TopicPartition(topic, number) for topic, number in self._partitions]
        for one in places:
            highest = self._end_of(consumer, one)
            position = self._partitions[one.topic, one.partition].batches.next_offset or 0
            if highest >= 0:
                self.measures.lag.labels(one.topic, one.partition).set(max(0, highest - position))
        unlanded = unlanded_bytes(self._config)
        self.measures.unlanded.set(unlanded)
        is_full = unlanded > self._settings.max_unlanded_bytes
        if is_full and not self._is_waiting:
            consumer.pause(places)
            self._say(f"  waiting: {unlanded:,} bytes in the inbox are to be landed first (`recsys load`, or a sensor)")
        elif self._is_waiting and not is_full:
            consumer.resume(places)
        if is_full != self._is_waiting:
            _LOGGER.info("stream_waiting" if is_full else "stream_goes_on", unlanded_bytes=unlanded)
        self._is_waiting = is_full
        self.measures.waiting.set(is_full)

    def _end_of(self, consumer: "Consumer", one: "TopicPartition") -> int:
        """The offset after the last message that the broker has; -1: not known."""
        from confluent_kafka import KafkaException

        try:  # what is paused is not fetched, so nobody tells us its end unasked
            _, highest = consumer.get_watermark_offsets(one, timeout=LOOK_SECONDS, cached=not self._is_waiting)
        except KafkaException as error:
            _LOGGER.warning("stream_error", error=str(error))
            return -1
        return int(highest)

    def _give_up_on_missing(self) -> None:
        for topic, since in self._missing.items():
            if time.monotonic() - since > TOPIC_SECONDS:
                raise RecsysError(f"The broker has no topic {topic}; stream.topics names it.")

    def _is_at_end(self) -> bool:
        return (
            self._is_assigned
            and not self._missing
            and all(partition.is_at_end for partition in self._partitions.values())
        )
