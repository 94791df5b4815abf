"""The service as a site sees it: over HTTP, from a process of its own, on a published bundle."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from recsys_assets_tests.end_to_end.bundles import copy_published, now
from recsys_assets_tests.end_to_end.command_line import RECSYS, recsys
from recsys_assets_tests.end_to_end.servers import Server, free_port, serve
from recsys_assets_tests.fixtures.redis_server import run_redis
from recsys_assets_tests.fixtures.waiting import wait_until

Query = Callable[[str], list[tuple[Any, ...]]]
Users = list[str]


@pytest.fixture(scope="module")
def home(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_published(built_home, tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with serve(home) as running:
        yield running


def test_a_user_without_new_events_gets_the_published_lists(server: Server, read: Query, users: Users) -> None:
    for user in users[-20:]:  # others change lists of the first
        for surface in ("for_you", "because_you_liked", "new_releases", "trending", "discover"):
            published = read(
                f"""SELECT item_id, rank, score, title, reason, evidence_item_id, candidate_sources
                FROM recommendations WHERE user_id = '{user}' AND surface = '{surface}' AND rank <= 10 ORDER BY rank"""
            )
            found = server.list_of(user, surface=surface)
            names = ("item_id", "rank", "score", "title", "reason", "evidence_item_id", "sources")
            assert [tuple(item[name] for name in names) for item in found["items"]] == published or not published
            assert found["fallback"] == (None if published else "no_list")


def test_a_bought_item_goes_and_what_goes_with_it_comes(server: Server, users: Users) -> None:
    before = server.list_of(users[0])
    bought = before["items"][0]["item_id"]
    receipt = server.post_events({"user_id": users[0], "item_id": bought, "event_type": "purchase", "ts": now()})
    assert (receipt["accepted"], receipt["rejected"], receipt["duplicate"]) == (1, [], 0)
    after = server.list_of(users[0])
    assert bought not in [item["item_id"] for item in after["items"]]
    assert after["fallback"] is None
    assert len(after["items"]) == 10
    assert bought in [
        item["evidence_item_id"] for item in server.list_of(users[0], surface="because_you_liked")["items"]
    ]
    assert server.list_of(users[1])["fallback"] is None


def test_somebody_new_gets_what_is_popular_and_then_what_goes_with_her_first_event(server: Server, read: Query) -> None:
    first = server.list_of("somebody new")
    assert first["fallback"] == "unknown_user"
    assert [item["item_id"] for item in first["items"]] == [
        item for (item,) in read("SELECT item_id FROM trending_items WHERE category IS NULL ORDER BY rank LIMIT 10")
    ]
    ((item,),) = read("SELECT any_value(item_id ORDER BY item_id) FROM similar_items")
    server.post_events({"user_id": "somebody new", "item_id": item, "event_type": "purchase", "ts": now()})
    second = server.list_of("somebody new")
    assert second["fallback"] is None
    assert any(item == entry["evidence_item_id"] for entry in second["items"])


def test_a_return_takes_a_purchase_back(server: Server, users: Users) -> None:
    item = server.list_of(users[2])["items"][0]["item_id"]
    server.post_events({"user_id": users[2], "item_id": item, "event_type": "view", "ts": now()})
    viewed = server.list_of(users[2], explain=True)
    server.post_events({"user_id": users[2], "item_id": item, "event_type": "cart", "ts": now()})
    assert server.list_of(users[2], explain=True)["items"] != viewed["items"]


def test_ranking_puts_known_items_first_and_counts_a_session_that_is_not_kept(
    server: Server, read: Query, users: list[str]
) -> None:
    items = [item for (item,) in read("SELECT item_id FROM item_features ORDER BY item_id LIMIT 30")]
    asked = {"user_id": users[3], "items": ["never heard of", *items]}
    plain = server.http.post("/v1/rank", json=asked).json()
    assert [item["item_id"] for item in plain["items"]][-1] == "never heard of"
    assert sorted(item["item_id"] for item in plain["items"]) == sorted(asked["items"])
    assert [item["rank"] for item in plain["items"]] == list(range(1, 32))
    scores = [item["score"] for item in plain["items"]][:-1]
    assert scores == sorted(scores, reverse=True)
    session = [{"item_id": items[-1], "event_type": "cart", "ts": now()}]
    within = server.http.post("/v1/rank", json=asked | {"session": session}).json()
    assert [item["score"] for item in within["items"]][:-1] != scores
    assert server.http.post("/v1/rank", json=asked).json()["items"] == plain["items"]


def test_filters_hold_on_every_surface(server: Server, read: Query, users: Users) -> None:
    ((category,),) = read(
        "SELECT category FROM trending_items WHERE category IS NOT NULL GROUP BY ALL ORDER BY ALL LIMIT 1"
    )
    of_it = {item for (item,) in read(f"SELECT item_id FROM trending_items WHERE category = '{category}'")}
    excluded = server.list_of(users[4], category=category)["items"][0]["item_id"]
    found = server.list_of(users[4], category=category, exclude=[excluded])
    listed = {item["item_id"] for item in found["items"]}
    assert excluded not in listed
    assert listed & of_it
    without = server.list_of(users[4], surface="trending", exclude=[excluded])
    assert excluded not in {item["item_id"] for item in without["items"]}


def test_explained_items_say_what_moved_their_scores(server: Server, users: Users) -> None:
    (first, *_) = server.list_of(users[5], explain=True)["items"]
    assert first["contributions"]
    assert all({"feature", "value", "contribution"} == set(one) for one in first["contributions"])


def test_rows_that_cannot_be_taken_are_told_one_by_one(server: Server) -> None:
    good = {"user_id": "u", "item_id": "i", "ts": now(), "event_id": "once"}
    receipt = server.post_events(good, {"user_id": "u", "item_id": "i"}, {"item_id": "i", "ts": now()}, {"x": [1]})
    assert receipt["accepted"] == 1
    assert [one["index"] for one in receipt["rejected"]] == [1, 2, 3]
    assert all(one["reason"] for one in receipt["rejected"])
    assert server.post_events(good)["duplicate"] == 1
    shown = {"list_id": "l", "user_id": "u", "item_id": "i", "position": 1, "ts": now(), "propensity": 0.5}
    assert server.http.post("/v1/impressions", json={"impressions": [shown, {}]}).json()["accepted"] == 1


def test_similar_and_trending_answer_the_published_tables(server: Server, read: Query) -> None:
    ((item,),) = read("SELECT any_value(item_id ORDER BY item_id) FROM similar_items")
    published = read(f"SELECT similar_item_id FROM similar_items WHERE item_id = '{item}' ORDER BY rank LIMIT 5")
    found = server.http.get(f"/v1/items/{item}/similar", params={"k": 5}).json()
    assert [(one["item_id"],) for one in found["items"]] == published
    assert server.http.get("/v1/items/nothing/similar").json()["fallback"] == "unknown_item"
    assert server.http.get("/v1/trending", params={"category": "nothing"}).json()["fallback"] == "unknown_category"


def test_what_is_wrong_with_a_request_is_its_senders_fault(server: Server, users: Users) -> None:
    assert server.http.get(f"/v1/users/{users[0]}/recommendations", params={"k": 0}).status_code == 422
    assert server.http.get(f"/v1/users/{users[0]}/recommendations", params={"surface": "no"}).status_code == 422
    assert server.http.post("/v1/events", content=b"{", headers={"content-type": "application/json"}).status_code == 422
    too_many = [{"user_id": "u", "item_id": "i", "ts": now()}] * 1001
    assert server.http.post("/v1/events", json={"events": too_many}).status_code == 413
    assert server.http.post("/v1/events", content=b" " * 2_000_001).status_code == 413
    pieces = (b" " * 100_000 for _ in range(30))
    assert server.http.post("/v1/events", content=pieces).status_code == 413


def test_metrics_and_headers(server: Server) -> None:
    server.list_of("nobody in particular")
    answer = server.http.get("/metrics")
    assert 'recsys_fallbacks_total{reason="unknown_user"}' in answer.text
    assert (
        'recsys_request_seconds_bucket{le="0.005",route="/v1/users/{user_id}/recommendations",status="200"}'
        in answer.text
    )
    assert "recsys_bundle_age_seconds" in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers


@pytest.mark.slow
def test_workers_share_sessions_through_redis_and_count_together(
    built_home: Path, tmp_path: Path, users: Users
) -> None:
    (tmp_path / "redis").mkdir()
    with (
        run_redis(tmp_path / "redis") as redis,
        serve(copy_published(built_home, tmp_path), "--workers", "2", redis_url=redis.url) as server,
    ):
        bought = server.list_of(users[0])["items"][0]["item_id"]
        server.post_events({"user_id": users[0], "item_id": bought, "event_type": "purchase", "ts": now()})
        for _ in range(40):  # each at a connection of its own, which either worker may take
            answer = httpx.get(f"{server.http.base_url}/v1/users/{users[0]}/recommendations").json()
            assert answer["fallback"] is None
            assert bought not in [item["item_id"] for item in answer["items"]]
        lists = 'recsys_request_seconds_count{route="/v1/users/{user_id}/recommendations",status="200"} 41.0'
        for _ in range(10):
            text = httpx.get(f"{server.http.base_url}/metrics").text
            assert lists in text
            assert "recsys_sessions_up 1.0" in text


@pytest.mark.slow
def test_others_than_this_machine_need_a_key_that_may_do_what_they_want(built_home: Path, tmp_path: Path) -> None:
    home = copy_published(built_home, tmp_path)
    refused = recsys(home, "serve", "--host", "0.0.0.0", "--port", str(free_port()))
    assert refused.returncode == 1
    assert "recsys keys add" in refused.stderr
    reader, writer = (
        recsys(home, "keys", "add", name, "--scope", scope).stdout.strip()
        for name, scope in (("site", "read"), ("tracker", "write"))
    )
    assert reader not in (home / "service/keys.json").read_text("utf-8")
    event = {"events": [{"user_id": "u", "item_id": "i", "ts": now()}]}
    with serve(home, "--host", "0.0.0.0") as server:
        get, post = server.http.get, server.http.post
        assert get("/healthz").status_code == 200
        assert get("/v1/trending").status_code == get("/metrics").status_code == 401
        assert get("/v1/trending", headers={"X-API-Key": "rk_wrong"}).status_code == 401
        assert get("/v1/trending", headers={"X-API-Key": reader}).status_code == 200
        assert get("/v1/trending", headers={"Authorization": f"Bearer {reader}"}).status_code == 200
        assert post("/v1/events", json=event, headers={"X-API-Key": reader}).status_code == 403
        assert post("/v1/events", json=event, headers={"X-API-Key": writer}).status_code == 202
        assert server.http.delete("/v1/users/u", headers={"X-API-Key": writer}).status_code == 403
        recsys(home, "keys", "remove", "site")
        wait_until(lambda: get("/v1/trending", headers={"X-API-Key": reader}).status_code == 401, 30)


@pytest.mark.slow
def test_a_client_that_asks_too_often_waits(built_home: Path, tmp_path: Path) -> None:
    with serve(copy_published(built_home, tmp_path), requests_per_second=5) as server:
        statuses = [server.http.get("/v1/trending").status_code for _ in range(12)]
    assert statuses[:5] == [200] * 5
    assert 429 in statuses


@pytest.mark.slow
def test_rules_of_the_shop_pin_block_and_leave_places_to_chance(
    built_home: Path, tmp_path: Path, users: list[str]
) -> None:
    with serve(copy_published(built_home, tmp_path)) as plain:
        usual = [item["item_id"] for item in plain.list_of(users[0], k=20)["items"]]
    pinned = [{"item_id": usual[9], "place": 2, "surface": "for_you"}]
    rules = {"pinned": json.dumps(pinned), "blocked": json.dumps([usual[0]]), "exploration_share": 0.3}
    with serve(tmp_path, **rules) as server:
        lists = [server.list_of(users[0], k=10)["items"] for _ in range(5)]
    for items in lists:
        assert [item["item_id"] for item in items][:3] == [usual[1], usual[9], usual[2]]
        assert [item["rank"] for item in items] == list(range(1, 11))
        drawn = [item for item in items if "exploration" in item["sources"]]
        assert len(drawn) == 2
        assert {item["propensity"] for item in drawn} == {drawn[0]["propensity"]}
        assert 0 < drawn[0]["propensity"] < 1
    assert len({tuple(item["item_id"] for item in items) for items in lists}) > 1


@pytest.mark.slow
def test_posted_events_are_in_the_next_build_once(built_home: Path, tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        server.post_events(*({"user_id": f"u{n}", "item_id": "i", "ts": now(), "event_id": f"e{n}"} for n in range(50)))
        server.post_events({"user_id": "u1", "item_id": "i", "ts": now(), "event_id": "e1"})
    (posted,) = (tmp_path / "inbox/events").glob("*.jsonl")
    assert recsys(tmp_path, "load", str(posted.parent.parent)).returncode == 0
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT event_id) FROM raw.events").fetchall() == [(50, 50)]


def test_help_says_what_serve_takes() -> None:
    done = subprocess.run([RECSYS, "serve", "--help"], capture_output=True, text=True, check=True)
    assert all(option in done.stdout for option in ("--host", "--port", "--workers"))


def test_the_api_describes_itself(server: Server) -> None:
    described = server.http.get("/openapi.json").json()
    assert {"/v1/users/{user_id}/recommendations", "/v1/rank", "/v1/events"} <= set(described["paths"])
