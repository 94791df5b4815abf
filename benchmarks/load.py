"""Requests over HTTP at a rate of their own: open loop, so that a request that has to wait counts from its due time."""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

CONNECTIONS = 64
WAIT_SECONDS = 30.0
Result = TypeVar("Result")
WAKING_SECONDS = 0.0003  # what a sleep may last too long; `_wait_until` looks at the clock meanwhile


@dataclass(frozen=True)
class Load:
    """What a stretch of requests showed.

    Attributes:
        seconds: from the time that each request was due to its answer.
        failures: answers with another status than 2xx, and broken connections.
        elapsed: from the first to the last.
    """

    seconds: Sequence[float]
    failures: int
    elapsed: float

    def quantile(self, share: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.elapsed


def get(path: str) -> bytes:
    """A GET request as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    """A POST request with a JSON body."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client:
    """Connections to one server that stay open."""

    def __init__(self, port: int, connections: int = CONNECTIONS) -> None:
        self.port = port
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter] | None] = asyncio.Queue()
        for _ in range(connections):
            self._free.put_nowait(None)

    async def send(self, request: bytes) -> int:
        """Send a request on a free connection; returns the status, 0 for a connection that broke."""
        connection = await self._free.get()
        try:
            if connection is None:
                connection = await asyncio.open_connection("127.0.0.1", self.port)
            status = await asyncio.wait_for(_exchange(*connection, request), WAIT_SECONDS)
        except (OSError, EOFError, TimeoutError):
            if connection:
                connection[1].close()
            connection, status = None, 0
        self._free.put_nowait(connection)
        return status


def run_load(work: Coroutine[Any, Any, Result]) -> Result:
    """`asyncio.run` on a loop that wakes when it should.

    The usual one sleeps whole milliseconds: requests left 1 to 2.5 ms late, and the server seemed so much slower.
    """
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        return runner.run(work)


async def open_loop(client: Client, per_second: float, seconds: float, make: Callable[[int], bytes]) -> Load:
    """Requests at even distances, whether or not the earlier ones are answered."""
    started = time.perf_counter() + 0.05
    latencies: list[float] = []
    failures = 0

    async def one(request: bytes, due: float) -> None:
        nonlocal failures
        status = await client.send(request)
        latencies.append(time.perf_counter() - due)
        failures += not 200 <= status < 300

    tasks = []
    for number in range(int(per_second * seconds)):
        request, due = make(number), started + number / per_second
        await _wait_until(due)
        tasks.append(asyncio.create_task(one(request, due)))
    await asyncio.gather(*tasks)
    return Load(latencies, failures, time.perf_counter() - started)


async def closed_loop(client: Client, connections: int, seconds: float, make: Callable[[int], bytes]) -> Load:
    """As many requests as go: each connection sends the next one when it has its answer."""
    started = time.perf_counter()
    latencies: list[float] = []
    failures = 0

    async def many(first: int) -> None:
        nonlocal failures
        number = first
        while (sent := time.perf_counter()) < started + seconds:
            status = await client.send(make(number))
            latencies.append(time.perf_counter() - sent)
            failures += not 200 <= status < 300
            number += connections

    await asyncio.gather(*(many(first) for first in range(connections)))
    return Load(latencies, failures, time.perf_counter() - started)


async def _wait_until(due: float) -> None:
    if (left := due - WAKING_SECONDS - time.perf_counter()) > 0:
        await asyncio.sleep(left)
    while time.perf_counter() < due:
        await asyncio.sleep(0)


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), 0)
    await reader.readexactly(length)
    return int(lines[0].split()[1])
