"""The service for a long time: python -m benchmarks.soak HOME [--minutes 20].

Lists, rankings and events all the while; a whole build on the same home; two more bundles taken up besides the build's
own. HOME holds a warehouse and a published bundle; it is copied. Printed: what failed, the times of each quarter, and
the worker's memory with its slope.
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.load import Client, Load, open_loop, run_load
from benchmarks.serve import SERVE, World, copy_bundle, post_events, resident_mb, serving
from recsys_assets.config import Config, load_config
from recsys_assets.publishing.switch import current_bundle, switch_to

QUARTERS = 4
LISTS_PER_SECOND, RANKS_PER_SECOND, BATCHES_PER_SECOND = 30, 5, 2


@dataclass(frozen=True)
class Soak:
    """What was seen.

    Attributes:
        lists: a quarter each; likewise
        ranks: of 100 items, and
        posts: of 100 events.
        memory: (seconds since the start, MiB) of the worker.
        builds: bundles that were taken up, in their order.
        build_status: of the build that went on meanwhile.
    """

    lists: list[Load]
    ranks: list[Load]
    posts: list[Load]
    memory: list[tuple[float, float]]
    builds: list[str]
    build_status: int

    @property
    def failures(self) -> int:
        """Requests without an answer, or with one that says that the service failed."""
        return sum(load.failures for load in (*self.lists, *self.ranks, *self.posts))

    @property
    def slope(self) -> float:
        """MiB an hour over the second half, by least squares."""
        seconds, mb = np.array(self.memory[len(self.memory) // 2 :]).T
        return float(np.polyfit(seconds, mb, 1)[0] * 3600)


async def soak(config: Config, world: World, port: int, pid: int, seconds: float) -> Soak:
    """Run it."""
    client, started = Client(port), time.monotonic()
    memory: list[tuple[float, float]] = []
    builds: list[str] = []
    build = await asyncio.create_subprocess_exec(
        "nice", sys.executable, "-c", SERVE, "build",
        env=os.environ | {"RECSYS_HOME": str(config.home)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    async def watch() -> None:
        while True:
            memory.append((time.monotonic() - started, resident_mb(pid)))
            bundle = current_bundle(config)
            if bundle and (not builds or builds[-1] != bundle.name):
                builds.append(bundle.name)
            await asyncio.sleep(seconds / 100)

    async def switch() -> None:
        for number in range(2):
            await asyncio.sleep(seconds / 3)
            bundle = current_bundle(config)
            assert bundle
            build_id = await asyncio.to_thread(copy_bundle, config, bundle, number)
            await asyncio.to_thread(switch_to, config, build_id)

    background = [asyncio.create_task(one) for one in (watch(), switch())]
    quarters = [await _quarter(world, client, number, seconds / QUARTERS) for number in range(QUARTERS)]
    for task in background:
        task.cancel()
    status = await build.wait()
    lists, ranks, posts = (list(loads) for loads in zip(*quarters, strict=True))
    return Soak(lists, ranks, posts, memory, builds, status)


async def _quarter(world: World, client: Client, number: int, seconds: float) -> list[Load]:
    def ask_for_list(n: int) -> bytes:
        return world.stored(n) if n % 2 else world.in_session(n)

    def post_batch(n: int) -> bytes:
        return world.events(number * 1_000_000 + n)

    loads = (
        open_loop(client, LISTS_PER_SECOND, seconds, ask_for_list),
        open_loop(client, RANKS_PER_SECOND, seconds, world.rank(100)),
        open_loop(client, BATCHES_PER_SECOND, seconds, post_batch),
    )
    return list(await asyncio.gather(*loads))


def run(home: Path, minutes: float) -> Soak:
    """On a copy of the home."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(home, Path(folder) / "home", symlinks=True, ignore=shutil.ignore_patterns("dagster"))
        config = load_config({"RECSYS_HOME": str(copy)})
        world = World(config)
        with serving(copy) as (port, pid):
            run_load(post_events(world, Client(port)))
            return run_load(soak(config, world, port, pid, minutes * 60))


def show(found: Soak) -> str:
    """A Markdown table and what else there is to say."""
    lines = [
        "| quarter | lists p50, p99 ms | rank 100 p50, p99 ms | posts of 100 events p50, p99 ms |",
        "| --- | --- | --- | --- |",
    ]
    for number, loads in enumerate(zip(found.lists, found.ranks, found.posts, strict=True), start=1):
        times = (f"{load.quantile(0.5):.1f}, {load.quantile(0.99):.0f}" for load in loads)
        lines.append(f"| {number} | {' | '.join(times)} |")
    first, highest, last = found.memory[0][1], max(mb for _, mb in found.memory), found.memory[-1][1]
    summary = [
        f"Failures: {found.failures}. Bundles taken up: {len(found.builds)}.",
        f"The build beside it ended with status {found.build_status}.",
        f"Memory: {first:.0f} MiB at first, at most {highest:.0f}, {last:.0f} at last;",
        f"{found.slope:+.0f} MiB an hour in the second half.",
    ]
    lines += ["", " ".join(summary)]
    return "\n".join(lines)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--minutes", type=float, default=20)
    asked: Mapping[str, object] = vars(parser.parse_args())
    print(show(run(Path(str(asked["home"])), float(str(asked["minutes"])))))


if __name__ == "__main__":
    main()
