"""A real Prometheus with the rules of deploy/, over running services, builds and readers of a stream."""

import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from recsys_assets_tests.end_to_end.bundles import change_bundle, copy_published
from recsys_assets_tests.end_to_end.command_line import RECSYS, recsys
from recsys_assets_tests.end_to_end.servers import Server, free_port, serve
from recsys_assets_tests.end_to_end.test_gates import load_events
from recsys_assets_tests.fixtures.prometheus import hand_out, run_prometheus
from recsys_assets_tests.fixtures.redis_server import run_redis
from recsys_assets_tests.streaming.conftest import TOPIC, Broker

pytestmark = pytest.mark.slow
QUIET_SERVICE = "ServiceDown ServiceFails ServiceSlow ListsFallBack BundleOld SessionsDown PostedRowsRefused"


def address(server: Server) -> str:
    return f"127.0.0.1:{server.http.base_url.port}"


@contextmanager
def again_and_again(do: Callable[[], object]) -> Iterator[None]:
    """Do it ten times a second meanwhile, whatever comes of it."""
    stopped = threading.Event()

    def work() -> None:
        while not stopped.wait(0.1):
            with suppress(httpx.HTTPError):
                do()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def test_it_scrapes_the_service_and_the_builds_and_loads_the_rules(built_home: Path, tmp_path: Path) -> None:
    with (
        serve(copy_published(built_home, tmp_path / "served")) as service,
        hand_out(built_home / "metrics") as builds,
        run_prometheus(tmp_path, {"recsys_service": [address(service)], "recsys_builds": [builds]}) as prometheus,
    ):
        deadline = time.monotonic() + 60
        wanted = (
            "recsys_request_seconds_count",
            "recsys_published_ndcg_at_10",
            "recsys_drifted_features",
            "recsys_bundle_age_seconds",
        )
        found: dict[str, float | None] = {}
        while time.monotonic() < deadline and (not found or None in found.values()):
            service.list_of("user001")
            found = {expression: prometheus.value_of(expression) for expression in wanted}
            time.sleep(0.5)
        assert None not in found.values(), found
        assert prometheus.value_of('up{job="recsys_service"}') == 1
        rules = prometheus.ask("rules")
    health = {rule["name"]: rule["health"] for group in rules["groups"] for rule in group["rules"]}
    assert len(health) == 19
    assert set(health.values()) <= {"ok", "unknown"}


def test_alerts_of_the_service_fire_when_it_is_so_and_end_when_it_is_over(built_home: Path, tmp_path: Path) -> None:
    home = copy_published(built_home, tmp_path / "served")
    for folder in ("redis", "prometheus", "empty"):
        (tmp_path / folder).mkdir()
    event = {"user_id": "user001", "item_id": "item001", "ts": "2024-05-01T00:00:00Z"}
    with (
        run_redis(tmp_path / "redis") as redis,
        serve(home, redis_url=redis.url, redis_milliseconds=2000, look_seconds=0.5) as service,
        serve(tmp_path / "empty") as empty,
        run_prometheus(
            tmp_path / "prometheus", {"recsys_service": [address(service), address(empty)]}, is_quick=True
        ) as prometheus,
    ):
        with again_and_again(lambda: service.http.get("/v1/users/user001/recommendations")):
            prometheus.wait_for("NoBundle", quiet=QUIET_SERVICE.split())

            stopped_until = time.monotonic() + 60  # a Redis that answers late
            while time.monotonic() < stopped_until and "ServiceSlow" not in prometheus.firing():
                redis.send_signal(signal.SIGSTOP)
                time.sleep(0.6)
                redis.send_signal(signal.SIGCONT)
                time.sleep(0.1)
            prometheus.wait_for("ServiceSlow", quiet=["SessionsDown"])

            redis.send_signal(signal.SIGSTOP)  # and one that does not answer at all
            prometheus.wait_for("SessionsDown", "ListsFallBack")
            redis.send_signal(signal.SIGCONT)
            prometheus.wait_for(quiet=["SessionsDown", "ListsFallBack", "ServiceSlow"])

            with again_and_again(lambda: service.http.post("/v1/events", json={"events": [event | {"ts": "soon"}]})):
                prometheus.wait_for("PostedRowsRefused")

            no_room = (0, resource.RLIM_INFINITY)
            limits = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, no_room)
            with again_and_again(lambda: service.http.post("/v1/events", json={"events": [event]})):
                prometheus.wait_for("ServiceFails")
            resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, limits)
            prometheus.wait_for(quiet=["ServiceFails", "PostedRowsRefused"])

            change_bundle(home, "20240101T000000Z-aaaaaa", lambda _: None, created_at=datetime(2024, 1, 1))
            prometheus.wait_for("BundleOld")

        empty.process.send_signal(signal.SIGTERM)
        prometheus.wait_for("ServiceDown", quiet=["NoBundle"])


