"""A user who is forgotten is in no byte of the home, comes back with no file, and nobody else is touched."""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from recsys_assets.config import Config, load_config
from recsys_assets.errors import RecsysError
from recsys_assets.publishing.manifest import DATABASE_FILE, verify_bundle
from recsys_assets.publishing.switch import current_bundle, list_builds
from recsys_assets.rating.baselines import load_bias
from recsys_assets.sources.forgotten import clear_model, read_forgotten
from recsys_assets.sources.landing import ingest_landed, load_folder
from recsys_assets.sources.landing_area import list_landed
from recsys_assets.sources.quarantine import unload
from recsys_assets.upkeep.backup import back_up, restore
from recsys_assets.upkeep.forget import finish_erasure, forget_user
from recsys_assets.upkeep.verify import verify_home
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.fixtures.home_with_user import NOW, USER, USERS, forget_and_die
from recsys_assets_tests.fixtures.published_world import MODEL_VERSION

Search = Callable[[Path], list[str]]
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["recsys_assets_tests.fixtures.home_with_user"])


def silent(line: str) -> None:
    pass


def query(config: Config, sql: str) -> list[tuple[Any, ...]]:
    with open_warehouse(config, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def read_bundle(bundle: Path, table: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(bundle / DATABASE_FILE), read_only=True) as connection:
        return connection.execute(f"SELECT * FROM {table} WHERE user_id <> '{USER}'").fetchall()


def faults(config: Config) -> list[str]:
    return [finding.fact for finding in verify_home(config) if finding.remedy]


def others_rows(config: Config) -> dict[str, list[tuple[Any, ...]]]:
    """What the warehouse holds of others, their files and lines aside, which follow the files."""
    rows = {
        table: query(
            config, f"SELECT * EXCLUDE (file_id, line) FROM raw.{table} WHERE user_id <> '{USER}' ORDER BY ALL"
        )
        for table in ("events", "users", "impressions")
    }
    rows["rejected"] = [
        (reason, row)
        for reason, row in query(config, "SELECT reason, row FROM raw.rejected_rows ORDER BY ALL")
        if f"{USER}," not in row and f'{USER}"' not in row
    ]
    return rows


def test_no_byte_is_left(home: Config, search: Search) -> None:
    before = search(home.home)
    assert {path.partition("/")[0] for path in before} == {"landing", "warehouse.duckdb", "published", "fitted"}
    assert {Path(path).suffix for path in before} == {".csv", ".gz", ".jsonl", ".parquet", ".duckdb", ".npz"}
    lines: list[str] = []
    path, certificate = forget_user(home, USER, lines.append)
    assert search(home.home) == []
    assert faults(home) == []
    assert not [path for path in home.home.rglob("*") if path.name.endswith((".wal", ".erased"))]
    assert certificate.removed["warehouse.duckdb: raw.rejected_rows"] == 3
    assert certificate.mentions == ()
    assert {"fitted/als/model.npz", "fitted/rating_bias/user_bias.parquet"} <= set(certificate.removed)
    assert json.loads(path.read_text())["users"] == [read_forgotten(home).users[0].hash]
    assert any("rewriting bundle" in line for line in lines)


def test_others_keep_what_they_have(home: Config) -> None:
    before, bundles = (
        others_rows(home),
        {
            (path, table): read_bundle(path, table)
            for path in (home.published_path / manifest.build_id for manifest in list_builds(home))
            for table in ("recommendations", "user_features", "recommendation_candidates", "recommendation_features")
        },
    )
    models = (home.published_path / "current" / "models" / "ranker" / "lambdarank.txt").read_bytes()
    in_use, order = current_bundle(home), [(one.table.name, one.file_name) for one in list_landed(home)]
    forget_user(home, USER, silent)
    assert others_rows(home) == before
    assert len(before["rejected"]) == 4
    assert [(one.table.name, one.file_name) for one in list_landed(home)] == order
    assert current_bundle(home) == in_use
    for (path, table), rows in bundles.items():
        verify_bundle(path)
        assert read_bundle(path, table) == rows
    assert (home.published_path / "current" / "models" / "ranker" / "lambdarank.txt").read_bytes() == models
    assert load_bias(home.fitted_path / "rating_bias").users.rows() == [
        (user, float(n)) for n, user in enumerate(USERS) if user != USER
    ]


def test_lines_and_keys_follow_the_files(home: Config) -> None:
    forget_user(home, USER, silent)
    for file_name, line, user_id in query(
        home,
        """SELECT landed_path, line, user_id FROM raw.events JOIN raw.files USING (file_id)
        WHERE file_name = 'a.csv' UNION SELECT landed_path, line, row[:6] FROM raw.rejected_rows
        JOIN raw.files USING (file_id) WHERE files.file_name = 'a.csv'""",
    ):
        assert (home.home / file_name).read_text().splitlines()[line - 1].startswith(user_id)
    ((n_built, n_known),) = query(
        home,
        """SELECT count(*), count(staged.user_id) FROM intermediate.int_interactions AS built
        LEFT JOIN staging.stg_raw__events AS staged USING (event_key, user_id, item_id)""",
    )
    assert n_built == n_known > 100


def test_a_warehouse_made_anew_from_the_files_is_the_same(home: Config) -> None:
    forget_user(home, USER, silent)
    rows = {table: query(home, f"FROM raw.{table} ORDER BY ALL") for table in ("events", "rejected_rows")}
    home.warehouse_path.unlink()
    ingest_landed(home, NOW)
    assert {table: query(home, f"FROM raw.{table} ORDER BY ALL") for table in rows} == rows


def test_an_event_that_only_repeated_a_forgotten_one_counts(tmp_path: Path) -> None:
    """As if the forgotten user had never been there: the first of an event_id is then the other's."""
    config = load_config({"RECSYS_HOME": str(tmp_path / "home")})
    for name, user in (("a", USER), ("b", "wombat")):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / "events.csv").write_text(
            f"user_id,item_id,ts,event_id\n{user},i1,2024-01-01,e1\n{name},i,1,\n"
        )
        load_folder(config, tmp_path / "in", NOW)
    assert query(config, "SELECT user_id FROM raw.events WHERE event_id = 'e1'") == [(USER,)]
    forget_user(config, USER, silent)
    assert query(config, "SELECT user_id FROM raw.events WHERE event_id = 'e1'") == [("wombat",)]
    assert faults(config) == []


