"""A real Prometheus with the rules of deploy/, over a running service and what a build left."""

import http.server
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from recsys_assets_tests.deploy.test_deploy import ALERTS
from recsys_assets_tests.end_to_end.servers import Server, free_port, serve
from recsys_assets_tests.end_to_end.test_service import copy_published

pytestmark = pytest.mark.slow


@pytest.fixture
def service(built_home: Path, tmp_path: Path) -> Iterator[Server]:
    with serve(copy_published(built_home, tmp_path / "served")) as running:
        yield running


@pytest.fixture
def builds(built_home: Path) -> Iterator[str]:
    """What node_exporter's textfile collector does: it hands the file out. Its address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=built_home / "metrics")
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def prometheus(tmp_path: Path, service: Server, builds: str) -> Iterator[str]:
    """Its address."""
    if shutil.which("prometheus") is None:
        assert os.environ.get("RECSYS_REQUIRE_PROMETHEUS") != "1", "prometheus is not on the PATH"
        pytest.skip("prometheus is not on the PATH (Debian's package prometheus)")
    target = f"127.0.0.1:{service.http.base_url.port}"
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [
            {"job_name": "recsys_service", "static_configs": [{"targets": [target]}]},
            {
                "job_name": "recsys_builds",
                "metrics_path": "/recsys.prom",
                "static_configs": [{"targets": [builds]}],
            },
        ],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(settings))
    address = f"127.0.0.1:{free_port()}"
    files = [f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    with subprocess.Popen(
        ["prometheus", *files, f"--web.listen-address={address}", "--log.level=error"], cwd=tmp_path
    ) as process:
        yield f"http://{address}"
        process.terminate()


def ask(prometheus: str, path: str, **parameters: str) -> object:
    url = f"{prometheus}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)["data"]


def value_of(prometheus: str, expression: str) -> float | None:
    try:
        found = ask(prometheus, "query", query=expression)
    except OSError:  # not up yet
        return None
    assert isinstance(found, dict)
    return float(found["result"][0]["value"][1]) if found["result"] else None


def test_it_scrapes_the_service_and_the_builds_and_loads_the_rules(prometheus: str, service: Server) -> None:
    deadline = time.monotonic() + 60
    wanted = (
        "recsys_request_seconds_count",
        "recsys_published_ndcg_at_10",
        "recsys_drifted_features",
        "recsys_bundle_age_seconds",
    )
    while time.monotonic() < deadline:
        service.list_of("user001")
        found = {expression: value_of(prometheus, expression) for expression in wanted}
        if all(value is not None for value in found.values()):
            break
        time.sleep(0.5)
    assert all(value is not None for value in found.values()), found
    assert value_of(prometheus, 'up{job="recsys_service"}') == 1
    rules = ask(prometheus, "rules")
    assert isinstance(rules, dict)
    health = {rule["name"]: rule["health"] for group in rules["groups"] for rule in group["rules"]}
    assert len(health) == 19
    assert set(health.values()) <= {"ok", "unknown"}
