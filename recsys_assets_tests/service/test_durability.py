"""Killed at any moment, or on a full disk: what was acknowledged is there once, and every line is whole."""

import json
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import pytest

from recsys_assets.config import Config
from recsys_assets.service.intake import open_intake
from recsys_assets.sources.landing import load_folder
from recsys_assets_tests.service.conftest import inbox, load_inbox, query, records, segments, service_config

# Four tasks post batches one after the other; a line tells what was acknowledged, as soon as it was.
POST = """
import asyncio, sys, uuid
from recsys_assets.config import load_config
from recsys_assets.service.intake import open_intake

async def post(intake):
    while True:
        rows = [
            {"user_id": "u", "item_id": "i", "ts": "2024-05-01", "event_id": uuid.uuid4().hex, "page": "x" * 200}
            for _ in range(50)
        ]
        receipt = await intake.take("events", [*rows, {"user_id": "nobody"}])
        print(*receipt.event_ids[:-1], flush=True)

async def post_all(intake):
    await asyncio.gather(*(post(intake) for _ in range(4)))

with open_intake(load_config()) as intake:
    print("open", flush=True)
    asyncio.run(post_all(intake))
"""

# A file may hold 6,000 bytes: a small post fits, then a large one does not, then there is room again.
FILL_THE_DISK = """
import asyncio, json, resource
from recsys_assets.config import load_config
from recsys_assets.errors import StorageError
from recsys_assets.service.intake import open_intake

def rows(first, n):
    return [{"user_id": "u", "item_id": "i", "ts": "2024-05-01", "event_id": f"e{k}"} for k in range(first, first + n)]

def post(intake, first, n):
    try:
        return asyncio.run(intake.take("events", rows(first, n))).accepted
    except StorageError as error:
        return str(error)

with open_intake(load_config()) as intake:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, most))
    answers = [post(intake, 0, 10), post(intake, 10, 100), post(intake, 10, 100), post(intake, 110, 10)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    answers.append(post(intake, 10, 100))
print(json.dumps(answers))
"""


def start(config: Config, script: str, **settings: object) -> subprocess.Popen[str]:
    named = {f"RECSYS__SERVICE__{name.upper()}": str(value) for name, value in settings.items()}
    environment = {**os.environ, "RECSYS_HOME": str(config.home), "PYTHONPATH": os.pathsep.join(sys.path), **named}
    return subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)


def post_until_killed(config: Config, seconds: float) -> list[str]:
    """The ids that were acknowledged."""
    with start(config, POST, segment_seconds=0.1, gather_milliseconds=0) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        time.sleep(seconds)
        process.kill()
        lines = process.stdout.read().splitlines(keepends=True)
    return [event_id for line in lines if line.endswith("\n") for event_id in line.split()]


@pytest.mark.slow
def test_what_workers_acknowledged_before_they_were_killed_is_loaded_once(tmp_path: Path) -> None:
    config = service_config(tmp_path / "home")
    acknowledged = []
    for _ in range(5):
        lives = [random.uniform(0.3, 1.5) for _ in range(2)]  # two workers at a time
        with ThreadPoolExecutor() as pool:
            acknowledged += chain(*pool.map(post_until_killed, [config] * 2, lives))
    assert len(acknowledged) > 100
    with open_intake(config):
        pass
    assert segments(config) == []
    written = [record["event_id"] for record in records(inbox(config)) if "event_id" in record]
    assert len(written) == len(set(written))
    assert set(acknowledged) <= set(written)

    fresh = service_config(tmp_path / "fresh")
    load_folder(fresh, config.inbox_path, datetime.now(UTC))
    load_inbox(config)
    for home in (config, fresh):
        assert query(home, "SELECT count(*), count(DISTINCT event_id) FROM raw.events") == [(len(written),) * 2]
        assert query(home, "SELECT DISTINCT reason FROM raw.rejected_rows") == [("item_id is missing",)]


def test_a_full_disk_acknowledges_nothing_and_tears_no_line(tmp_path: Path) -> None:
    config = service_config(tmp_path / "home")
    with start(config, FILL_THE_DISK) as process:
        assert process.stdout is not None
        small, large, again, small_again, large_with_room = json.loads(process.stdout.read())
    assert (small, small_again, large_with_room) == (10, 10, 100)
    assert large == again
    assert large.endswith("(File too large): make room there, and post it again.")
    written = [record["event_id"] for record in records(inbox(config))]
    assert sorted(written) == sorted(f"e{k}" for k in range(120))
