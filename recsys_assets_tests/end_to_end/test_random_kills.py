"""SIGKILL at random moments of loading, building, refreshing and publishing: nothing is lost, doubled or torn.

`RECSYS_KILLS` says how many kills; docs/reliability.md has the counts of a long run.
"""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from recsys_assets.config import Config
from recsys_assets.publishing.retention import UNFINISHED_PREFIX
from recsys_assets.serving.bundle import open_bundle
from recsys_assets.sources.landing_area import list_landed
from recsys_assets.upkeep.verify import verify_home
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.end_to_end.command_line import RECSYS, recsys

SEED = 20261126
N_KILLS = int(os.environ.get("RECSYS_KILLS", "3"))
KILLS_BETWEEN_COUNTS = 20
SHARES = {"load": 0.56, "publish": 0.41, "build": 0.015, "refresh": 0.015}
PUBLISH = """
from datetime import UTC, datetime
from recsys_assets.config import load_config
from recsys_assets.logs import configure_logs
from recsys_assets.publishing.bundle import publish_bundle
from recsys_assets.publishing.manifest import describe_build
from recsys_assets.publishing.retention import apply_retention
from recsys_assets.publishing.switch import list_builds
from recsys_assets.warehouse import open_warehouse
config = load_config()
configure_logs(config)
before = list_builds(config)[-1]
facts = {name: getattr(before, name) for name in ("model_version", "method", "gate_passed", "gate_decision")}
with open_warehouse(config) as connection:
    for _ in range(%d):
        publish_bundle(config, connection, describe_build(config, connection, now=datetime.now(UTC), **facts))
        apply_retention(config)
"""
BUNDLES_IN_A_ROW = 4


@dataclass(frozen=True)
class Work:
    """A command, and the line of the log that says that it has begun to work: before it there is nothing to kill."""

    command: list[str]
    begins_with: str


