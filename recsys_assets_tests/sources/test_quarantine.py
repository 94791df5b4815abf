"""Taking a landed file out again: as if it had never come, whatever stands in its way, and nothing is lost."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.sources.landing import ingest_landed
from recsys_assets.sources.quarantine import unload
from recsys_assets.upkeep.verify import verify_home
from recsys_assets_tests.sources.conftest import NOW, Shop
from recsys_assets_tests.sources.test_interruption import TABLES

KILLED_AFTER_THE_MOVE = """
import os, signal, sys
from recsys_assets.config import load_config
from recsys_assets.sources import quarantine
quarantine.forget_unloaded = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
quarantine.unload(load_config(), sys.argv[1], print)
"""
HEADER = "event_id,user_id,item_id,ts\n"


def write_events(shop: Shop, name: str, event_ids: str) -> None:
    rows = (f"{event_id},u1,i1,2024-05-01\n" for event_id in event_ids)
    shop.write(f"events/{name}.csv", HEADER + "".join(rows))


def load_one_by_one(shop: Shop, files: dict[str, str]) -> None:
    for name, event_ids in files.items():
        write_events(shop, name, event_ids)
        shop.load()


def rows_of(shop: Shop) -> dict[str, list[tuple[Any, ...]]]:
    """All of `raw.*`, the order of loading as ranks: what the flow reads of it."""
    order = "* REPLACE (dense_rank() OVER (ORDER BY load_number) AS load_number)"
    return {
        table: shop.query(f"SELECT {order if table == 'files' else '*'} FROM raw.{table} ORDER BY ALL")
        for table in TABLES
    }


def take_out(shop: Shop, name: str) -> None:
    unload(shop.config, name, print)
    ingest_landed(shop.config, NOW)


def faults(config: Config) -> list[str]:
    return [finding.fact for finding in verify_home(config) if finding.remedy]


FILES = {"a": "123", "b": "345", "c": "12356", "d": "67", "e": "78"}


@pytest.mark.parametrize("unloaded", ["a", "b", "e"])
def test_what_is_left_is_as_if_the_file_had_never_come(make_shop, unloaded: str) -> None:
    shop, never = make_shop("shop"), make_shop("never")
    load_one_by_one(shop, FILES)
    load_one_by_one(never, {name: event_ids for name, event_ids in FILES.items() if name != unloaded})
    assert rows_of(shop) != rows_of(never)
    take_out(shop, f"{unloaded}.csv")
    assert rows_of(shop) == rows_of(never)
    assert shop.landed() == never.landed()
    assert faults(shop.config) == []


def test_nothing_is_lost_and_the_quarantine_can_be_loaded_again(shop: Shop) -> None:
    load_one_by_one(shop, FILES)
    content = (shop.folder / "events/b.csv").read_bytes()
    (unloaded,) = unload(shop.config, "b.csv", print)
    assert unloaded.path.read_bytes() == content
    assert unloaded.path.parents[2] == shop.config.quarantine_path
    again = Shop(shop.config, unloaded.path.parents[1])
    loaded = {file.file_name: file.rows_accepted for file in again.load().files}
    assert loaded == {"c.csv": 2, "d.csv": 1, "e.csv": 1, "b.csv": 1}
    ingest_landed(shop.config, NOW)
    assert len(shop.query("SELECT file_id FROM raw.files")) == 5


def test_only_what_depends_on_it_is_read_again(shop: Shop) -> None:
    load_one_by_one(shop, {"a": "12", "b": "34", "c": "1"})
    unload(shop.config, "b.csv", print)
    assert ingest_landed(shop.config, NOW).files == ()
    unload(shop.config, "a.csv", print)
    assert [file.file_name for file in ingest_landed(shop.config, NOW).files] == ["c.csv"]


def test_a_batch_goes_with_all_its_tables(shop: Shop) -> None:
    shop.write("items.csv", "item_id,title\ni1,One\n")
    shop.load()
    shop.write("items.csv", "item_id,title\ni1,\n")
    write_events(shop, "a", "12")
    shop.load()
    unload(shop.config, _batches(shop)[-1], print)
    assert shop.query("SELECT title FROM raw.items") == [("One",)]
    assert shop.query("SELECT count(*) FROM raw.events") == [(0,)]
    assert shop.landed() == ["items/items.csv"]


def test_names_that_fit_nothing_or_too_much_change_nothing(shop: Shop) -> None:
    write_events(shop, "a", "1")
    shop.load()
    write_events(shop, "a", "2")
    shop.load()
    first, second = _batches(shop)
    with pytest.raises(RecsysError, match=f"'a.csv' is in the batches {first}, {second}: name one of them"):
        unload(shop.config, "a.csv", print)
    with pytest.raises(RecsysError, match=r"There is no landed batch or file 'b\.csv': `recsys"):
        unload(shop.config, "b.csv", print)
    assert shop.query("SELECT count(*) FROM raw.events") == [(2,)]
    (file_id,) = shop.query("SELECT file_id FROM raw.files WHERE load_number = 1")[0]
    unload(shop.config, file_id[:8], print)
    assert shop.query("SELECT event_id FROM raw.events") == [("2",)]


def test_a_kill_after_the_move_leaves_the_rest_to_the_next_run(make_shop) -> None:
    shop, never = make_shop("shop"), make_shop("never")
    load_one_by_one(shop, FILES)
    load_one_by_one(never, {name: event_ids for name, event_ids in FILES.items() if name != "a"})
    environment = os.environ | {"RECSYS_HOME": str(shop.config.home), "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", KILLED_AFTER_THE_MOVE, "a.csv"], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert shop.query("SELECT count(*) FROM raw.files") == [(5,)]
    assert faults(shop.config) == []  # it says that the next build finishes this
    ingest_landed(shop.config, NOW)
    assert rows_of(shop) == rows_of(never)


def test_a_file_that_someone_deleted_keeps_its_rows(shop: Shop) -> None:
    load_one_by_one(shop, {"a": "12", "b": "1"})
    _landed_file(shop, "a.csv").unlink()
    ingest_landed(shop.config, NOW)
    assert shop.query("SELECT count(*) FROM raw.events") == [(2,)]


def test_a_dependent_that_is_gone_stops_it(shop: Shop) -> None:
    load_one_by_one(shop, {"a": "12", "b": "1"})
    _landed_file(shop, "b.csv").unlink()
    with pytest.raises(RecsysError, match=r"b\.csv must be read again without what was unloaded, and it is gone"):
        unload(shop.config, "a.csv", print)
    assert shop.query("SELECT count(*) FROM raw.files") == [(2,)]


def _batches(shop: Shop) -> list[str]:
    from recsys_assets.sources.landing_area import list_landed

    return sorted({file.batch for file in list_landed(shop.config)})


def _landed_file(shop: Shop, name: str) -> Path:
    (path,) = shop.config.landing_path.glob(f"*/*__{name}")
    return path
