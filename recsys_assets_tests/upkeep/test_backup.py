"""A home as one file and back: everything returns, and what is damaged is refused whole."""

import os
import shutil
import signal
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recsys_assets.config import Config, load_config
from recsys_assets.errors import RecsysError
from recsys_assets.publishing.switch import current_bundle
from recsys_assets.settings import SourcesConfig
from recsys_assets.sources.inbox import take_inbox
from recsys_assets.sources.landing import ingest_landed, load_folder
from recsys_assets.upkeep.backup import CONTENTS_FILE, back_up, describe_home, restore
from recsys_assets.upkeep.verify import verify_home
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish

SETTLED = SourcesConfig(future_tolerance_minutes=5, inbox_settle_seconds=0)
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def silent(line: str) -> None:
    pass


@pytest.fixture
def home(tmp_path: Path, tiny_world: Path) -> Config:
    """A home with everything: landed files, their warehouse, a model, a bundle in use, and what is not backed up."""
    config, other = (load_config({"RECSYS_HOME": str(tmp_path / name)}) for name in ("home", "other"))
    load_folder(config, tiny_world, datetime(2024, 6, 1))
    make_warehouse(other)
    publish(other, datetime(2024, 3, 1))
    for name in ("published", "models"):
        shutil.copytree(other.home / name, config.home / name, symlinks=True)
    config.tuned_path.write_text("ranking: {max_trees: 10}\n")
    (config.home / "dagster").mkdir()
    (config.home / "dagster" / "history").write_text("runs")
    return config


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backup.tar"


@pytest.fixture
def empty(tmp_path: Path) -> Config:
    return load_config({"RECSYS_HOME": str(tmp_path / "restored")})


def test_there_and_back(home, target, empty) -> None:
    lines: list[str] = []
    written = back_up(home, target, lines.append)
    assert restore(empty, target) == written
    before, after = (describe_home(config).model_dump(exclude={"created_at"}) for config in (home, empty))
    assert after == before
    assert set(after["links"]) == {"published/current"}
    assert not (empty.home / "dagster").exists()
    assert current_bundle(empty).name == current_bundle(home).name
    modes = [(config.published_path / "current" / "manifest.json").stat().st_mode for config in (home, empty)]
    assert modes[0] == modes[1]
    assert [finding for finding in verify_home(empty) if finding.remedy] == []
    with open_warehouse(empty) as connection:
        assert connection.execute("SELECT count(*) FROM raw.events").fetchall() == [(142,)]
    assert "MB" in lines[-1]


def test_what_waits_in_the_inbox_comes_along_and_is_loaded_once(home, target, empty, tiny_world) -> None:
    at_once, later = (config.model_copy(update={"sources": SETTLED}) for config in (home, empty))
    event = '{"event_id": "posted", "user_id": "u01", "item_id": "i01", "ts": "2024-02-20T10:00:00Z"}\n'
    for name in ("events/posted.jsonl", "refused/strange.txt"):
        (path := home.inbox_path / name).parent.mkdir(parents=True, exist_ok=True)
        path.write_text(event)
    assert "inbox/events/posted.jsonl" not in describe_home(home).files  # its sender may be writing it
    back_up(at_once, target, silent)
    restore(later, target)
    assert (empty.inbox_path / "refused" / "strange.txt").is_file()
    for config in (at_once, later):
        assert take_inbox(config, NOW).refused == ()
        ingest_landed(config, NOW)
        with open_warehouse(config) as connection:
            assert connection.execute("SELECT count(*) FROM raw.events WHERE event_id = 'posted'").fetchone() == (1,)


def test_a_backup_never_replaces_another(home, target) -> None:
    back_up(home, target, silent)
    content = target.read_bytes()
    with pytest.raises(RecsysError, match="is there already"):
        back_up(home, target, silent)
    assert target.read_bytes() == content


def test_nothing_is_backed_up_of_an_empty_home(empty, target) -> None:
    with pytest.raises(RecsysError, match="There is nothing in"):
        back_up(empty, target, silent)
    assert not target.exists()


def test_a_target_that_cannot_be_written_is_one_sentence(home, tmp_path) -> None:
    with pytest.raises(RecsysError, match="cannot be written: No such file or directory"):
        back_up(home, tmp_path / "nowhere" / "backup.tar", silent)


def test_a_home_with_something_in_it_is_left_alone(home, target) -> None:
    back_up(home, target, silent)
    before = describe_home(home).files
    with pytest.raises(RecsysError, match="holds something already"):
        restore(home, target)
    assert describe_home(home).files == before


def damage_a_byte(target: Path) -> None:
    with tarfile.open(target) as tar:
        offset = tar.getmember("warehouse.duckdb").offset_data
    with target.open("r+b") as file:
        file.seek(offset + 5000)
        file.write(b"torn")


def cut_short(target: Path) -> None:
    os.truncate(target, target.stat().st_size // 2)


def add_a_stranger(target: Path) -> None:
    with tarfile.open(target, "a") as tar:
        tar.add(Path(__file__), arcname="../outside.py")


def drop_the_list(target: Path) -> None:
    target.unlink()
    with tarfile.open(target, "w") as tar:
        tar.add(Path(__file__), arcname="something.py")


def lose_a_file(target: Path) -> None:
    whole = target.with_suffix(".whole")
    target.rename(whole)
    with tarfile.open(whole) as old, tarfile.open(target, "w") as new:
        for member in old:
            if member.name != "tuned.yaml":
                new.addfile(member, old.extractfile(member) if member.isfile() else None)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (damage_a_byte, "warehouse.duckdb is not the file that was backed up"),
        (cut_short, "is damaged"),
        (add_a_stranger, f"which its {CONTENTS_FILE} does not name"),
        (drop_the_list, "is no backup of Recsys Assets"),
        (lose_a_file, "tuned.yaml is missing"),
        (lambda target: target.write_bytes(b"no tar"), "is damaged"),
        (lambda target: target.unlink(), "cannot be restored: No such file or directory"),
    ],
    ids=["a byte", "cut short", "a stranger", "no list", "a file lost", "no tar", "not there"],
)
def test_what_is_damaged_is_refused_whole(home, target, empty, damage, sentence: str) -> None:
    back_up(home, target, silent)
    damage(target)
    with pytest.raises(RecsysError, match=sentence):
        restore(empty, target)
    assert not empty.home.exists()
    assert not (target.parent.parent / "outside.py").exists()
    assert [path.name for path in target.parent.glob(".*")] == []


KILLED = """
import os, signal, sys
from pathlib import Path
from recsys_assets.config import load_config
from recsys_assets.upkeep import backup
step, count, action, target = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
seen = 0
def kill(event, arguments):
    global seen
    if event == step and str(target.parent) in str(arguments):
        seen += 1
        if seen == count:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
config = load_config()
backup.back_up(config, target, print) if action == "backup" else backup.restore(config, target)
"""


@pytest.mark.slow
@pytest.mark.parametrize("action", ["backup", "restore"])
@pytest.mark.parametrize(("step", "count"), [("open", 9), ("open", 14), ("os.rename", 1)])
def test_a_kill_leaves_nothing_or_everything_and_the_next_try_succeeds(
    home, target, empty, action: str, step: str, count: int
) -> None:
    config = home if action == "backup" else empty
    if action == "restore":
        back_up(home, target, silent)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, step, str(count), action, str(target)],
        env=os.environ | {"RECSYS_HOME": str(config.home)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    if action == "backup":
        assert not target.exists()
        back_up(home, target, silent)
    else:
        assert not empty.home.exists()
    restore(empty, target)
    assert describe_home(empty).files == describe_home(home).files