def test_a_file_loaded_again_does_not_bring_the_user_back(home: Config, incoming: Path, search: Search) -> None:
    forget_user(home, USER, silent)
    landed = list_landed(home)
    report = load_folder(home, incoming, NOW)
    assert all(file.already_loaded for file in report.files)
    assert list_landed(home) == landed
    (fresh := home.home.parent / "fresh").mkdir()
    (fresh / "events.csv").write_text(f"user_id,item_id,ts\n{USER},i1,2024-03-01\n7,i1,2024-03-01\n{USER}\n")
    (fresh / "users.jsonl").write_text(json.dumps({"user_id": USER}) + "\n")
    report = load_folder(home, fresh, NOW)
    assert (report.rows_read, report.rows_accepted, report.rows_rejected, report.rows_left_out) == (1, 1, 0, 3)
    assert search(home.home) == []
    assert faults(home) == []


def test_what_was_unloaded_and_backtests_hold_the_user_no_more(home: Config, search: Search) -> None:
    unloaded = unload(home, next(file.file_name for file in list_landed(home) if file.path.suffix == ".gz"), silent)
    ingest_landed(home, NOW)
    (lists := home.home / "backtest/2024-01-01/lists.parquet").parent.mkdir(parents=True)
    pl.DataFrame({"user_id": [USER]}).write_parquet(lists)
    assert {path.partition("/")[0] for path in search(home.home)} >= {"quarantine", "backtest"}
    forget_user(home, USER, silent)
    assert search(home.home) == []
    assert unloaded[0].path.is_file()
    assert faults(home) == []


def test_a_file_that_bears_the_users_name_bears_another(tmp_path: Path, search: Search) -> None:
    config = load_config({"RECSYS_HOME": str(tmp_path / "home")})
    (tmp_path / "in" / "events").mkdir(parents=True)
    for user in (USER, "quokka-77"):
        (tmp_path / "in" / "events" / f"{user}.csv").write_text(
            f"user_id,item_id,ts\n{user},i1,2024-01-01\n{user},i1,\n"
        )
    load_folder(config, tmp_path / "in", NOW)
    forget_user(config, USER, silent)
    names = [("forgotten.csv",), ("quokka-77.csv",)]
    assert query(config, "SELECT file_name FROM raw.files ORDER BY ALL") == names
    assert query(config, "SELECT file_name FROM raw.rejected_rows") == names[1:]
    assert search(config.home) == []
    assert all(file.already_loaded for file in load_folder(config, tmp_path / "in", NOW).files)
    assert faults(config) == []


def test_one_after_the_other_leaves_the_same_files_as_both_at_once(
    home: Config, incoming: Path, search: Search
) -> None:
    forget_user(home, USER, silent)
    forget_user(home, "wombat", silent)
    landed = [one.path for one in list_landed(home)]
    assert all(file.already_loaded for file in load_folder(home, incoming, NOW).files)
    assert [one.path for one in list_landed(home)] == landed
    assert {user for (user,) in query(home, "SELECT user_id FROM raw.events")} == set(USERS) - {USER, "wombat"}
    assert len(list(home.certificates_path.iterdir())) == 2


def test_the_shortest_id_takes_no_other_with_it(home: Config) -> None:
    _, certificate = forget_user(home, "7", silent)
    assert {user for (user,) in query(home, "SELECT user_id FROM raw.events")} == set(USERS) - {"7"}
    assert certificate.removed["warehouse.duckdb: raw.rejected_rows"] == 1
    assert certificate.mentions is None
    assert faults(home) == []


