"""An intake in a fresh home, posts for it, and what became of them on the disk."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recsys_assets.config import Config, load_config
from recsys_assets.service.intake import EventIntake, open_intake
from recsys_assets.sources.inbox import take_inbox
from recsys_assets.sources.landing import ingest_landed
from recsys_assets.warehouse import open_warehouse

TS = "2024-05-01T10:00:00Z"


def event(event_id: str | int | None = None, **fields: Any) -> dict[str, Any]:
    return {"user_id": "u1", "item_id": "i1", "ts": TS, **({"event_id": event_id} if event_id else {}), **fields}


def service_config(home: Path, **settings: object) -> Config:
    """No file goes to the inbox before the intake is closed, unless the settings say so."""
    defaults = {"segment_seconds": 3600, "gather_milliseconds": 0}
    named = {f"RECSYS__SERVICE__{name.upper()}": str(value) for name, value in {**defaults, **settings}.items()}
    return load_config({"RECSYS_HOME": str(home), **named})


def segments(config: Config) -> list[Path]:
    return sorted(config.posted_path.rglob("*.jsonl"))


def inbox(config: Config, table: str = "events") -> list[Path]:
    return sorted((config.inbox_path / table).glob("*.jsonl"))


def records(paths: Iterable[Path]) -> list[Any]:
    """Every line of the files, which must all end."""
    texts = [path.read_text() for path in paths]
    assert all(text.endswith("\n") for text in texts)
    return [json.loads(line) for text in texts for line in text.splitlines()]


def load_inbox(config: Config) -> None:
    """As a run does, when the files have lain long enough."""
    later = datetime.now(UTC) + timedelta(seconds=config.sources.inbox_settle_seconds + 1)
    assert take_inbox(config, later).refused == ()
    ingest_landed(config, later)


def query(config: Config, sql: str) -> list[tuple[Any, ...]]:
    with open_warehouse(config, read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return service_config(tmp_path / "home")


@pytest.fixture
def intake(config: Config) -> Iterator[EventIntake]:
    with open_intake(config) as opened:
        yield opened
