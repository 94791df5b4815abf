"""A process that is killed while it loads leaves nothing that the next load does not mend."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recsys_assets_tests.sources.conftest import NOW, Shop

# The child tells when it begins, so that the kill falls into the load and not into the imports.
LOAD = f"""
import sys
from datetime import datetime
from pathlib import Path
from recsys_assets.config import load_config
from recsys_assets.sources.landing import load_folder
import pyarrow, pandas
config = load_config()
print("loading", flush=True)
load_folder(config, Path(sys.argv[1]), datetime.fromisoformat("{NOW.isoformat()}"))
print("loaded", flush=True)
"""
TABLES = ("events", "items", "users", "impressions", "rejected_rows", "files")


def write_folder(shop: Shop) -> None:
    """Three event files of 4,000 lines; every tenth line of a file has no user, and ids repeat from file to file."""
    for part in range(3):
        lines = ["event_id,user_id,item_id,ts,country"]
        for n in range(4_000):
            user = "" if n % 10 == 0 else f"u{n % 50}"
            lines.append(f"e{part * 3_900 + n},{user},i{n % 70},2024-05-01 10:00:00,NO")
        shop.write(f"events/part-{part}.csv", "\n".join(lines) + "\n")
    shop.write("items.csv", "item_id,title\n" + "".join(f"i{n},Item {n}\n" for n in range(70)))


def rows_of(shop: Shop) -> dict[str, list[tuple[Any, ...]]]:
    """All of `raw.*`, in an order that does not depend on how it was written."""
    return {table: shop.query(f"SELECT * FROM raw.{table} ORDER BY ALL") for table in TABLES}


def start_load(shop: Shop) -> subprocess.Popen[str]:
    environment = {**os.environ, "RECSYS_HOME": str(shop.config.home), "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", LOAD, str(shop.folder)], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    return process


@pytest.mark.slow
def test_a_kill_at_any_moment_changes_nothing_in_the_end(make_shop: Callable[[str], Shop]) -> None:
    whole = make_shop("whole")
    write_folder(whole)
    started = time.monotonic()
    with start_load(whole) as process:
        assert process.wait() == 0
    duration = time.monotonic() - started
    expected = rows_of(whole)
    assert len(expected["events"]) + len(expected["rejected_rows"]) == 12_000

    killed = 0
    moments = random.Random(7)
    for attempt in range(6):
        shop = make_shop(f"killed_{attempt}")
        write_folder(shop)
        with start_load(shop) as process:
            time.sleep(moments.uniform(0, duration))
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
        shop.load()
        assert rows_of(shop) == expected
        assert shop.landed() == whole.landed()  # and no copy left aside
    assert killed  # else the test would have proved nothing


def test_what_was_landed_but_not_loaded_is_loaded_next(shop: Shop) -> None:
    from recsys_assets.sources.landing import ingest_landed, land_folder

    shop.write("events.csv", "user_id,item_id,ts\nu1,i1,2024-05-01\n")
    land_folder(shop.config, shop.folder)
    report = ingest_landed(shop.config, NOW)
    assert [(file.file_name, file.rows_accepted, file.rows_rejected) for file in report.files] == [("events.csv", 1, 0)]
    assert ingest_landed(shop.config, NOW).files == ()


def test_a_copy_that_was_never_finished_is_removed(shop: Shop) -> None:
    shop.write("users.csv", "user_id\nu1\n")
    leftover: Path = shop.config.landing_path / ".incoming" / "0"
    leftover.parent.mkdir(parents=True)
    leftover.write_text("user_id\nu1\nu")
    shop.load()
    assert not leftover.exists()
    assert shop.landed() == ["users/users.csv"]


def test_a_failure_inside_a_file_leaves_none_of_its_rows(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from recsys_assets.sources import landing

    insert = landing.insert_validated

    def fail_after_inserting(*arguments: Any) -> Any:
        insert(*arguments)
        raise KeyboardInterrupt

    shop.write("events.csv", "user_id,item_id,ts\nu1,i1,2024-05-01\n,i1,2024-05-01\n")
    with monkeypatch.context() as patch:
        patch.setattr(landing, "insert_validated", fail_after_inserting)
        with pytest.raises(KeyboardInterrupt):
            shop.load()
    assert {table: rows for table, rows in rows_of(shop).items() if rows} == {}
    shop.load()
    assert shop.rejected() == [(3, "user_id is missing")]
