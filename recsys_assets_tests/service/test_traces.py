"""What an OpenTelemetry collector and the log see of requests."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from recsys_assets.config import Config, load_config
from recsys_assets.service.app import create_app
from recsys_assets_tests.fixtures.collector import Collector, collect
from recsys_assets_tests.service.page.conftest import make_home

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
LIST = "/v1/users/u1/recommendations"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collect() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path / "home").home


def traced(home: Path, endpoint: str, **settings: str) -> Config:
    named = {f"RECSYS__TRACES__{name.upper()}": value for name, value in settings.items()}
    return load_config({"RECSYS_HOME": str(home), "RECSYS__TRACES__ENDPOINT": endpoint, **named})


def test_a_request_is_a_span_below_its_caller_s_with_stages_below_it_and_names_nobody(
    home: Path, collector: Collector
) -> None:
    with TestClient(create_app(traced(home, collector.address))) as service:
        headers = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01", "X-Request-Id": "shop-17"}
        assert service.get(LIST, params={"exclude": "i3"}, headers=headers).headers["X-Request-Id"] == "shop-17"
        event = {"user_id": "u1", "item_id": "i3", "event_type": "view", "ts": "2024-03-01T10:00:00Z"}
        assert service.post("/v1/events", json={"events": [event]}).status_code == 202
    asked = collector.named("GET /v1/users/{user_id}/recommendations")
    assert (asked.trace_id.hex(), asked.parent_span_id.hex()) == (TRACE_ID, SPAN_ID)
    attributes = {one.key: one.value for one in asked.attributes}
    assert attributes["recsys.request_id"].string_value == "shop-17"
    assert attributes["http.response.status_code"].int_value == 200
    assert collector.named("session").parent_span_id == asked.span_id
    posted = collector.named("POST /v1/events")
    assert collector.named("intake").parent_span_id == posted.span_id
    assert posted.trace_id != asked.trace_id
    assert {service_name for service_name, _ in collector.spans} == {"recsys-service"}
    for id_of_somebody in ("u1", "i3"):
        assert id_of_somebody not in collector.text()


def test_a_share_of_the_traces_is_sent_and_the_caller_s_decision_holds(home: Path, collector: Collector) -> None:
    with TestClient(create_app(traced(home, collector.address, share="0"))) as service:
        service.get(LIST)
        service.get(LIST, headers={"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"})
    assert collector.named("GET /v1/users/{user_id}/recommendations").trace_id.hex() == TRACE_ID


def test_a_collector_that_is_away_costs_no_request(home: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with TestClient(create_app(traced(home, address))) as service:
            assert service.get(LIST).status_code == 200


def test_log_lines_bear_the_request_s_id_and_no_id_can_write_into_the_log(home: Path) -> None:
    config = load_config({"RECSYS_HOME": str(home), "RECSYS__LOGS__LEVEL": "debug"})
    with TestClient(create_app(config)) as service:
        assert service.get(LIST, headers={"X-Request-Id": "shop-17"}).headers["X-Request-Id"] == "shop-17"
        made = service.get(LIST, headers={"X-Request-Id": 'a"\t{}'}).headers["X-Request-Id"]
        assert len(made) == 16
        assert service.get("/nowhere").headers["X-Request-Id"] != made
    lines = [json.loads(line) for line in config.log_path.read_text("utf-8").splitlines()]
    answered = [line for line in lines if line["event"] == "request_answered"]
    assert [(line["request_id"], line["status"]) for line in answered[:2]] == [("shop-17", 200), (made, 200)]
    assert answered[0]["route"] == "/v1/users/{user_id}/recommendations"
    assert "u1" not in config.log_path.read_text("utf-8")
