"""Many processes, one log: no line tears, none gets lost, and old files go."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recsys_assets import log_file

WRITER = """
import json, sys
from pathlib import Path
from recsys_assets import log_file
path, writer, n_lines, max_bytes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
for number in range(n_lines):
    line = json.dumps({"writer": writer, "number": number, "filling": "x" * (number * 37 % 3000)}) + "\\n"
    log_file.append(path, line, max_bytes, kept_files=1000)
"""


def start_writer(path: Path, name: str, n_lines: int, max_bytes: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, str(n_lines), str(max_bytes)])


def read_lines(folder: Path) -> list[str]:
    return [line for path in folder.iterdir() for line in path.read_text(encoding="utf-8").splitlines()]


def test_lines_of_several_writers_are_whole_and_all_there_while_files_are_put_aside(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path / "log", str(name), 150, 20_000) for name in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    found = [(line["writer"], line["number"]) for line in map(json.loads, read_lines(tmp_path))]
    assert sorted(found) == sorted((str(name), number) for name in range(3) for number in range(150))
    assert len(list(tmp_path.iterdir())) > 20
    assert max(path.stat().st_size for path in tmp_path.iterdir()) <= 20_000


def test_killed_writers_stop_nobody_and_cost_at_most_their_last_line(tmp_path: Path) -> None:
    survivor = start_writer(tmp_path / "log", "survivor", 400, 60_000)
    for name in range(3):
        victim = start_writer(tmp_path / "log", f"victim {name}", 1_000_000, 60_000)
        time.sleep(0.5)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    assert survivor.wait(timeout=60) == 0
    torn = 0
    numbers = []
    for line in read_lines(tmp_path):
        try:
            fields = json.loads(line)
        except json.JSONDecodeError:
            torn += 1
        else:
            numbers += [fields["number"]] if fields["writer"] == "survivor" else []
    assert sorted(numbers) == list(range(400))
    assert torn <= 3


def test_the_oldest_file_goes_and_a_lower_limit_counts_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for number in range(6):
        log_file.append(path, f"{number}\n", max_bytes=2, kept_files=3)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "log": "5\n",
        "log.1": "4\n",
        "log.2": "3\n",
        "log.3": "2\n",
    }
    log_file.append(path, "6\n", max_bytes=2, kept_files=1)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"log": "6\n", "log.1": "5\n"}


def test_a_gap_that_a_kill_left_is_filled_before_anything_goes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for name in ("log", "log.2", "log.3"):  # killed after log.1 was renamed to log.2
        (tmp_path / name).write_text(f"{name}\n")
    log_file.append(path, "new\n", max_bytes=5, kept_files=3)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "log": "new\n",
        "log.1": "log\n",
        "log.2": "log.2\n",
        "log.3": "log.3\n",
    }


def test_a_line_after_a_torn_one_begins_a_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"event": "cut sh')
    log_file.append(path, "next\n", max_bytes=1000, kept_files=1)
    assert path.read_text().splitlines() == ['{"event": "cut sh', "next"]


def test_a_reader_that_has_the_file_open_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log_file.append(path, "first\n", 1000, 1)
    held = os.open(path, os.O_RDONLY)
    try:
        log_file.append(path, "second\n", 1000, 1)
    finally:
        os.close(held)
    assert path.read_text() == "first\nsecond\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        log_file.append(tmp_path / "log", "line\n", 1000, 1)
