"""How fast the service answers, with the load stated: python -m benchmarks.serve HOME [--runs 3] [--seconds 10].

The load comes from another process on the same machine. Each line is the median of the runs; a request's time counts
from when it was due. HOME holds a published bundle; it is copied, since events are posted and bundles switched.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.load import Client, Load, closed_loop, get, open_loop, post, run_load
from recsys_assets.config import Config, load_config
from recsys_assets.publishing.manifest import DATABASE_FILE, describe_files, read_manifest, write_manifest
from recsys_assets.publishing.switch import current_bundle, switch_to

CONNECTIONS = 32
START_SECONDS = 120
SESSION_USERS = 200
SERVE = "from recsys_assets.cli import main; main()"
EMPTY_APP = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/empty")
async def empty():
    return {}
"""
Measured = Callable[["World", Client, float], Coroutine[Any, Any, dict[str, float]]]


class World:
    """The ids of a bundle, and requests made of them."""

    def __init__(self, config: Config) -> None:
        bundle = current_bundle(config)
        assert bundle, "the home holds no bundle"
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{bundle / DATABASE_FILE}' AS bundle (READ_ONLY)")
            users = connection.execute("SELECT DISTINCT user_id FROM bundle.recommendations ORDER BY 1").fetchall()
            items = connection.execute("SELECT item_id FROM bundle.item_features ORDER BY n_users DESC, 1").fetchall()
        self.users, self.items = [user for (user,) in users], [item for (item,) in items]

    def user(self, number: int) -> str:
        """One after another, in no order that a cache would like."""
        return str(self.users[number * 7919 % len(self.users)])

    def item(self, number: int) -> str:
        """Likewise."""
        return str(self.items[number * 104_729 % len(self.items)])

    def rank(self, n_items: int) -> Callable[[int], bytes]:
        """Different items for different users, with a session of three views."""

        def make(number: int) -> bytes:
            session = [{"item_id": self.item(number + place), "event_type": "view", "ts": _now()} for place in range(3)]
            items = [self.item(number * 31 + place) for place in range(n_items)]
            return post("/v1/rank", _json({"user_id": self.user(number), "items": items, "session": session}))

        return make

    def stored(self, number: int) -> bytes:
        """A published list."""
        return get(f"/v1/users/{self.user(SESSION_USERS + number % 3000)}/recommendations?k=10")

    def in_session(self, number: int) -> bytes:
        """A list of one of the users who did something since."""
        return get(f"/v1/users/{self.user(number % SESSION_USERS)}/recommendations?k=10")

    def events(self, number: int) -> bytes:
        """A batch of a hundred events of other users than those of the sessions."""
        rows = [
            {"user_id": f"visitor-{number}-{row % 10}", "item_id": self.item(number + row), "ts": _now()}
            for row in range(100)
        ]
        return post("/v1/events", _json({"events": rows}))


async def rank_100(world: World, client: Client, seconds: float) -> dict[str, float]:
    """100 items, 100 requests a second."""
    return _latency(await open_loop(client, 100, seconds, world.rank(100)))


async def rank_300(world: World, client: Client, seconds: float) -> dict[str, float]:
    """300 items, 50 requests a second."""
    return _latency(await open_loop(client, 50, seconds, world.rank(300)))


async def post_events(world: World, client: Client) -> None:
    """Three views of each user who has a session."""
    rows = [
        {"user_id": world.user(number), "item_id": world.item(number + place), "ts": _now()}
        for number in range(SESSION_USERS)
        for place in range(3)
    ]
    for start in range(0, len(rows), 100):
        await client.send(post("/v1/events", _json({"events": rows[start : start + 100]})))


async def in_session(world: World, client: Client, seconds: float) -> dict[str, float]:
    """Lists of users with a session, 100 requests a second."""
    await post_events(world, client)
    return _latency(await open_loop(client, 100, seconds, world.in_session))


async def stored(world: World, client: Client, seconds: float) -> dict[str, float]:
    """Published lists, 300 requests a second."""
    return _latency(await open_loop(client, 300, seconds, world.stored))


async def saturated(world: World, client: Client, seconds: float) -> dict[str, float]:
    """Published lists from 32 connections, as many as go."""
    return _throughput(await closed_loop(client, CONNECTIONS, seconds, world.stored))


async def empty(world: World, client: Client, seconds: float) -> dict[str, float]:
    """An empty FastAPI route from 32 connections, as many as go."""
    return _throughput(await closed_loop(client, CONNECTIONS, seconds, lambda number: get("/empty")))


async def events(world: World, client: Client, seconds: float) -> dict[str, float]:
    """5,200 events a second in batches of 100, beside 50 published lists a second."""
    salt = int(str(time.time_ns())[-9:])
    posts, lists = await asyncio.gather(
        open_loop(client, 52, seconds, lambda number: world.events(salt + number)),
        open_loop(client, 50, seconds, world.stored),
    )
    of_lists = {f"lists {name}": value for name, value in _latency(lists).items()}
    return {"events/s": 100 * posts.per_second, **_latency(posts), **of_lists}


