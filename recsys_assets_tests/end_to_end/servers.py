"""`recsys serve` as a process of its own, at a free port of this machine."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from recsys_assets_tests.end_to_end.command_line import RECSYS

START_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """A running service: its process, and a client of it."""

    process: subprocess.Popen[bytes]
    http: httpx.Client

    def list_of(self, user_id: str, **query: Any) -> dict[str, Any]:
        answer = self.http.get(f"/v1/users/{user_id}/recommendations", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        assert answer.headers.get("X-Recsys-Fallback") == found["fallback"]
        return found

    def post_events(self, *events: dict[str, Any]) -> dict[str, Any]:
        answer = self.http.post("/v1/events", json={"events": events})
        assert answer.status_code == 202, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt


@contextmanager
def serve(home: Path, *arguments: str, port: int | None = None, **settings: object) -> Iterator[Server]:
    port = port or free_port()
    variables = {f"RECSYS__SERVICE__{name.upper()}": str(value) for name, value in settings.items()}
    command = [RECSYS, "serve", "--port", str(port), *arguments]
    environment = os.environ | {"RECSYS_HOME": str(home)} | variables
    with (
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        try:
            _wait_for_answer(process, client)
            yield Server(process, client)
        finally:
            process.terminate()
            process.communicate(timeout=60)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def _wait_for_answer(process: subprocess.Popen[bytes], client: httpx.Client) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr and process.stderr.read().decode()
        try:
            client.get("/healthz")
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("The service does not answer.")
