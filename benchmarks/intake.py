"""How many events a second one worker's intake takes: python -m benchmarks.intake [CLIENTS] [POSTS]."""

import asyncio
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from recsys_assets.config import Config, load_config
from recsys_assets.service.intake import EventIntake, open_intake

ROWS: Final = 100  # a post


@dataclass(frozen=True)
class IntakeSpeed:
    """What was measured: events a second, the share of one core, and how long posts waited (ms)."""

    events_per_second: float
    cores: float
    median_ms: float
    p99_ms: float


def measure_intake(config: Config, n_clients: int, n_posts: int) -> IntakeSpeed:
    """Post events into the home of `config`, from so many clients that each wait for the answer before the next."""
    with open_intake(config) as intake:
        return asyncio.run(_measure(intake, n_clients, n_posts))


async def _measure(intake: EventIntake, n_clients: int, n_posts: int) -> IntakeSpeed:
    posts = iter([_rows() for _ in range(n_posts)])
    waits: list[float] = []
    started, processor = time.perf_counter(), time.process_time()
    await asyncio.gather(*(_post_all(intake, posts, waits) for _ in range(n_clients)))
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    waits.sort()
    return IntakeSpeed(
        events_per_second=n_posts * ROWS / seconds,
        cores=processor / seconds,
        median_ms=waits[len(waits) // 2] * 1000,
        p99_ms=waits[len(waits) * 99 // 100] * 1000,
    )


async def _post_all(intake: EventIntake, posts: Iterator[list[dict[str, Any]]], waits: list[float]) -> None:
    for rows in posts:
        started = time.perf_counter()
        receipt = await intake.take("events", rows)
        waits.append(time.perf_counter() - started)
        if receipt.accepted != len(rows):
            raise AssertionError(receipt)


def _rows() -> list[dict[str, Any]]:
    ts = datetime.now(UTC).isoformat()
    return [
        {
            "user_id": f"u{n}",
            "item_id": f"i{n % 50}",
            "ts": ts,
            "event_type": "view",
            "event_id": uuid.uuid4().hex,
            "page": "home",
        }
        for n in range(ROWS)
    ]


def main() -> None:
    """Measure in a home of its own, and print."""
    given = [int(word) for word in sys.argv[1:]]
    n_clients, n_posts = given + [32, 1_000][len(given) :]
    with tempfile.TemporaryDirectory() as home:
        speed = measure_intake(load_config({"RECSYS_HOME": home}), n_clients, n_posts)
    print(
        f"{n_clients} clients, {ROWS} events a post: {speed.events_per_second:,.0f} events/s, {speed.cores:.2f} cores, "
        f"answered after {speed.median_ms:.0f} ms (median), {speed.p99_ms:.0f} ms (99 %)"
    )


if __name__ == "__main__":
    main()
