"""What the log says of commands, read from the home as a person would."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from recsys_assets.config import Config, load_config
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish

ENTRY_POINT = "from recsys_assets.cli import main; main()"


def recsys(home: Path, *arguments: str) -> tuple[int, list[dict[str, object]]]:
    """The status of a command in a process of its own, and the lines that it added to the log."""
    log = home / "logs" / "recsys.jsonl"
    n_before = len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0
    command = [sys.executable, "-c", ENTRY_POINT, *arguments]
    environment = os.environ | {"RECSYS_HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = log.read_text(encoding="utf-8").splitlines()[n_before:] if log.exists() else []
    return done.returncode, [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Config:
    config = load_config({"RECSYS_HOME": str(tmp_path_factory.mktemp("home"))})
    make_warehouse(config)
    publish(config, datetime(2024, 3, 1))
    publish(config, datetime(2024, 3, 2))
    return config


def test_a_load_says_of_each_file_what_became_of_it(tmp_path: Path) -> None:
    folder, home = tmp_path / "shop", tmp_path / "home"
    folder.mkdir()
    (folder / "events.csv").write_text("user_id,item_id,ts\nu1,i1,2024-01-01\nu1,i2,not a time\n")
    status, lines = recsys(home, "load", str(folder))
    assert status == 0
    assert [line["event"] for line in lines] == ["command_started", "file_loaded", "command_finished"]
    assert {line.get("command") for line in lines} == {"load", None}
    loaded = lines[1]
    assert (loaded["table"], loaded["file_name"]) == ("events", "events.csv")
    assert (loaded["rows_read"], loaded["rows_accepted"], loaded["rows_rejected"]) == (2, 1, 1)
    assert all(isinstance(line["seconds"], float) for line in lines[1:])
    status, lines = recsys(home, "load", str(folder))
    assert [line["event"] for line in lines] == ["command_started", "file_known", "command_finished"]


def test_a_mistake_leaves_its_sentence_and_names_nobody(world: Config) -> None:
    status, lines = recsys(world.home, "trace", "u2", "i3")
    assert status == 1
    assert [(line["event"], line["level"]) for line in lines] == [
        ("command_started", "info"),
        ("command_failed", "error"),
    ]
    sentence = "Item 'i3' is in no published list of user '…': see `recsys recommend …`."
    assert lines[-1]["error"] == sentence
    assert "u2" not in json.dumps(lines, ensure_ascii=False)


def test_reading_a_list_names_nobody(world: Config) -> None:
    status, lines = recsys(world.home, "recommend", "u1")
    assert status == 0
    assert [line["event"] for line in lines] == ["command_started", "command_finished"]
    assert "u1" not in json.dumps(lines)


def test_a_rollback_names_both_bundles(world: Config) -> None:
    before = (world.published_path / "current").resolve().name
    status, lines = recsys(world.home, "rollback")
    assert status == 0
    assert [line["event"] for line in lines][:2] == ["command_started", "bundle_rolled_back"]
    after = (world.published_path / "current").resolve().name
    assert (lines[1]["build_id"], lines[1]["build_id_before"]) == (after, before)
    assert f'build_id="{after}"' in (world.metrics_path / "recsys.prom").read_text(encoding="utf-8")


def test_verify_names_every_fault(world: Config, tmp_path: Path) -> None:
    config = load_config({"RECSYS_HOME": str(tmp_path / "home")})
    make_warehouse(config)
    bundle = publish(config, datetime(2024, 3, 1))
    manifest = config.published_path / getattr(bundle, "name", str(bundle)) / "manifest.json"
    manifest.chmod(0o600)
    manifest.write_text("{}")
    status, lines = recsys(config.home, "verify")
    assert status == 1
    faults = [line for line in lines if line["event"] == "fault_found"]
    assert any("manifest.json is not what was published" in str(fault["fact"]) for fault in faults)
    (summary,) = (line for line in lines if line["event"] == "home_verified")
    assert summary["faults"] == len(faults) > 0
    assert lines[-1]["event"] == "command_failed"


def test_a_wrong_call_is_no_command(world: Config) -> None:
    assert recsys(world.home, "recommend") == (2, [])
    assert recsys(world.home, "recommend", "--help") == (0, [])
