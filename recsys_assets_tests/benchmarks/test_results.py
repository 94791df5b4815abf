from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.results import Result, find_result, keep_result, key_of_method, key_of_project
from recsys_assets.config import load_config


def test_a_result_is_kept_and_a_failure_tried_again(tmp_path: Path) -> None:
    assert find_result(tmp_path / "als.json") is None
    done = Result("als", "als.parquet", 1.5, 2.5, 3.5, 0.0, 100, {"factors": 64})
    keep_result(tmp_path / "als.json", done)
    assert find_result(tmp_path / "als.json") == done
    keep_result(tmp_path / "als.json", Result("als", failure="killed"))
    assert find_result(tmp_path / "als.json") is None


def test_what_is_kept_of_a_peer_hangs_on_its_code_and_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_of_method(budget=60) == key_of_method(budget=60) != key_of_method(budget=61)
    (tmp_path / "benchmarks").mkdir()
    monkeypatch.setattr(results, "PROJECT_ROOT", tmp_path)
    keys = set()
    for code in ("a = 1", "a = 2"):
        for name in results.METHOD:
            (tmp_path / "benchmarks" / name).write_text(code)
        keys.add(key_of_method(budget=60))
    assert len(keys) == 2


def test_what_is_kept_of_ours_hangs_on_the_configuration_but_not_the_home(tmp_path: Path) -> None:
    key = key_of_project(load_config({"RECSYS_HOME": str(tmp_path)}))
    assert key_of_project(load_config({})) == key
    assert key_of_project(load_config({"RECSYS__SEED": "7"})) != key
