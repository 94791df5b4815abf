"""A partition's batches: whatever step is the last, each message is in the inbox once."""

import os
from pathlib import Path

import pytest

from recsys_assets.config import Config
from recsys_assets.errors import BusyError, RecsysError, StorageError
from recsys_assets.sources.inbox import take_inbox
from recsys_assets.streaming.batches import PartitionBatches, unlanded_bytes
from recsys_assets_tests.streaming.conftest import make_event

FIRST = "stream-clicks-0-00000000000000000000-00000000000000000002.jsonl"


class Killed(BaseException):
    """As SIGKILL would: nothing after it runs but what the system does."""


def in_inbox(config: Config) -> list[str]:
    return sorted(path.name for path in (config.inbox_path / "events").glob("*.jsonl"))


def test_names_say_the_offsets(tiny_home: Config) -> None:
    batches = PartitionBatches(tiny_home, "clicks", 0, "events")
    assert batches.next_offset is None
    path = batches.write(["{}", "{}", "{}"], 0, 2)
    assert path.name == FIRST
    assert path.read_text() == "{}\n{}\n{}\n"
    assert batches.next_offset == 3
    assert unlanded_bytes(tiny_home) == 9
    batches.close()
    assert PartitionBatches(tiny_home, "clicks", 0, "events").next_offset == 3


@pytest.mark.parametrize("step", range(1, 4))
def test_killed_before_a_rename_it_is_written_once(
    tiny_home: Config, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """The renames: the batch is whole; it counts; it is in the inbox."""
    batches = PartitionBatches(tiny_home, "clicks", 0, "events")
    renamed, replace = [], os.replace

    def kill(source: Path, target: Path) -> None:
        renamed.append(target)
        if len(renamed) == step:
            raise Killed
        replace(source, target)

    monkeypatch.setattr(os, "replace", kill)
    with pytest.raises(Killed):
        batches.write(["{}", "{}", "{}"], 0, 2)
    monkeypatch.undo()
    batches.close()
    again = PartitionBatches(tiny_home, "clicks", 0, "events")
    assert in_inbox(tiny_home) == ([FIRST] if step == 3 else [])
    assert again.next_offset == (3 if step == 3 else None)
    if again.next_offset is None:
        again.write(["{}", "{}", "{}"], 0, 2)
    assert in_inbox(tiny_home) == [FIRST]
    assert {path.name for path in tiny_home.stream_path.glob("*/*")} == {".lock", "position.json"}


def test_a_partition_is_one_readers(tiny_home: Config) -> None:
    batches = PartitionBatches(tiny_home, "clicks", 0, "events")
    with pytest.raises(BusyError, match="Another `recsys stream` reads partition 0 of clicks"):
        PartitionBatches(tiny_home, "clicks", 0, "events")
    PartitionBatches(tiny_home, "clicks", 1, "events").close()
    batches.close()
    PartitionBatches(tiny_home, "clicks", 0, "events").close()


def test_a_home_without_a_position_goes_on_after_what_is_landed(tiny_home: Config) -> None:
    import json
    from datetime import UTC, datetime, timedelta

    batches = PartitionBatches(tiny_home, "clicks", 0, "events")
    batches.write([json.dumps(make_event(number)) for number in range(3)], 0, 2)
    batches.close()
    (tiny_home.stream_path / "clicks-0" / "position.json").unlink()
    waiting = PartitionBatches(tiny_home, "clicks", 0, "events")
    assert waiting.next_offset == 3
    waiting.close()
    take_inbox(tiny_home, datetime.now(UTC) + timedelta(hours=1))
    assert not in_inbox(tiny_home)
    assert PartitionBatches(tiny_home, "clicks", 0, "events").next_offset == 3
    assert PartitionBatches(tiny_home, "clicks", 1, "events").next_offset is None
    assert PartitionBatches(tiny_home, "other-clicks", 0, "events").next_offset is None


def test_a_damaged_position_is_told(tiny_home: Config) -> None:
    PartitionBatches(tiny_home, "clicks", 0, "events").close()
    (tiny_home.stream_path / "clicks-0" / "position.json").write_text("{")
    with pytest.raises(RecsysError, match=r'position.json is damaged: write \{"next_offset": N\} there'):
        PartitionBatches(tiny_home, "clicks", 0, "events")


def test_without_room_nothing_counts(tiny_home: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = PartitionBatches(tiny_home, "clicks", 0, "events")

    def fill(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fill)
    with pytest.raises(StorageError, match="make room there, and start `recsys stream` again"):
        batches.write(["{}"], 0, 0)
    monkeypatch.undo()
    assert batches.next_offset is None
    assert in_inbox(tiny_home) == []
