"""The service without a bundle, a whole one, a model, time or sessions: lists that say so, and never a failure."""

import json
import os
import shutil
from pathlib import Path

import pytest

from recsys_assets_tests.end_to_end.bundles import change_bundle, copy_published, current, now
from recsys_assets_tests.end_to_end.servers import free_port, serve
from recsys_assets_tests.fixtures.waiting import wait_until


@pytest.mark.slow
def test_a_new_bundle_is_taken_up_and_a_damaged_one_is_not(built_home: Path, tmp_path: Path, users: list[str]) -> None:
    home = copy_published(built_home, tmp_path)
    before = current(home).name
    with serve(home, look_seconds=0.1) as server:
        assert server.list_of(users[0])["build_id"] == before
        change_bundle(home, "20990101T000000Z-aaaaaa", lambda copy: None)
        wait_until(lambda: server.list_of(users[0])["build_id"] == "20990101T000000Z-aaaaaa", 30)
        change_bundle(home, "20990102T000000Z-bbbbbb", lambda copy: None)
        wait_until(lambda: server.list_of(users[0])["build_id"] == "20990102T000000Z-bbbbbb", 30)
        broken = home / "published/20990103T000000Z-cccccc"
        shutil.copytree(current(home), broken)
        (broken / "recsys.duckdb").chmod(0o644)
        os.truncate(broken / "recsys.duckdb", 10_000)
        (home / "published/next").symlink_to(broken.name)
        os.replace(home / "published/next", home / "published/current")
        wait_until(lambda: server.http.get("/readyz").json()["fault"], 30)
        assert "20990103T000000Z-cccccc" in server.http.get("/readyz").json()["fault"]
        assert server.list_of(users[0])["build_id"] == "20990102T000000Z-bbbbbb"


def test_without_a_bundle_lists_are_empty_and_say_so(tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        assert server.http.get("/readyz").status_code == 503
        found = server.list_of("u")
        assert (found["fallback"], found["items"]) == ("no_bundle", [])
        ranked = server.http.post("/v1/rank", json={"user_id": "u", "items": ["b", "a"]}).json()
        assert [item["item_id"] for item in ranked["items"]] == ["b", "a"]
        assert server.post_events({"user_id": "u", "item_id": "i", "ts": now()})["accepted"] == 1


@pytest.mark.slow
def test_a_model_that_cannot_score_leaves_the_published_list(
    built_home: Path, tmp_path: Path, users: list[str]
) -> None:
    home = copy_published(built_home, tmp_path)

    def rename_a_feature(copy: Path) -> None:
        path = copy / "models/ranker/ranker.json"
        described = json.loads(path.read_text("utf-8"))
        described["feature_names"][-1] = "item_that_nobody_makes"
        path.write_text(json.dumps(described), "utf-8")

    change_bundle(home, "20990101T000000Z-dddddd", rename_a_feature)
    with serve(home) as server:
        published = server.list_of(users[0])
        server.post_events({"user_id": users[0], "item_id": published["items"][0]["item_id"], "ts": now()})
        found = server.list_of(users[0])
        assert found["fallback"] == "model_failed"
        assert found["items"] == published["items"]


@pytest.mark.slow
def test_a_request_that_waited_too_long_gets_the_old_list(built_home: Path, tmp_path: Path, users: list[str]) -> None:
    with serve(copy_published(built_home, tmp_path), budget_milliseconds=0.000001) as server:
        server.post_events({"user_id": users[0], "item_id": "i", "ts": now()})
        assert server.list_of(users[0])["fallback"] == "deadline"


@pytest.mark.slow
def test_without_its_session_store_the_service_answers(built_home: Path, tmp_path: Path, users: list[str]) -> None:
    with serve(copy_published(built_home, tmp_path), redis_url=f"redis://127.0.0.1:{free_port()}/0") as server:
        assert server.post_events({"user_id": users[0], "item_id": "i", "ts": now()})["accepted"] == 1
        found = server.list_of(users[0])
        assert found["fallback"] == "sessions_unavailable"
        assert found["items"]
        assert "recsys_sessions_up 0.0" in server.http.get("/metrics").text