@dataclass
class Shop:
    """A home, the folder of files that it loads, and what was written there."""

    config: Config
    folder: Path
    draws: random.Random
    event_ids: set[str] = field(default_factory=set)
    n_rejected: int = 0
    n_files: int = 0

    def write_events(self) -> None:
        """One more file: 80 new events, 10 that were there before, and one without a user."""
        rows = [self._draw_event(f"k{self.n_files:04}-{number:02}") for number in range(80)]
        again = [self._draw_event(event_id) for event_id in sorted(self.event_ids)[:10]]
        nobody = self._draw_event("nobody") | {"user_id": ""}
        with (self.folder / "events" / f"more-{self.n_files:04}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(nobody))
            writer.writeheader()
            writer.writerows([*rows, *again, nobody])
        self.event_ids.update(row["event_id"] for row in rows)
        self.n_rejected += len(again) + 1
        self.n_files += 1

    def _draw_event(self, event_id: str) -> dict[str, str]:
        ts = datetime(2024, 3, 1) + timedelta(minutes=30 * self.n_files, seconds=self.draws.randrange(1800))
        return {
            "event_id": event_id,
            "user_id": f"u{self.draws.randrange(1, 11):02}",
            "item_id": f"i{self.draws.randrange(1, 13):02}",
            "ts": f"{ts:%Y-%m-%d %H:%M:%S}",
            "event_type": self.draws.choice(["view", "view", "cart", "purchase"]),
            "value": "",
            "session_id": f"s{self.n_files}",
        }

    def log_size(self) -> int:
        """Bytes of the log so far."""
        return self.config.log_path.stat().st_size if self.config.log_path.exists() else 0

    def log_since(self, size: int) -> list[dict[str, object]]:
        """The whole lines of the log that were written since it had this size."""
        with self.config.log_path.open("rb") as file:
            file.seek(size)
            return [json.loads(line) for line in file if line.endswith(b"\n") and line.strip()]


@pytest.fixture
def shop(tiny_home: Config, tiny_world: Path, tmp_path: Path) -> Shop:
    """The tiny world, loaded."""
    folder = tmp_path / "files"
    shutil.copytree(tiny_world, folder)
    (folder / "events").mkdir()
    first = (folder / "events.csv").rename(folder / "events" / "first.csv")
    with first.open() as file:
        event_ids = {row["event_id"] for row in csv.DictReader(file)}
    shop = Shop(tiny_home, folder, random.Random(SEED), event_ids)
    finish(shop, "load", str(folder))
    return shop


def copy_home(shop: Shop) -> Shop:
    """The same home once more, for publishing alone: no killed build has begun to make other tables there."""
    config = shop.config.model_copy(update={"home": shop.config.home.with_name("publishing")})
    shutil.copytree(shop.config.home, config.home, symlinks=True)
    return replace(shop, config=config)


def finish(shop: Shop, *arguments: str) -> None:
    done = recsys(shop.config.home, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def at_work(shop: Shop, work: Work) -> Iterator[subprocess.Popen[bytes]]:
    """The process group of a command, from the moment when it has begun to work."""
    size = shop.log_size()
    environment = os.environ | {"RECSYS_HOME": str(shop.config.home)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(work.command, env=environment, start_new_session=True, **quiet) as process:
        while not any(line["event"] == work.begins_with for line in shop.log_since(size)):
            assert process.poll() is None, f"{work.command} ended before it began"
            time.sleep(0.02)
        yield process


def measure(shop: Shop, work: Work) -> float:
    """Seconds from the begin of the work to its end."""
    with at_work(shop, work) as process:
        started = time.monotonic()
        assert process.wait() == 0
    return time.monotonic() - started


def kill_at(shop: Shop, work: Work, seconds: float) -> float | None:
    """Kill the whole group after so many seconds of work, during which readers are answered.

    Returns:
        None; if the work was over before, the seconds that it took.
    """
    with at_work(shop, work) as process:
        started = time.monotonic()
        while (left := started + seconds - time.monotonic()) > 0 and process.poll() is None:
            assert_readers_are_answered(shop)
            time.sleep(min(left, 0.5))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
    assert status in (0, -signal.SIGKILL), f"{work.command} ended with status {status}"
    return None if status else time.monotonic() - started


def assert_readers_are_answered(shop: Shop) -> None:
    """The bundle in use opens, and every table of it has all its rows."""
    with open_bundle(shop.config) as bundle:
        for table, n_rows in bundle.manifest.row_counts.items():
            assert bundle.rows(f"SELECT count(*) AS n FROM {table}") == [{"n": n_rows}]


def assert_nothing_is_torn(shop: Shop) -> int:
    """Every bundle, file and table is what its checksum, manifest and ledger say; returns how many bundles."""
    findings = verify_home(shop.config)
    assert [finding for finding in findings if finding.remedy] == []
    return sum("are what was published" in finding.fact for finding in findings)


def assert_all_is_loaded_once(shop: Shop) -> int:
    """After one load that ends, `raw` holds the events that were written, each once; returns how many."""
    finish(shop, "load", str(shop.folder))
    with open_warehouse(shop.config) as connection:
        held = [row[0] for row in connection.execute("SELECT event_id FROM raw.events").fetchall()]
        ((n_rejected,),) = connection.execute("SELECT count(*) FROM raw.rejected_rows").fetchall()
    assert Counter(held) == Counter(shop.event_ids)
    assert n_rejected == shop.n_rejected
    return len(held)


def name_place(shop: Shop, name: str, size: int) -> str:
    """Where a kill hit, as far as what it left tells."""
    lines = shop.log_since(size)
    if name == "load":
        n_loaded = sum(line["event"] == "file_loaded" for line in lines)
        landed = len([file for file in list_landed(shop.config) if file.table.name == "events"])
        return "after the rows" if n_loaded else "landed, rows to come" if landed > shop.n_files else "before it landed"
    if name == "publish":
        return (
            "bundle half written" if [*shop.config.published_path.glob(f"{UNFINISHED_PREFIX}*")] else "between bundles"
        )
    steps = [str(line["step_key"]) for line in lines if line["event"] == "step_started"]
    return f"step {steps[-1].partition('__')[0]}" if steps else "before the first step"


@pytest.mark.slow
def test_kills_at_random_moments_lose_double_and_tear_nothing(shop: Shop) -> None:
    works = {
        "load": Work([RECSYS, "load", str(shop.folder)], "command_started"),
        "publish": Work([sys.executable, "-c", PUBLISH % BUNDLES_IN_A_ROW], "bundle_published"),
        "build": Work([RECSYS, "build"], "run_started"),
        "refresh": Work([RECSYS, "refresh"], "run_started"),
    }
    plan = [name for name, share in SHARES.items() for _ in range(max(1, round(share * N_KILLS)))]
    shop.draws.shuffle(plan)
    seconds = {"build": measure(shop, works["build"])}
    seconds["refresh"] = seconds["build"]  # it is shorter, which the first that is over before its moment tells
    homes = dict.fromkeys(works, shop) | {"publish": copy_home(shop)}
    shop.write_events()
    seconds |= {name: measure(homes[name], works[name]) for name in ("load", "publish")}
    places: Counter[tuple[str, str]] = Counter()
    n_bundles = n_held = 0
    for number, name in enumerate(plan, start=1):
        while True:
            if name == "load":
                shop.write_events()
            size = homes[name].log_size()
            took = kill_at(homes[name], works[name], shop.draws.uniform(0, seconds[name]))
            if took is None:
                break
            seconds[name] = took  # the machine has become quicker, and a kill after the end is none
        places[name, name_place(homes[name], name, size)] += 1
        assert_readers_are_answered(homes[name])
        n_bundles += assert_nothing_is_torn(homes[name])
        if number % KILLS_BETWEEN_COUNTS == 0 or number == len(plan):
            n_held = assert_all_is_loaded_once(shop)
            print(f"{number} kills, {len(shop.event_ids):,} events landed, {n_held:,} held, {n_bundles} bundles whole")
    finish(shop, "refresh")
    assert any("made from all files that are loaded" in finding.fact for finding in verify_home(shop.config))
    print(*(f"| {name} | {place} | {n} |" for (name, place), n in sorted(places.items())), sep="\n")
