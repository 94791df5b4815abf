"""Files that other systems drop: complete ones are landed, refused ones kept, and nothing is lost on the way."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recsys_assets.config import Config
from recsys_assets.errors import StorageError
from recsys_assets.sources import inbox, landing
from recsys_assets.sources.inbox import count_refused, list_inbox, take_inbox
from recsys_assets.sources.landing_area import list_landed
from recsys_assets.sources.waiting import find_waiting

EVENTS = "user_id,item_id,ts\nu,a,2024-01-01\n"
ITEMS = "item_id\na\n"


def later(seconds: float = 60) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def drop(config: Config, name: str, content: str = EVENTS) -> Path:
    path = config.inbox_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def left(config: Config) -> list[str]:
    return sorted(str(p.relative_to(config.inbox_path)) for p in config.inbox_path.rglob("*") if p.is_file())


def landed(config: Config) -> list[tuple[str, str, str]]:
    return [(file.table.name, file.file_name, file.path.read_text()) for file in list_landed(config)]


def test_no_inbox_is_an_empty_one(tiny_home) -> None:
    assert list_inbox(tiny_home, later()) == []
    assert take_inbox(tiny_home, later()).landed == ()
    assert not tiny_home.inbox_path.exists()


def test_complete_files_are_landed_and_gone_from_the_inbox(tiny_home) -> None:
    drop(tiny_home, "events/monday.csv")
    drop(tiny_home, "events/tuesday.csv", EVENTS.replace("01-01", "01-02"))
    drop(tiny_home, "items.csv", ITEMS)
    taken = take_inbox(tiny_home, later())
    assert [name for _, name, _ in landed(tiny_home)] == ["items.csv", "monday.csv", "tuesday.csv"]
    assert (len(taken.landed), taken.refused, left(tiny_home)) == (3, (), [])


@pytest.mark.parametrize("name", ["events/.hidden.csv", "events/_SUCCESS", "events/a.csv.part", "b.TMP", ".part"])
def test_what_its_name_calls_unfinished_stays_where_it_is(tiny_home, name: str) -> None:
    drop(tiny_home, name)
    assert list_inbox(tiny_home, later()) == []
    take_inbox(tiny_home, later())
    assert left(tiny_home) == [name]


def test_a_file_waits_until_nothing_changed_about_it_for_long_enough(tiny_home) -> None:
    path = drop(tiny_home, "events/a.csv")
    os.utime(path, (0, 0))  # a copy that keeps its original's time
    settle = tiny_home.sources.inbox_settle_seconds
    assert [file.is_complete for file in list_inbox(tiny_home, later(settle - 5))] == [False]
    assert take_inbox(tiny_home, later(settle - 5)).landed == ()
    assert find_waiting(tiny_home, None, later(settle - 5)).n_unfinished == 1
    assert [file.is_complete for file in list_inbox(tiny_home, later(settle + 5))] == [True]


def test_a_refused_file_is_kept_with_a_sentence_and_holds_up_no_other(tiny_home) -> None:
    drop(tiny_home, "events/bad.csv", "a,b\n1,2\n")
    drop(tiny_home, "events/good.csv")
    drop(tiny_home, "orders.csv")
    (tiny_home.inbox_path / "events" / "deep").mkdir()
    taken = take_inbox(tiny_home, later())
    assert [file.file_name for file in taken.landed] == ["good.csv"]
    refused = tiny_home.inbox_path / "refused"
    assert (refused / "bad.csv").read_text() == "a,b\n1,2\n"
    assert "lacks the required columns user_id, item_id, ts" in (refused / "bad.csv.why.txt").read_text()
    assert "bears no table's name" in (refused / "orders.csv.why.txt").read_text()
    assert "is a folder" in (refused / "deep.why.txt").read_text()
    assert count_refused(tiny_home) == 3
    assert take_inbox(tiny_home, later()).refused == ()  # once is enough


def test_refused_files_of_one_name_are_all_kept(tiny_home) -> None:
    for number in range(3):
        drop(tiny_home, "events/bad.csv", f"a,b\n{number},2\n")
        take_inbox(tiny_home, later())
    kept = sorted((tiny_home.inbox_path / "refused").glob("*bad.csv"))
    assert {path.read_text()[4] for path in kept} == {"0", "1", "2"}


def test_the_same_content_again_is_not_landed_twice_and_not_refused(tiny_home) -> None:
    for name in ("a.csv", "b.csv"):
        drop(tiny_home, f"events/{name}")
        assert take_inbox(tiny_home, later()).refused == ()
    assert [name for _, name, _ in landed(tiny_home)] == ["a.csv"]
    assert left(tiny_home) == []


def test_a_file_replaced_while_it_is_looked_at_waits_for_the_next_run(tiny_home, monkeypatch) -> None:
    drop(tiny_home, "events/a.csv")
    seen = list_inbox(tiny_home, later())
    drop(tiny_home, "events/a.csv", EVENTS + "u,b,2024-01-02\n")
    monkeypatch.setattr(inbox, "list_inbox", lambda *_: seen)
    assert take_inbox(tiny_home, later()).landed == ()
    assert left(tiny_home) == ["events/a.csv"]


@pytest.mark.parametrize("step", ["land_files", "unlink"])
def test_killed_in_between_the_next_run_goes_on(tiny_home, monkeypatch, step: str) -> None:
    drop(tiny_home, "events/a.csv")

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*((inbox, step) if step == "land_files" else (Path, step)), die)
        with pytest.raises(KeyboardInterrupt):
            take_inbox(tiny_home, later())
    drop(tiny_home, "events/a.csv", EVENTS.replace("01-01", "01-02"))  # the sender uses the name again
    take_inbox(tiny_home, later())
    assert sorted(text for _, _, text in landed(tiny_home)) == [EVENTS, EVENTS.replace("01-01", "01-02")]
    assert left(tiny_home) == []


def test_a_full_disk_refuses_no_file(tiny_home, monkeypatch) -> None:
    drop(tiny_home, "events/a.csv")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(landing.shutil, "copyfileobj", full)
        with pytest.raises(StorageError, match="No space left on device"):
            take_inbox(tiny_home, later())
    assert count_refused(tiny_home) == 0
    assert len(take_inbox(tiny_home, later()).landed) == 1


def test_what_waits_is_told_apart_by_its_state(tiny_home) -> None:
    first = drop(tiny_home, "events/a.csv")
    before = find_waiting(tiny_home, None, later())
    assert before.describe() == "1 file in the inbox"
    assert find_waiting(tiny_home, None, later()).fingerprint == before.fingerprint
    os.utime(first, (1, 1))
    assert find_waiting(tiny_home, None, later()).fingerprint != before.fingerprint
    take_inbox(tiny_home, later())
    after = find_waiting(tiny_home, None, later())
    assert (after.describe(), after.since is not None) == ("1 landed file", True)