def test_alerts_of_builds_fire_when_it_is_so(built_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    shutil.copytree(built_home, home, symlinks=True)
    (tmp_path / "prometheus").mkdir()
    with (
        hand_out(home / "metrics") as builds,
        run_prometheus(tmp_path / "prometheus", {"recsys_builds": [builds]}, is_quick=True) as prometheus,
    ):
        prometheus.wait_for("EventsTooOld", quiet=["RunsFail", "FilesRejected", "FeaturesDrift", "NoSuccessfulRefresh"])

        (tmp_path / "bad").mkdir()
        rows = [f"bad{n},user{n:03},item{n:03},{'soon' if n % 2 else '2024-05-01'},view\n" for n in range(40)]
        (tmp_path / "bad" / "events.csv").write_text("event_id,user_id,item_id,ts,event_type\n" + "".join(rows))
        assert recsys(home, "load", str(tmp_path / "bad")).returncode == 0
        prometheus.wait_for("FilesRejected", quiet=["RunsFail"])

        batch = load_events(home, "foreign", "sku")
        for _ in range(2):
            assert recsys(home, "refresh").returncode == 1
        prometheus.wait_for("RunsFail", "FeaturesDrift")

        assert recsys(home, "unload", batch).returncode == 0
        assert recsys(home, "refresh").returncode == 0
        prometheus.wait_for(quiet=["RunsFail", "GateRefused"])

        monkeypatch.setenv("RECSYS__PUBLISHING__METHOD", "popular_in_category")
        assert "popular_in_category is worse than" in recsys(home, "build").stderr
        prometheus.wait_for("GateRefused")


def test_alerts_of_the_stream_fire_when_it_is_so(tmp_path: Path) -> None:
    broker = Broker()
    for folder in ("home", "prometheus"):
        (tmp_path / folder).mkdir()
    ports = [free_port() for _ in range(2)]

    @contextmanager
    def reading(port: int, **settings: object) -> Iterator[None]:
        named = {f"RECSYS__STREAM__{name.upper()}": str(value) for name, value in settings.items()}
        environment = os.environ | {
            "RECSYS_HOME": str(tmp_path / "home"),
            "RECSYS__STREAM__BROKERS": broker.address,
            "RECSYS__STREAM__TOPICS": f"{{{TOPIC}: events}}",
            "RECSYS__STREAM__BATCH_SECONDS": "0.2",
            "RECSYS__STREAM__METRICS_PORT": str(port),
            "RECSYS__STREAM__CLIENT": '{session.timeout.ms: "6000", heartbeat.interval.ms: "500"}',
        }
        with subprocess.Popen([RECSYS, "stream"], env=environment | named, stdout=subprocess.DEVNULL) as process:
            try:
                yield
            finally:
                process.send_signal(signal.SIGTERM)

    broker.send_events(range(10))
    with run_prometheus(
        tmp_path / "prometheus", {"recsys_stream": [f"127.0.0.1:{ports[0]}"]}, is_quick=True
    ) as prometheus:
        with reading(ports[0], max_unlanded_bytes=1):
            prometheus.wait_for("StreamWaits", quiet=["StreamDown", "StreamLags", "StreamLost"])
            broker.send([b"{}"] * 100_050)
            prometheus.wait_for("StreamLags", "StreamWaits")
        prometheus.wait_for("StreamDown")
        broker.send([b" " * 1000] * 8000)  # more than the broker keeps: it removes the first messages
        with reading(ports[0]):
            prometheus.wait_for("StreamLost", quiet=["StreamDown"])
            prometheus.wait_for(quiet=["StreamLags", "StreamWaits"])
