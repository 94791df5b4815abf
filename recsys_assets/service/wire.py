"""How an answer goes out: uvicorn writes its head and its body one after the other, here they leave together."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_WAITING: Final = 65_536  # bytes; what is longer leaves at once, and uvicorn sees whether the reader keeps up


class OneWriteProtocol(HttpToolsProtocol):
    """uvicorn's protocol, on a transport that writes once for what one turn of the event loop gives it.

    Each write is a call of the system and wakes the reader, who after the first of two has half an answer: together
    they took a fifth of the time of a stored list.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by the event loop, once a connection."""
        super().connection_made(_Joined(transport, self.loop))  # type: ignore[arg-type]


class _Joined:
    """A transport that keeps what is written until the turn of the event loop ends, or it is much."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._waiting: list[bytes] = []
        self._n_waiting = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Of asyncio's transports, as is `close`."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)
        self._n_waiting += len(data)
        if self._n_waiting > MOST_WAITING:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._waiting:
            self._transport.write(b"".join(self._waiting))
            self._waiting, self._n_waiting = [], 0
