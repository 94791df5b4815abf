import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvicorn
from fastapi.responses import Response, StreamingResponse
from uvicorn.server import ServerState

from recsys_assets.service.wire import OneWriteProtocol

ENOUGH = 2**20  # bytes: more than any answer here
ANSWER, LAST_ANSWER = b"an answer", b"the last answer"
PIECE, N_PIECES = b"x" * 40_000, 20


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "host: test", *headers, "", ""]).encode()


class Counted:
    """A transport that counts what is written to it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport, self.writes = transport, list[bytes]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        self.transport.write(data)


class Conversation:
    """A server with our protocol, and one connection to it."""

    def __init__(self) -> None:
        self.has_begun = asyncio.Event()
        self.counted: list[Counted] = []

    async def application(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            yield PIECE
            await asyncio.wait_for(self.has_begun.wait(), 10)
            for _ in range(N_PIECES - 1):
                yield PIECE

        answers: dict[str, Callable[[], Response]] = {
            "/": lambda: Response(ANSWER),
            "/last": lambda: Response(LAST_ANSWER),
            "/long": lambda: StreamingResponse(pieces()),
        }
        await answers[scope["path"]]()(scope, receive, send)

    async def ask(self, request: bytes, end: bytes) -> list[bytes]:
        """What the reader gets, call by call."""
        config = uvicorn.Config(
            self.application, http=OneWriteProtocol, interface="asgi3", lifespan="off", log_level="error"
        )
        config.load()
        counted = self.counted

        class Protocol(OneWriteProtocol):
            def connection_made(self, transport: Any) -> None:
                counted.append(Counted(transport))
                super().connection_made(counted[-1])  # type: ignore[arg-type]

        server = await asyncio.get_running_loop().create_server(
            lambda: Protocol(config, ServerState(), {}), "127.0.0.1", 0
        )
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=ENOUGH)
            writer.write(request)
            parts = [await reader.read(ENOUGH)]
            self.has_begun.set()
            while not b"".join(parts).endswith(end):
                parts.append(await asyncio.wait_for(reader.read(ENOUGH), 10))
                assert parts[-1], "the connection ended before the answer"
            writer.close()
        return parts


def ask(request: bytes, end: bytes) -> tuple[bytes, list[bytes]]:
    """What the reader gets, and what the server wrote."""

    async def run() -> tuple[bytes, list[bytes]]:
        conversation = Conversation()
        return b"".join(await conversation.ask(request, end)), conversation.counted[0].writes

    return asyncio.run(run())


def test_an_answer_is_written_at_once() -> None:
    answer, writes = ask(get("/"), ANSWER)
    assert writes == [answer]
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("header", ["connection: close", "connection: keep-alive"])
def test_an_answer_arrives_whole_whoever_closes_the_connection(header: str) -> None:
    answer, _ = ask(get("/last", header), LAST_ANSWER)
    assert answer.count(LAST_ANSWER) == 1


def test_requests_that_come_together_are_answered_in_their_order() -> None:
    answers, _ = ask(get("/") + get("/") + get("/last"), LAST_ANSWER)
    assert answers.count(b"HTTP/1.1 200 OK") == 3
    assert answers.count(ANSWER) == 2


def test_a_long_answer_begins_before_its_end_is_there() -> None:
    answer, writes = ask(get("/long"), b"0\r\n\r\n")
    assert answer.count(b"x") == N_PIECES * len(PIECE)
    assert max(map(len, writes)) < 3 * len(PIECE)
