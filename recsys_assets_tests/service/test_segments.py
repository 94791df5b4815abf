"""Files of posted rows: when they go to the inbox, and what becomes of those that a dead worker left."""

import asyncio
import re
import time

import pytest

from recsys_assets.errors import RecsysError, StorageError
from recsys_assets.locks import hold_lock
from recsys_assets.service import segments as segments_module
from recsys_assets.service.intake import open_intake
from recsys_assets.service.segments import Segments
from recsys_assets_tests.fixtures.waiting import wait_until
from recsys_assets_tests.service.conftest import event, inbox, records, segments, service_config

LINE = '{"user_id": "u", "item_id": "i", "ts": "2024-05-01", "event_id": "e1"}'


def wait_for_inbox(config, n_files: int) -> None:
    wait_until(lambda: len(inbox(config)) >= n_files, 30)


def leave(config, worker: str, content: str, table: str = "events"):
    path = config.posted_path / worker / f"{table}-20240501T100000.000001.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_a_file_that_is_old_enough_goes_to_the_inbox_without_another_post(tmp_path) -> None:
    config = service_config(tmp_path, segment_seconds=0.2)
    with open_intake(config) as intake:
        asyncio.run(intake.take("events", [event("e1")]))
        wait_for_inbox(config, 1)
        asyncio.run(intake.take("events", [event("e2")]))
        wait_for_inbox(config, 2)
    assert [record["event_id"] for record in records(inbox(config))] == ["e1", "e2"]
    assert all(re.fullmatch(r"service-1-\d{8}T\d{6}\.\d{6}\.jsonl", path.name) for path in inbox(config))


def test_a_file_that_is_large_enough_goes_to_the_inbox(tmp_path) -> None:
    config = service_config(tmp_path, segment_bytes=100)
    with open_intake(config) as intake:
        asyncio.run(intake.take("events", [event("e1"), event("e2")]))
        wait_for_inbox(config, 1)
        asyncio.run(intake.take("events", [event("e3")]))
        assert [record["event_id"] for record in records(segments(config))] == ["e3"]


@pytest.mark.parametrize("worker", ["1", "7"])
def test_what_a_killed_worker_left_goes_to_the_inbox_without_its_torn_last_line(config, worker: str) -> None:
    leave(config, worker, f'{LINE}\n{{"user_id": "u", "item')
    with open_intake(config):
        (path,) = inbox(config)
        assert path.name == f"service-{worker}-20240501T100000.000001.jsonl"
        assert path.read_text() == f"{LINE}\n"
        assert segments(config) == []


@pytest.mark.parametrize("content", ["", '{"user_id": "u"'])
def test_a_file_without_a_whole_line_is_removed(config, content: str) -> None:
    leave(config, "1", content)
    with open_intake(config):
        assert (inbox(config), segments(config)) == ([], [])


def test_what_a_living_worker_writes_is_left_alone(config) -> None:
    with Segments(config) as first, Segments(config) as second:
        first.append("events", [LINE])
        second.append("events", [LINE])
        second.move_left()
        assert [path.parent.name for path in segments(config)] == ["1", "2"]
    assert [path.name.split("-")[1] for path in inbox(config)] == ["1", "2"]


def test_a_worker_that_runs_takes_over_what_one_that_died_meanwhile_left(tmp_path) -> None:
    config = service_config(tmp_path, segment_seconds=0.2)
    with open_intake(config):
        with hold_lock(config.posted_path / "2" / ".lock", "taken"):
            leave(config, "2", f"{LINE}\n")
            time.sleep(1.0)
            assert inbox(config) == []
        wait_for_inbox(config, 1)


def test_a_free_number_is_taken_again(config) -> None:
    with Segments(config) as first:
        with Segments(config) as second:
            assert (first.folder.name, second.folder.name) == ("1", "2")
        with Segments(config) as third:
            assert third.folder.name == "2"


def test_too_many_workers_are_refused_in_a_sentence(config, monkeypatch) -> None:
    monkeypatch.setattr(segments_module, "MAX_WORKERS", 1)
    with Segments(config), pytest.raises(RecsysError, match="stop some of them"):
        Segments(config)


def test_a_home_that_cannot_be_written_is_refused_in_a_sentence(config) -> None:
    config.home.mkdir()
    (config.home / "service").write_text("in the way")
    with pytest.raises(StorageError, match="service/events cannot be written"):
        Segments(config)


def test_an_inbox_that_cannot_be_written_keeps_the_files_until_it_can(config) -> None:
    config.inbox_path.mkdir(parents=True)
    (config.inbox_path / "events").write_text("in the way")
    with Segments(config) as opened:
        opened.append("events", [LINE])
    assert len(segments(config)) == 1
    (config.inbox_path / "events").unlink()
    with Segments(config) as opened:
        opened.move_left()
    assert (segments(config), len(inbox(config))) == ([], 1)


def test_names_do_not_come_again_when_the_clock_stands_still(config, monkeypatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_714_557_600_000_000_000)
    with Segments(config.model_copy(update={"service": config.service.model_copy(update={"segment_bytes": 1})})) as one:
        for _ in range(3):
            one.append("events", [LINE])
            one.move_due()
    assert [path.name[-12:] for path in inbox(config)] == ["000000.jsonl", "000001.jsonl", "000002.jsonl"]
