"""An erasure reaches the object store, and whoever follows it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from recsys_assets.config import Config, load_config
from recsys_assets.errors import RecsysError
from recsys_assets.publishing.store import pull_bundle, push_bundles
from recsys_assets.publishing.switch import list_builds
from recsys_assets.sources.forgotten import read_forgotten
from recsys_assets.upkeep.forget import finish_erasure, forget_user
from recsys_assets_tests.end_to_end.command_line import recsys
from recsys_assets_tests.fixtures.home_with_user import USER


def test_no_byte_is_left_in_the_store_or_where_it_is_followed(
    home: Config, search: Callable[[Path], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "store"
    monkeypatch.setenv("RECSYS__STORE__URL", f"file://{folder}")
    builder, follower = (
        load_config({"RECSYS_HOME": str(path), "RECSYS__STORE__URL": f"file://{folder}"})
        for path in (home.home, tmp_path / "follower")
    )
    push_bundles(builder)
    pull_bundle(follower)
    assert search(folder)
    assert search(follower.published_path)
    done = recsys(home.home, "forget", USER)
    assert done.returncode == 0, done.stdout + done.stderr
    assert search(folder) == []
    assert pull_bundle(follower) is not None
    assert search(follower.published_path) == []
    assert {manifest.build_id for manifest in list_builds(follower)} <= {m.build_id for m in list_builds(builder)}


def test_while_the_store_does_not_answer_the_erasure_is_not_finished(
    home: Config, search: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    store, in_the_way = tmp_path / "store", tmp_path / "in the way"
    in_the_way.write_text("")
    there, not_there = (
        load_config({"RECSYS_HOME": str(home.home), "RECSYS__STORE__URL": f"file://{path}"})
        for path in (store, in_the_way)
    )
    push_bundles(there)
    with pytest.raises(RecsysError, match=r"store"):
        forget_user(not_there, USER, lambda line: None)
    assert read_forgotten(home).unfinished is not None
    assert search(store)
    assert finish_erasure(there, lambda line: None) is not None
    assert read_forgotten(home).unfinished is None
    assert search(store) == []