def test_a_user_who_is_nowhere_changes_nothing(home: Config) -> None:
    with pytest.raises(RecsysError, match="There is nothing of a user 'quokka'"):
        forget_user(home, "quokka", silent)
    assert not home.forgotten_path.exists()
    assert not home.certificates_path.exists()
    forget_user(home, USER, silent)
    with pytest.raises(RecsysError, match=f"nothing of a user '{USER}' in .*; forgotten on 20"):
        forget_user(home, USER, silent)


def test_a_damaged_warehouse_that_was_kept_must_go_first(home: Config) -> None:
    kept = home.warehouse_path.with_name("warehouse.duckdb.damaged-20240301T000000Z")
    kept.write_bytes(b"torn")
    with pytest.raises(RecsysError, match=f"^{kept} is a damaged warehouse. Remove it first"):
        forget_user(home, USER, silent)
    assert read_forgotten(home).users == ()
    kept.unlink()
    forget_user(home, USER, silent)


def test_models_are_flagged_until_one_is_trained_anew(home: Config) -> None:
    forget_user(home, USER, silent)
    flag = "Its models were trained with 1 user since forgotten: the next `recsys build` trains without."
    assert [finding.fact for finding in verify_home(home)].count(flag) == 2
    assert read_forgotten(home).describe_flag("another") is None
    clear_model(home, MODEL_VERSION)
    assert flag not in [finding.fact for finding in verify_home(home)]


def test_backups_are_listed_and_a_restored_one_forgets_again(home: Config, tmp_path: Path, search: Search) -> None:
    target, restored = tmp_path / "backup.tar", load_config({"RECSYS_HOME": str(tmp_path / "restored")})
    back_up(home, target, silent)
    _, certificate = forget_user(home, USER, silent)
    assert [one.path for one in certificate.backups] == [target]
    back_up(home, tmp_path / "after.tar", silent)
    _, certificate = forget_user(home, "wombat", silent)
    assert [one.path.name for one in certificate.backups] == ["backup.tar", "after.tar"]
    restore(restored, target, home.forgotten_path)
    assert search(restored.home) != []
    with pytest.raises(RecsysError, match="run `recsys forget`"):
        ingest_landed(restored, NOW)
    assert "An erasure was not finished." in faults(restored)
    finished = finish_erasure(restored, silent)
    assert finished is not None
    assert finished[1].removed["warehouse.duckdb: raw.users"] == 2
    assert finished[1].models_to_train_anew == (MODEL_VERSION,)
    assert search(restored.home) == []
    assert faults(restored) == []
    assert finish_erasure(restored, silent) is None


def test_tombstones_of_another_home_are_refused(home: Config, tmp_path: Path) -> None:
    forget_user(home, USER, silent)
    back_up(home, tmp_path / "backup.tar", silent)
    strange = json.loads(home.forgotten_path.read_text()) | {"salt": "00" * 32}
    (tmp_path / "strange.json").write_text(json.dumps(strange))
    restored = load_config({"RECSYS_HOME": str(tmp_path / "restored")})
    with pytest.raises(RecsysError, match="is of another home than the backup"):
        restore(restored, tmp_path / "backup.tar", tmp_path / "strange.json")
    assert not restored.home.exists()


@pytest.mark.parametrize(
    ("step", "occurrence"),
    [
        ("os.rename", 2),  # the tombstone is there, and the warehouse is about to be replaced
        ("os.rename", 3),  # the warehouse is replaced, the landed files are not
        ("os.remove", 4),  # a landed file stands beside its old self
        ("os.rename", 19),  # the stand-in is in use, and the bundle is about to go
        ("os.link", 14),  # it is gone, and the new one is about to come
        ("os.symlink", 2),  # both are there, and the stand-in is in use
        ("os.rename", 26),  # all is done and certified, and the tombstone still says unfinished
    ],
)
def test_killed_before_a_step(home: Config, search: Search, step: str, occurrence: int) -> None:
    in_use, others = current_bundle(home), others_rows(home)
    process = PROCESSES.Process(target=forget_and_die, args=(str(home.home), step, occurrence))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    bundle = current_bundle(home)  # whole, whenever
    assert bundle is not None
    assert read_bundle(bundle, "recommendations")
    with pytest.raises(RecsysError, match="An erasure is at work, or was stopped"):
        ingest_landed(home, NOW)
    forget_user(home, USER, silent)
    assert search(home.home) == []
    assert faults(home) == []
    assert current_bundle(home) == in_use
    assert others_rows(home) == others
    assert len(list(home.certificates_path.iterdir())) == 1
    assert sorted(os.listdir(home.published_path)) == sorted(
        [".lock", "current", *(manifest.build_id for manifest in list_builds(home))]
    )
