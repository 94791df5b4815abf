"""What is posted is judged as files are, is on the disk before the answer, and is loaded once."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from recsys_assets.errors import BusyError, RecsysError, StorageError
from recsys_assets.service import intake as intake_module
from recsys_assets.service.intake import open_intake
from recsys_assets.sources.contract import REJECTED
from recsys_assets_tests.service.conftest import (
    event,
    inbox,
    load_inbox,
    query,
    records,
    segments,
    service_config,
)

FAULTY = [
    ({"item_id": "i1", "ts": "2024-05-01"}, "user_id is missing"),
    (event(user_id=" "), "user_id is missing"),
    (event(ts="yesterday"), "ts 'yesterday' is not a time"),
    (event(value="much"), "value 'much' is not a number"),
    (event(item_id=["i1"]), """item_id '["i1"]' is not an id"""),
    ("u1 bought i1", "the line is not a JSON object"),
]


def post(intake, rows, table="events"):
    return asyncio.run(intake.take(table, rows))


def test_accepted_rows_come_back_as_the_warehouse_will_have_them(intake) -> None:
    receipt = post(intake, [event("e1", **{"Event Type": "Purchase"}, value="2", page="home")])
    assert receipt.rows == (
        {
            "user_id": "u1",
            "item_id": "i1",
            "ts": datetime(2024, 5, 1, 10),
            "event_type": "purchase",
            "value": 2.0,
            "session_id": None,
            "event_id": "e1",
            "attributes": {"page": "home"},
        },
    )
    assert (receipt.accepted, receipt.rejected, receipt.duplicates, receipt.event_ids) == (1, (), 0, ("e1",))


def test_it_is_on_the_disk_before_it_is_answered(intake, config) -> None:
    post(intake, [event("e1"), event("e2")])
    assert [record["event_id"] for record in records(segments(config))] == ["e1", "e2"]
    assert inbox(config) == []


def test_posts_that_wait_share_one_write_and_one_sync(tmp_path, monkeypatch) -> None:
    n_syncs = 0
    fsync = os.fsync

    def counted(descriptor: int) -> None:
        nonlocal n_syncs
        n_syncs += 1
        fsync(descriptor)

    async def post_many(intake, first: int, n: int):
        return await asyncio.gather(*(intake.take("events", [event(f"e{first + k}")]) for k in range(n)))

    config = service_config(tmp_path, gather_milliseconds=200)
    with open_intake(config) as intake:
        asyncio.run(post_many(intake, 0, 1))
        monkeypatch.setattr(os, "fsync", counted)
        receipts = asyncio.run(post_many(intake, 1, 50))
        monkeypatch.undo()
    assert n_syncs == 1
    assert [receipt.event_ids for receipt in receipts] == [(f"e{k}",) for k in range(1, 51)]
    assert [record["event_id"] for record in records(inbox(config))] == [f"e{k}" for k in range(51)]


def test_many_at_once_each_get_their_own_answer(intake, config) -> None:
    async def post_all():
        batches = [[event(f"e{k}-{n}") for n in range(20)] + [{"nothing": k}] for k in range(100)]
        return await asyncio.gather(*(intake.take("events", batch) for batch in batches))

    for k, receipt in enumerate(asyncio.run(post_all())):
        assert receipt.event_ids == (*(f"e{k}-{n}" for n in range(20)), None)
        assert receipt.rejected == ((20, "user_id is missing"),)
    assert len(records(segments(config))) == 2_100


def test_rejected_rows_are_told_why_and_are_loaded_as_rejected_for_the_same_reason(config) -> None:
    with open_intake(config) as intake:
        receipt = post(intake, [event("good"), *(row for row, _ in FAULTY)])
    assert receipt.event_ids == ("good", *(None for _ in FAULTY))
    assert receipt.rejected == tuple((place, reason) for place, (_, reason) in enumerate(FAULTY, start=1))
    load_inbox(config)
    assert query(config, "SELECT event_id FROM raw.events") == [("good",)]
    rejected = query(config, 'SELECT reason, "row" FROM raw.rejected_rows ORDER BY line')
    assert [reason for reason, _ in rejected] == [reason for _, reason in FAULTY]
    kept = [json.loads(row) for _, row in rejected]
    assert [row | {REJECTED: None} if isinstance(row, dict) else row for row in kept] == [
        row | {REJECTED: None} if isinstance(row, dict) else row for row, _ in FAULTY
    ]


def test_what_was_refused_as_of_the_future_stays_refused_when_its_time_has_come(config) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=config.sources.future_tolerance_minutes, seconds=10)
    with open_intake(config) as intake:
        ((place, reason),) = post(intake, [event("e1", ts=soon.isoformat())]).rejected
    assert (place, reason) == (0, f"ts '{soon.isoformat()}' is in the future")
    load_inbox(config)  # half a minute later
    assert query(config, "SELECT reason FROM raw.rejected_rows") == [(reason,)]
    assert query(config, "SELECT count(*) FROM raw.events") == [(0,)]


def test_a_post_of_faulty_rows_alone_is_no_file_that_is_refused(config) -> None:
    with open_intake(config) as intake:
        post(intake, [{"nothing": 1}])
    load_inbox(config)
    assert query(config, "SELECT reason FROM raw.rejected_rows") == [("user_id is missing",)]


def test_an_event_without_an_id_is_given_one_that_the_warehouse_has_too(config) -> None:
    with open_intake(config) as intake:
        receipt = post(intake, [event(), event(), event(**{"Event ID": ""})])
    assert len({len(event_id) for event_id in receipt.event_ids}) == 1
    assert len(set(receipt.event_ids)) == 3
    assert [row["event_id"] for row in receipt.rows] == list(receipt.event_ids)
    load_inbox(config)
    assert {event_id for (event_id,) in query(config, "SELECT event_id FROM raw.events")} == {*receipt.event_ids}


def test_a_repeated_id_is_not_written_again(intake, config) -> None:
    first = post(intake, [event("e1"), event(" e1 "), event(7)])
    again = post(intake, [event("e1"), event("7"), event("e2")])
    assert (first.accepted, first.duplicates, first.event_ids) == (2, 1, ("e1", "e1", "7"))
    assert (again.accepted, again.duplicates, again.event_ids) == (1, 2, ("e1", "7", "e2"))
    assert [record["event_id"] for record in records(segments(config))] == ["e1", "7", "e2"]


def test_an_id_is_a_repetition_among_two_posts_of_one_group(tmp_path) -> None:
    async def post_twice(intake):
        return await asyncio.gather(*(intake.take("events", [event("e1")]) for _ in range(2)))

    with open_intake(service_config(tmp_path, gather_milliseconds=200)) as intake:
        assert [receipt.accepted for receipt in asyncio.run(post_twice(intake))] == [1, 0]


def test_a_rejected_event_can_be_corrected_under_its_id(config) -> None:
    with open_intake(config) as intake:
        assert post(intake, [event("e1", ts="?")]).accepted == 0
        assert post(intake, [event("e1")]).accepted == 1
    with open_intake(config) as intake:
        assert post(intake, [event("e1")]).duplicates == 1


def test_the_oldest_ids_are_forgotten_beyond_the_limit(tmp_path) -> None:
    with open_intake(service_config(tmp_path, remembered_ids=2)) as intake:
        post(intake, [event("e1"), event("e2"), event("e3")])
        assert post(intake, [event("e3"), event("e2")]).duplicates == 2
        assert post(intake, [event("e1")]).accepted == 1


def test_ids_of_files_that_are_not_landed_are_known_after_a_restart(tmp_path) -> None:
    config = service_config(tmp_path, remembered_ids=3)
    for batch in (["e1", "e2"], ["e3", "e4"]):
        with open_intake(config) as intake:
            post(intake, [event(event_id) for event_id in batch])
    with open_intake(config) as intake:
        assert post(intake, [event("e2"), event("e3"), event("e4")]).duplicates == 3
    with open_intake(config) as intake:
        assert post(intake, [event("e1")]).accepted == 1


def test_impressions_go_to_their_own_table(config) -> None:
    shown = {"list_id": "l1", "user_id": "u1", "item_id": "i1", "position": 1, "ts": "2024-05-01"}
    with open_intake(config) as intake:
        receipt = post(intake, [shown, shown | {"position": -1}], "impressions")
        post(intake, [event("e1")])
    assert (receipt.accepted, receipt.event_ids) == (1, (None, None))
    assert receipt.rejected == ((1, "position '-1' is not a position"),)
    load_inbox(config)
    assert query(config, "SELECT list_id, position FROM raw.impressions") == [("l1", 1)]
    assert query(config, "SELECT event_id FROM raw.events") == [("e1",)]


def test_nothing_posted_writes_nothing(intake, config) -> None:
    assert post(intake, []).accepted == 0
    assert segments(config) == []


def test_other_tables_cannot_be_posted(intake) -> None:
    with pytest.raises(RecsysError, match="'items' cannot be posted: post events or impressions"):
        post(intake, [{"item_id": "i1"}], "items")


def test_a_closed_intake_takes_nothing(config) -> None:
    with open_intake(config) as intake:
        pass
    with pytest.raises(RecsysError, match="is being stopped"):
        post(intake, [event("e1")])


def test_more_than_may_wait_is_refused_until_there_is_less(tmp_path) -> None:
    async def post_too_much(intake):
        first = asyncio.create_task(intake.take("events", [event("e1"), event("e2")]))
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="post it again in a moment"):
            await intake.take("events", [event("e3"), event("e4")])
        await first
        return await intake.take("events", [event("e3"), event("e4"), event("e5"), event("e6")])

    with open_intake(service_config(tmp_path, max_waiting_rows=3, gather_milliseconds=200)) as intake:
        assert asyncio.run(post_too_much(intake)).accepted == 4  # alone, a post of any size is taken


def test_who_does_not_wait_for_the_answer_spoils_no_other(intake, config) -> None:
    async def post_and_leave():
        leaving = asyncio.create_task(intake.take("events", [event("e1")]))
        await asyncio.sleep(0)
        leaving.cancel()
        return await intake.take("events", [event("e2")])

    assert asyncio.run(post_and_leave()).accepted == 1
    assert post(intake, [event("e3")]).accepted == 1


def test_one_post_that_cannot_be_judged_spoils_no_other(tmp_path, monkeypatch) -> None:
    judge = intake_module.Judge.judge

    def fail(self, table, lines):
        if any("poison" in line for line in lines):
            raise duckdb.OutOfMemoryException("too much")
        return judge(self, table, lines)

    async def post_both(intake):
        posts = (intake.take("events", [event(event_id)]) for event_id in ("poison", "e2"))
        return await asyncio.gather(*posts, return_exceptions=True)

    monkeypatch.setattr(intake_module.Judge, "judge", fail)
    with open_intake(service_config(tmp_path, gather_milliseconds=200)) as intake:
        failed, receipt = asyncio.run(post_both(intake))
    assert isinstance(failed, duckdb.Error)
    assert receipt.event_ids == ("e2",)


def test_a_disk_that_does_not_sync_acknowledges_nothing_and_later_posts_are_whole(config, monkeypatch) -> None:
    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    with open_intake(config) as intake:
        post(intake, [event("e1")])
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", broken)
            with pytest.raises(StorageError, match="Input/output error"):
                post(intake, [event("e2")])
        assert post(intake, [event("e2")]).accepted == 1  # it was not acknowledged, so it is no repetition
    assert [record["event_id"] for record in records(inbox(config))] == ["e1", "e2"]
