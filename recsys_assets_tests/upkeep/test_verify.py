"""`recsys verify`: silent where all is well, and every kind of damage named, with what to do."""

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from recsys_assets.config import Config, load_config
from recsys_assets.publishing.manifest import (
    MANIFEST_FILE,
    describe_files,
    fingerprint_inputs,
    read_manifest,
    write_manifest,
)
from recsys_assets.publishing.switch import current_bundle
from recsys_assets.sources.landing import load_folder
from recsys_assets.upkeep.verify import Finding, verify_home
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish

NOW = datetime(2024, 6, 1)


@pytest.fixture
def home(tiny_home: Config, tiny_world: Path, tmp_path: Path) -> Config:
    """The tiny world loaded, one bad row among it, and the hand-made world published."""
    folder = tmp_path / "files"
    shutil.copytree(tiny_world, folder)
    (folder / "users.jsonl").write_text('{"user_id": "u99"}\nnot a record\n')
    for other in folder.glob("users.*"):
        if other.suffix != ".jsonl":
            other.unlink()
    load_folder(tiny_home, folder, NOW)
    return tiny_home


@pytest.fixture
def published_home(tmp_path: Path) -> Config:
    """A bundle alone, without the landed files and the warehouse that it came from."""
    config = load_config({"RECSYS_HOME": str(tmp_path / "published_home")})
    make_warehouse(config)
    publish(config, datetime(2024, 3, 1))
    config.warehouse_path.unlink()
    return config


def change_manifest(bundle: Path, update: dict[str, object]) -> None:
    changed = read_manifest(bundle).model_copy(update=update)
    (bundle / MANIFEST_FILE).unlink()  # what is published is read-only
    write_manifest(bundle, changed)


def faults(config: Config) -> list[Finding]:
    return [finding for finding in verify_home(config) if finding.remedy]


def execute(config: Config, statement: str) -> None:
    with open_warehouse(config) as connection:
        connection.execute(statement)


def first_landed(config: Config, table: str = "events") -> Path:
    return next(path for path in sorted((config.landing_path / table).iterdir()) if not path.name.startswith("."))


def test_a_sound_home_has_no_faults(home) -> None:
    assert faults(home) == []
    facts = {finding.subject: finding.fact for finding in verify_home(home)}
    assert facts["raw tables"].endswith("and 1 were rejected.")
    assert facts["bundles"] == "Nothing is in use yet."


def test_an_empty_home_has_no_faults(tiny_home) -> None:
    assert faults(tiny_home) == []


@pytest.mark.parametrize(
    ("damage", "subject", "words"),
    [
        (lambda config: first_landed(config).write_bytes(b"other"), "landed files", "is not what was landed"),
        (lambda config: first_landed(config).unlink(), "ledger", "was loaded and is gone"),
        (
            lambda config: (config.landing_path / "events" / "mine.csv").write_text("a"),
            "landed files",
            "was not put there by",
        ),
        (lambda config: execute(config, "DELETE FROM raw.events WHERE line = 3"), "raw tables", "the tables 141"),
        (
            lambda config: execute(config, "DELETE FROM raw.rejected_rows"),
            "raw tables",
            "1 rejected, the tables 1 and 0",
        ),
        (
            lambda config: execute(config, "INSERT INTO raw.events BY NAME SELECT * FROM raw.events LIMIT 1"),
            "raw tables",
            "repeat the event_id of another",
        ),
        (
            lambda config: execute(config, "UPDATE raw.items SET file_id = 'nobody' WHERE line = 2"),
            "raw tables",
            "1 rows are of no file",
        ),
        (lambda config: config.warehouse_path.write_bytes(b"torn"), "warehouse", "is damaged"),
    ],
    ids=["changed", "gone", "stranger", "row lost", "rejection lost", "row doubled", "row of nobody", "torn warehouse"],
)
def test_damage_is_named(home, damage: Callable[[Config], object], subject: str, words: str) -> None:
    damage(home)
    found = faults(home)
    assert any(finding.subject == subject and words in finding.fact for finding in found), found


def test_a_file_that_waits_is_no_fault(home, tmp_path) -> None:
    execute(home, "DELETE FROM raw.files WHERE table_name = 'items'; DELETE FROM raw.items")
    assert faults(home) == []
    assert any("not loaded yet" in finding.fact for finding in verify_home(home))


def test_it_says_whether_the_lists_are_made_from_what_is_loaded(home, published_home) -> None:
    shutil.copytree(published_home.published_path, home.published_path, symlinks=True)
    assert any("made from other files" in finding.fact for finding in verify_home(home))
    bundle = current_bundle(home)
    assert bundle is not None
    with open_warehouse(home, read_only=True) as connection:
        loaded = fingerprint_inputs(connection)
    change_manifest(bundle, {"input_fingerprint": loaded})
    assert faults(home) == []
    assert "It is in use, and made from all files that are loaded." in [finding.fact for finding in verify_home(home)]


def test_damaged_bundles_are_named(published_home) -> None:
    bundle = current_bundle(published_home)
    assert bundle is not None
    model = bundle / "models" / "ranker" / "lambdarank.txt"
    model.chmod(0o644)
    model.write_text("other")
    assert f"models/ranker/{model.name}" in faults(published_home)[0].fact
    shutil.rmtree(bundle)
    assert "is gone" in faults(published_home)[0].fact


def test_a_bundle_that_was_made_wrong_is_named(published_home) -> None:
    """Its files are what the manifest says, and still a list holds one rank twice."""
    bundle = current_bundle(published_home)
    assert bundle is not None
    database = bundle / "recsys.duckdb"
    database.chmod(0o644)
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "INSERT INTO recommendations SELECT * FROM recommendations WHERE user_id = 'u1' AND rank = 2"
        )
    change_manifest(bundle, {"files": describe_files(bundle)})
    said = " ".join(finding.fact for finding in faults(published_home))
    assert "Table recommendations has" in said
    assert "1 rows with the user_id, surface, rank of another" in said
