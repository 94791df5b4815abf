import sys
import threading
from datetime import datetime
from pathlib import Path

import pytest

from recsys_assets.config import load_config
from recsys_assets.service import loaded
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish
from recsys_assets_tests.fixtures.waiting import wait_until


def test_who_has_looked_has_the_bundle_though_another_was_just_reading_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config({"RECSYS_HOME": str(tmp_path)})
    make_warehouse(config)
    publish(config, datetime(2024, 1, 5))
    is_reading, may_end, read = threading.Event(), threading.Event(), loaded.load_bundle

    def read_slowly(path: Path) -> loaded.LoadedBundle:
        is_reading.set()
        may_end.wait(60)
        return read(path)

    monkeypatch.setattr(loaded, "load_bundle", read_slowly)
    holder = loaded.BundleHolder(config, look_every_seconds=60)
    another = threading.Thread(target=holder.look)
    another.start()
    wait_until(is_reading.is_set)
    may_end.set()  # and then it verifies and reads every file
    holder.look()
    assert holder.bundle is not None
    another.join()


def test_a_damaged_bundle_leaves_the_one_before_in_use_and_the_holder_behind(tmp_path: Path) -> None:
    config = load_config({"RECSYS_HOME": str(tmp_path)})
    make_warehouse(config)
    publish(config, datetime(2024, 1, 5))
    holder = loaded.BundleHolder(config, look_every_seconds=60)
    holder.look()
    first, at, turn = holder.bundle, holder.up_to_date_at, sys.getswitchinterval()
    database = publish(config, datetime(2024, 1, 6)) / "recsys.duckdb"
    database.chmod(0o644)
    database.write_bytes(database.read_bytes()[:-100])
    holder.look()
    assert (holder.bundle, holder.up_to_date_at, sys.getswitchinterval()) == (first, at, turn)
    assert holder.fault
    assert "recsys.duckdb" in holder.fault
