"""A user asks the service to be erased: from the answer on nothing of her own is served, whichever worker is asked."""

import shutil
from pathlib import Path

import duckdb
import httpx
import pytest

from recsys_assets.config import load_config
from recsys_assets.locks import building_lock
from recsys_assets_tests.end_to_end.servers import Server, serve
from recsys_assets_tests.fixtures.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    shutil.copytree(built_home, tmp_path / "home", symlinks=True)
    return tmp_path / "home"


def rows_of(home: Path, user_id: str) -> int:
    with duckdb.connect(str((home / "published/current/recsys.duckdb").resolve()), read_only=True) as connection:
        (row,) = connection.execute("SELECT count(*) FROM recommendations WHERE user_id = ?", [user_id]).fetchall()
    return int(row[0])


def erase(server: Server, user_id: str) -> None:
    assert server.http.delete(f"/v1/users/{user_id}").status_code == 202


def is_done(home: Path) -> bool:
    return not list((home / "service/erasures").glob("*.json"))


def test_an_erased_user_is_unknown_at_once_and_gone_soon(home: Path, users: list[str]) -> None:
    with serve(home, look_seconds=0.01) as server:
        assert server.list_of(users[0])["fallback"] is None
        erase(server, users[0])
        seen = set()
        wait_until(lambda: seen.add(server.list_of(users[0])["fallback"]) or is_done(home), 120)
        seen |= {server.list_of(users[0])["fallback"] for _ in range(300)}  # the bundle without her is read meanwhile
        assert seen == {"unknown_user"}
        assert server.list_of(users[1])["fallback"] is None
    assert rows_of(home, users[0]) == 0


def test_no_worker_serves_a_user_whose_erasure_waits_for_a_build(home: Path, users: list[str]) -> None:
    items = ["item000", "item001", "item002"]
    with building_lock(load_config({"RECSYS_HOME": str(home)})), serve(home, "--workers", "2") as server:
        erase(server, users[0])
        for _ in range(30):
            with httpx.Client(base_url=server.http.base_url) as another:  # a connection each: either worker may answer
                assert another.get(f"/v1/users/{users[0]}/recommendations").json()["fallback"] == "unknown_user"
                ranked = another.post("/v1/rank", json={"user_id": users[0], "items": items, "session": []})
                assert ranked.json()["fallback"] == "unknown_user"
                assert another.get(f"/users/{users[0]}").status_code == 404
                assert another.get(f"/v1/users/{users[1]}/recommendations").json()["fallback"] is None
        assert rows_of(home, users[0]) > 0
    with serve(home):  # what waited goes on at the next start
        wait_until(lambda: is_done(home), 120)
    assert rows_of(home, users[0]) == 0
