"""What the routes of lists are asked with: what is read, what is refused, and what OpenAPI says of it."""

import asyncio
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError

from recsys_assets.service.app import create_app
from recsys_assets.service.query import ListQuery, read_body, read_query
from recsys_assets.service.shapes import RankIn


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", {}),
        ("surface=trending&k=3", {"surface": "trending", "k": 3}),
        ("exclude=i1&exclude=i%202&exclude=", {"exclude": ["i1", "i 2", ""]}),
        ("category=Home+%26+Garden&explain=true", {"category": "Home & Garden", "explain": True}),
        ("category=", {"category": ""}),
        ("k=3&k=4", {"k": 4}),
        ("unknown=1", {}),
        ("user_id=u2", {}),
    ],
)
def test_a_query_is_read_as_it_is_meant(query: str, wanted: dict[str, object]) -> None:
    assert read_query("u1", query.encode()) == ListQuery(user_id="u1", **wanted)


@pytest.mark.parametrize(
    ("query", "place"),
    [
        (b"k=0", ("query", "k")),
        (b"k=101", ("query", "k")),
        (b"k=ten", ("query", "k")),
        (b"surface=none", ("query", "surface")),
        (b"explain=perhaps", ("query", "explain")),
        (b"category=" + b"x" * 513, ("query", "category")),
        (b"&".join([b"exclude=i"] * 1001), ("query", "exclude")),
        (b"&".join([b"exclude=i"] * 5000), ("query",)),
        (b"category=\xff", ("query",)),
    ],
)
def test_what_cannot_be_is_refused_and_named(query: bytes, place: tuple[str, ...]) -> None:
    with pytest.raises(RequestValidationError) as caught:
        read_query("u1", query)
    assert caught.value.errors()[0]["loc"] == place


def test_an_id_that_is_too_long_is_refused_and_named() -> None:
    with pytest.raises(RequestValidationError) as caught:
        read_query("u" * 513, b"")
    assert caught.value.errors()[0]["loc"] == ("path", "user_id")


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "application/x+json"])
def test_a_body_of_json_is_read(content_type: str) -> None:
    asked = read_body(RankIn, {"content-type": content_type}, b'{"user_id": "u1", "items": ["i1"]}')
    assert asked == RankIn(user_id="u1", items=["i1"])


@pytest.mark.parametrize(
    ("content_type", "body", "place"),
    [
        ("application/json", b"", ("body",)),
        ("application/json", b"{", ("body",)),
        ("application/json", b'{"user_id": "\\ud800", "items": []}', ("body",)),
        ("application/json", b'{"user_id": "u1"}', ("body", "items")),
        ("application/json", b'{"user_id": "u1", "items": ["i1", ""]}', ("body", "items", 1)),
        ("text/plain", b'{"user_id": "u1", "items": []}', ("body",)),
        ("application/jsonp", b'{"user_id": "u1", "items": []}', ("body",)),
    ],
)
def test_a_body_that_is_something_else_is_refused_and_named(
    content_type: str, body: bytes, place: tuple[object, ...]
) -> None:
    with pytest.raises(RequestValidationError) as caught:
        read_body(RankIn, {"content-type": content_type}, body)
    assert caught.value.errors()[0]["loc"] == place


def test_a_client_that_leaves_before_its_body_is_there_is_no_failure_of_ours(tiny_home) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"100")]
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/v1/rank", "raw_path": b"/v1/rank",
        "root_path": "", "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1),
    }  # fmt: skip
    asyncio.run(create_app(tiny_home)(scope, receive, send))
    assert sent[0]["status"] == 400


def test_openapi_describes_each_field(tiny_home) -> None:
    described = create_app(tiny_home).openapi()["paths"]["/v1/users/{user_id}/recommendations"]["get"]["parameters"]
    assert [one["name"] for one in described] == [*ListQuery.model_fields]
    assert described[2]["schema"]["maximum"] == 100
    assert all(one["description"] for one in described)