SCENARIOS: Mapping[str, Measured] = {
    "rank 100 items at 100/s": rank_100,
    "rank 300 items at 50/s": rank_300,
    "lists with a session at 100/s": in_session,
    "stored lists at 300/s": stored,
    "stored lists, saturated": saturated,
    "events at 5,200/s, lists at 50/s": events,
}


async def while_switching(config: Config, world: World, client: Client, seconds: float) -> dict[str, float]:
    """Published lists at 100 a second while another bundle is taken up three times."""
    bundle = current_bundle(config)
    assert bundle
    copies = [copy_bundle(config, bundle, number) for number in range(3)]
    usual = await open_loop(client, 100, seconds, world.stored)

    async def switch(publisher: Executor) -> None:
        for build_id in copies:
            await asyncio.sleep(seconds / 4)
            await asyncio.get_running_loop().run_in_executor(publisher, switch_to, config, build_id)

    # publishing hashes the bundle: in this process it would hold up the requests, and they would seem slow
    with ProcessPoolExecutor(1, initializer=os.nice, initargs=(19,)) as publisher:
        load, _ = await asyncio.gather(open_loop(client, 100, seconds, world.stored), switch(publisher))
    return {**_latency(load), "p99 without ms": usual.quantile(0.99)}


def copy_bundle(config: Config, bundle: Path, number: int) -> str:
    """A bundle once more under another name, which is returned; it is not in use yet."""
    build_id = f"{bundle.name}-{number}-{time.time_ns()}"
    copy = config.published_path / build_id
    shutil.copytree(bundle, copy, copy_function=os.link)
    manifest = read_manifest(bundle).model_copy(update={"build_id": build_id, "files": describe_files(copy)})
    (copy / "manifest.json").unlink()
    write_manifest(copy, manifest)
    return build_id


@contextmanager
def serving(home: Path) -> Iterator[tuple[int, int]]:
    """`recsys serve` on a home; its port and process."""
    with _listening([sys.executable, "-c", SERVE, "serve"], "/readyz", {"RECSYS_HOME": str(home)}) as server:
        yield server


@contextmanager
def serving_nothing() -> Iterator[tuple[int, int]]:
    """An empty FastAPI application, started likewise."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "empty_app.py").write_text(EMPTY_APP, "utf-8")
        command = [sys.executable, "-m", "uvicorn", "empty_app:app", "--no-access-log", "--app-dir", folder]
        with _listening(command, "/empty", {}) as server:
            yield server


@contextmanager
def _listening(command: list[str], path: str, settings: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    port = _free_port()
    with subprocess.Popen([*command, "--port", str(port)], env=os.environ | settings) as process:
        try:
            deadline = time.monotonic() + START_SECONDS
            while run_load(Client(port, 1).send(get(path))) != 200:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"Error: {command[-1]} does not answer at {path}.")
                time.sleep(0.2)
            yield port, process.pid
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _latency(load: Load) -> dict[str, float]:
    return {"p50 ms": load.quantile(0.5), "p99 ms": load.quantile(0.99), "failures": load.failures}


def _throughput(load: Load) -> dict[str, float]:
    return {"requests/s": load.per_second, "failures": load.failures}


def resident_mb(pid: int) -> float:
    """A process's resident memory in MiB."""
    fields = Path(f"/proc/{pid}/status").read_text("utf-8").split("VmRSS:")[1].split()
    return int(fields[0]) / 1024


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()


def _median(measured: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(one[name] for one in measured) for name in measured[0]}


def measure(home: Path, runs: int, seconds: float) -> dict[str, dict[str, float]]:
    """Scenario -> the medians of its runs."""
    config = load_config({"RECSYS_HOME": str(home)})
    world, found, shares = World(config), {}, []
    nothing: list[dict[str, float]] = []
    with serving(home) as (port, pid), serving_nothing() as (empty_port, _):
        start_mb = resident_mb(pid)
        for name, scenario in SCENARIOS.items():
            run_load(scenario(world, Client(port), 2))  # warm
            measured = []
            for _ in range(runs):
                measured.append(run_load(scenario(world, Client(port), seconds)))
                if scenario is saturated:  # one after the other: a machine is not as quick now as in a minute
                    nothing.append(run_load(empty(world, Client(empty_port), seconds)))
                    shares.append(measured[-1]["requests/s"] / nothing[-1]["requests/s"])
            found[name] = _median(measured)
        found["an empty FastAPI route, saturated"] = {
            **_median(nothing),
            "stored lists' share": statistics.median(shares),
        }
        name = "stored lists at 100/s while bundles switch"
        found[name] = run_load(while_switching(config, world, Client(port), 4 * seconds))
        found["memory of the worker"] = {"MiB at start": start_mb, "MiB at the end": resident_mb(pid)}
    return found


def show(found: Mapping[str, Mapping[str, float]]) -> str:
    """A Markdown table."""
    lines = ["| load | measured |", "| --- | --- |"]
    for name, values in found.items():
        lines.append(f"| {name} | {', '.join(f'{key} {value:,.4g}' for key, value in values.items())} |")
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve", description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        bundle = (arguments.home / "published/current").resolve()
        shutil.copytree(bundle, home / "published" / bundle.name)
        (home / "published/current").symlink_to(bundle.name)
        print(show(measure(home, arguments.runs, arguments.seconds)))


if __name__ == "__main__":
    main()
