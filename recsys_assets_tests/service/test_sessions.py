"""Sessions in memory and in a real Redis keep the same promises; a Redis that is away or slow says so in time."""

import asyncio
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from recsys_assets.errors import RecsysError
from recsys_assets.online.events import NewEvent
from recsys_assets.service import sessions as sessions_module
from recsys_assets.service.sessions import EmbeddedSessions, SessionStore, SessionsUnavailable, open_sessions
from recsys_assets.settings import ServiceConfig
from recsys_assets_tests.end_to_end.servers import free_port
from recsys_assets_tests.fixtures.redis_server import RedisServer, run_redis
from recsys_assets_tests.service.conftest import service_config

Scenario = Callable[[SessionStore], Awaitable[None]]


def settings(tmp_path: Path, **changes: object) -> ServiceConfig:
    return service_config(tmp_path).service.model_copy(update=changes)


def made(event_id: str, hour: int = 0, **fields: object) -> NewEvent:
    ts = datetime(2024, 5, 1, 0, 0, 0, 123_456) + timedelta(hours=hour)
    return NewEvent(**{"item_id": "i1", "event_type": "view", "ts": ts, "event_id": event_id} | fields)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with run_redis(tmp_path_factory.mktemp("redis")) as started:
        yield started


@pytest.fixture(params=["embedded", "redis"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., None]:
    """Runs a scenario against a store; of the Redis, with time enough for a busy machine."""
    url = request.getfixturevalue("server").url if request.param == "redis" else None

    def run_scenario(scenario: Scenario, **changes: object) -> None:
        async def scene() -> None:
            defaults = {"redis_url": url, "redis_milliseconds": 5_000.0}
            store = open_sessions(settings(tmp_path, **defaults | changes))
            try:
                await store.forget("u1")
                await scenario(store)
            finally:
                await store.close()

        asyncio.run(scene())

    return run_scenario


def test_events_come_back_as_they_were_in_the_order_they_came(run) -> None:
    async def scenario(store: SessionStore) -> None:
        first = [made("e2", 2, value=4.5, event_type="rating"), made("e1", 1, item_id="é \U0001f3ac")]
        await store.add("u1", first)
        await store.add("u1", [made("e3", event_type="purchase")])
        await store.add("u2", [made("e9")])
        assert await store.read("u1") == [*first, made("e3", event_type="purchase")]
        await store.forget("u2")

    run(scenario)


def test_a_user_without_events_has_none(run) -> None:
    async def scenario(store: SessionStore) -> None:
        await store.ping()
        await store.add("u1", [])
        assert await store.read("u1") == []

    run(scenario)


def test_a_user_has_the_latest_so_many(run) -> None:
    async def scenario(store: SessionStore) -> None:
        await store.add("u1", [made(f"e{k}") for k in range(5)])
        await store.add("u1", [made("e5")])
        assert [event.event_id for event in await store.read("u1")] == ["e3", "e4", "e5"]

    run(scenario, session_events=3)


def test_an_event_that_came_twice_is_there_once(run) -> None:
    async def scenario(store: SessionStore) -> None:
        await store.add("u1", [made("e1"), made("e2"), made("e1")])
        assert [event.event_id for event in await store.read("u1")] == ["e1", "e2"]

    run(scenario)


def test_a_forgotten_user_has_nothing(run) -> None:
    async def scenario(store: SessionStore) -> None:
        await store.add("u1", [made("e1")])
        await store.forget("u1")
        await store.forget("nobody")
        assert await store.read("u1") == []

    run(scenario)


def test_a_session_in_memory_ends_so_long_after_its_last_event(tmp_path) -> None:
    async def scenario() -> None:
        now = 0.0
        store = EmbeddedSessions(settings(tmp_path, session_minutes=30), clock=lambda: now)
        await store.add("u1", [made("e1")])
        now = 29 * 60
        await store.add("u1", [made("e2")])
        now += 29 * 60
        assert len(await store.read("u1")) == 2
        now += 60
        assert await store.read("u1") == []
        await store.add("u1", [made("e3")])
        assert [event.event_id for event in await store.read("u1")] == ["e3"]

    asyncio.run(scenario())


def test_a_session_in_redis_ends_so_long_after_its_last_event(server, tmp_path) -> None:
    async def scenario() -> None:
        changes = {"redis_url": server.url, "redis_milliseconds": 5_000.0, "session_minutes": 3 / 60}
        store = open_sessions(settings(tmp_path, **changes))
        await store.add("u3", [made("e1")])
        await asyncio.sleep(1.6)
        await store.add("u3", [made("e2")])
        await asyncio.sleep(1.6)
        assert len(await store.read("u3")) == 2
        await asyncio.sleep(1.6)
        assert await store.read("u3") == []
        await store.close()

    asyncio.run(scenario())


def test_many_at_once_lose_nothing(run) -> None:
    async def scenario(store: SessionStore) -> None:
        await asyncio.gather(*(store.add("u1", [made(f"e{k}")]) for k in range(100)))
        assert {event.event_id for event in await store.read("u1")} == {f"e{k}" for k in range(100)}

    run(scenario)


def test_memory_keeps_the_users_who_did_something_last(tmp_path) -> None:
    async def scenario() -> None:
        store = EmbeddedSessions(settings(tmp_path, session_users=2))
        await store.add("u1", [made("e1")])
        await store.add("u2", [made("e2")])
        await store.add("u1", [made("e3")])
        await store.add("u3", [made("e4")])
        assert [len(await store.read(user_id)) for user_id in ("u1", "u2", "u3")] == [2, 0, 1]

    asyncio.run(scenario())


def test_memory_keeps_no_session_that_is_over_whether_its_user_comes_again_or_not(tmp_path) -> None:
    clock = [0.0]

    async def scenario() -> None:
        store = EmbeddedSessions(settings(tmp_path, session_minutes=1), lambda: clock[0])
        for number in range(50):
            await store.add(f"u{number}", [made(f"e{number}")])
        clock[0] = 61
        await store.add("u50", [made("e50")])
        assert len(store) == 1

    asyncio.run(scenario())


def seconds_until_unavailable(store: SessionStore, asked: Callable[[SessionStore], Awaitable[object]]) -> float:
    async def ask() -> float:
        started = time.monotonic()
        with pytest.raises(SessionsUnavailable, match="look at the server"):
            await asked(store)
        return time.monotonic() - started

    return asyncio.run(ask())


ASKED = [
    lambda store: store.read("u1"),
    lambda store: store.add("u1", [made("e1")]),
    lambda store: store.forget("u1"),
    lambda store: store.ping(),
]


@pytest.mark.parametrize("asked", ASKED, ids=["read", "add", "forget", "ping"])
def test_a_redis_that_is_not_there_is_said_so_at_once(tmp_path, asked) -> None:
    pytest.importorskip("redis", reason="the extra `redis` is not installed")
    store = open_sessions(settings(tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0"))
    assert seconds_until_unavailable(store, asked) < 1.0


@pytest.mark.parametrize("asked", ASKED, ids=["read", "add", "forget", "ping"])
def test_a_server_that_never_answers_is_said_so_in_time(tmp_path, asked) -> None:
    pytest.importorskip("redis", reason="the extra `redis` is not installed")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        store = open_sessions(settings(tmp_path, redis_url=url, redis_milliseconds=100.0))
        assert 0.1 <= seconds_until_unavailable(store, asked) < 1.0


def test_a_redis_that_stops_for_a_while_mixes_up_no_answers(server, tmp_path) -> None:
    async def scene() -> None:
        store = open_sessions(settings(tmp_path, redis_url=server.url, redis_milliseconds=1_000.0))
        await store.forget("u2")
        await store.add("u1", [made("e1")])
        await store.add("u2", [made("e2")])
        server.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(SessionsUnavailable, match="no answer within 1000 ms"):
                await store.read("u1")
        finally:
            server.send_signal(signal.SIGCONT)
        assert [event.event_id for event in await store.read("u2")] == ["e2"]
        await store.forget("u1")
        await store.forget("u2")
        await store.close()

    asyncio.run(scene())


def test_a_redis_that_fails_again_and_again_is_left_alone_for_a_while_and_then_asked_again(
    server, tmp_path, monkeypatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(sessions_module, "monotonic", lambda: clock[0])

    async def scene() -> None:
        store = open_sessions(settings(tmp_path, redis_url=server.url, redis_milliseconds=300.0))
        await store.forget("u1")
        await store.add("u1", [made("e1")])
        server.send_signal(signal.SIGSTOP)
        try:
            for _ in range(sessions_module.FAILURES_IN_A_ROW):
                with pytest.raises(SessionsUnavailable, match="no answer within"):
                    await store.read("u1")
            started = time.perf_counter()
            for _ in range(100):
                with pytest.raises(SessionsUnavailable, match="it is asked again in a moment"):
                    await store.read("u1")
            assert time.perf_counter() - started < 0.3
        finally:
            server.send_signal(signal.SIGCONT)
        clock[0] += sessions_module.PAUSE_SECONDS
        assert [event.event_id for event in await store.read("u1")] == ["e1"]
        await store.forget("u1")
        await store.close()

    asyncio.run(scene())


def test_a_redis_without_its_client_is_refused_in_a_sentence(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sessions_module.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(RecsysError, match="install recsys-assets"):
        open_sessions(settings(tmp_path, redis_url="redis://127.0.0.1:1/0"))
