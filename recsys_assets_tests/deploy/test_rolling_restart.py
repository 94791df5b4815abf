"""Two workers behind nginx, with the configuration of deploy/: one after the other restarts, and nobody notices."""

import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from recsys_assets.config import PROJECT_ROOT, load_config
from recsys_assets.sources.inbox import take_inbox
from recsys_assets.sources.landing import ingest_landed
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.end_to_end.bundles import copy_published
from recsys_assets_tests.end_to_end.servers import Server, free_port, serve
from recsys_assets_tests.fixtures.waiting import wait_until

pytestmark = pytest.mark.slow
REQUESTS_PER_SECOND = 40
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/recsys.conf;
}}
"""


@contextmanager
def nginx(folder: Path, ports: dict[str, int]) -> Iterator[str]:
    """With deploy's configuration, but for its ports; its address."""
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if binary is None:
        assert os.environ.get("RECSYS_REQUIRE_NGINX") != "1", "nginx is not on the PATH"
        pytest.skip("nginx is not on the PATH (Debian's package nginx-light)")
    text = (PROJECT_ROOT / "deploy" / "nginx" / "recsys.conf").read_text()
    for old, new in ports.items():
        text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
    folder.mkdir()
    (folder / "recsys.conf").write_text(text)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    with subprocess.Popen([binary, "-c", str(folder / "nginx.conf"), "-p", str(folder)]) as process:
        time.sleep(0.5)
        assert process.poll() is None
        yield f"http://127.0.0.1:{ports['8000']}"
        process.terminate()


class Traffic:
    """Requests at a steady rate, whether they are answered or not: lists, rankings, events."""

    def __init__(self, address: str) -> None:
        self.statuses: Counter[str] = Counter()
        self.posted: list[str] = []
        self._http = httpx.Client(base_url=address, timeout=20, limits=httpx.Limits(max_keepalive_connections=0))
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._loop = threading.Thread(target=self._run)
        self._loop.start()

    def _run(self) -> None:
        number = 0
        while not self._stopped.wait(1 / REQUESTS_PER_SECOND):
            number += 1
            thread = threading.Thread(target=self._ask, args=(number,))
            thread.start()
            self._threads.append(thread)

    def _ask(self, number: int) -> None:
        user = f"user{number % 100:03}"
        try:
            if number % 4 == 0:
                event = {"event_id": f"r{number}", "user_id": user, "item_id": "item001", "event_type": "view"}
                event["ts"] = datetime.now(UTC).isoformat()
                answer = self._http.post("/v1/events", json={"events": [event]})
                if answer.status_code == 202:
                    self.posted.append(event["event_id"])
            elif number % 4 == 1:
                answer = self._http.post("/v1/rank", json={"user_id": user, "items": ["item001", "item002"]})
            else:
                answer = self._http.get(f"/v1/users/{user}/recommendations")
            self.statuses[str(answer.status_code)] += 1
        except httpx.HTTPError as error:
            self.statuses[type(error).__name__] += 1

    def stop(self) -> None:
        self._stopped.set()
        self._loop.join()
        for thread in self._threads:
            thread.join()
        self._http.close()


def wait_until_ready(server: Server) -> None:
    wait_until(lambda: server.http.get("/readyz").status_code == 200)


def test_no_request_fails_while_one_worker_after_the_other_restarts(built_home: Path, tmp_path: Path) -> None:
    home = copy_published(built_home, tmp_path / "home")
    ports = {name: free_port() for name in ("8000", "8001", "8002")}
    with ExitStack() as stack:
        workers = {}
        for name in ("8001", "8002"):
            workers[name] = stack.enter_context(ExitStack())
            wait_until_ready(workers[name].enter_context(serve(home, port=ports[name])))
        traffic = Traffic(stack.enter_context(nginx(tmp_path / "nginx", ports)))
        stack.callback(traffic.stop)
        for worker in ("8001", "8002"):
            time.sleep(2)
            workers[worker].close()
            time.sleep(1)
            wait_until_ready(workers[worker].enter_context(serve(home, port=ports[worker])))
        time.sleep(2)
        traffic.stop()
        n = sum(traffic.statuses.values())
        print(f"{n} requests over two restarts: {dict(traffic.statuses)}")
        assert set(traffic.statuses) == {"200", "202"}
        assert n > 200
    config = load_config({"RECSYS_HOME": str(home)})
    later = datetime(2100, 1, 1, tzinfo=UTC)
    take_inbox(config, later)
    ingest_landed(config, later)
    with open_warehouse(config) as connection:
        held = [row[0] for row in connection.execute("SELECT event_id FROM raw.events").fetchall()]
    assert sorted(held) == sorted(traffic.posted)
