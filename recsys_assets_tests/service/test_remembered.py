"""Which ids are known, of those that came and of those in files."""

import json
from pathlib import Path

from recsys_assets.service.remembered import Remembered
from recsys_assets.sources.contract import REJECTED


def known(remembered: Remembered, ids: str) -> str:
    return "".join(event_id for event_id in ids if event_id in remembered)


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def test_the_last_so_many_are_known() -> None:
    remembered = Remembered(3)
    remembered.add("ab")
    remembered.add("cd")
    assert known(remembered, "abcd") == "bcd"
    assert len(remembered) == 3


def test_none_are_known_where_none_may_be() -> None:
    remembered = Remembered(0)
    remembered.add("ab")
    assert known(remembered, "ab") == ""


def test_of_files_the_accepted_ids_are_known_the_latest_file_first(tmp_path: Path) -> None:
    latest = write(tmp_path / "2", {"event_id": "c"}, {"event_id": "r", REJECTED: "ts is missing"}, {"event_id": "d"})
    oldest = write(tmp_path / "1", {"event_id": "a"}, {"event_id": "b"})
    remembered = Remembered(3)
    remembered.add_files([latest, oldest])
    assert known(remembered, "abcdr") == "bcd"
    remembered.add("e")
    assert known(remembered, "abcde") == "cde"


def test_files_that_are_gone_or_of_somebody_else_do_no_harm(tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.write_bytes(b'not JSON\n[1]\n{"event_id": null}\n\xff\n')
    remembered = Remembered(3)
    remembered.add_files([tmp_path / "gone", others, write(tmp_path / "ours", {"event_id": "a"})])
    assert known(remembered, "a") == "a"
    assert len(remembered) == 1
