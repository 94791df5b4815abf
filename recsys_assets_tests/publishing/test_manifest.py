import json
import re
import shutil
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from recsys_assets.config import Config, load_config
from recsys_assets.errors import RecsysError
from recsys_assets.publishing.manifest import (
    fingerprint_inputs,
    new_build_id,
    read_git_sha,
    read_manifest,
    verify_bundle,
)
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.fixtures.published_world import describe, make_warehouse, publish

# printf 'aaaa\nbbbb\nffff' | sha256sum
FINGERPRINT = "48cb561d7d175d2d8b952e73065fd19553b390712b532db9bdbf159de8cd130d"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = load_config({"RECSYS_HOME": str(tmp_path_factory.mktemp("home"))})
    make_warehouse(config)
    return publish(config, datetime(2024, 3, 1))


@pytest.fixture
def bundle(published: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(published, tmp_path / published.name)


def test_the_fingerprint_is_that_of_the_sorted_file_ids(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    with open_warehouse(tiny_home) as connection:
        assert fingerprint_inputs(connection) == FINGERPRINT
        connection.execute("CREATE OR REPLACE TABLE raw.files AS FROM raw.files ORDER BY file_id")
        assert fingerprint_inputs(connection) == FINGERPRINT
        connection.execute("INSERT INTO raw.files VALUES ('cccc', 4, 'events', 'more.csv')")
        assert fingerprint_inputs(connection) != FINGERPRINT


def test_the_manifest_says_where_the_bundle_comes_from(published: Path) -> None:
    manifest = read_manifest(published)
    assert (manifest.build_id, manifest.model_version, manifest.method) == (published.name, "m1", "ranker")
    assert (manifest.gate_passed, manifest.gate_decision) == (True, "ranker is best.")
    assert (manifest.seed, manifest.config_hash) == (42, load_config({}).config_hash)
    assert manifest.input_fingerprint == FINGERPRINT
    assert manifest.created_at == datetime(2024, 3, 1)
    assert manifest.row_counts == {
        "recommendations": 4,
        "similar_items": 3,
        "trending_items": 3,
        "user_features": 2,
        "item_features": 5,
        "model_report": 5,
        "segment_report": 4,
        "candidate_report": 4,
        "feature_importance": 1,
        "recommendation_features": 2,
        "recommendation_candidates": 2,
        "builds": 1,
    }
    assert {"python", "recsys-assets", "duckdb", "lightgbm", "dbt-core"} <= manifest.packages.keys()


def test_times_are_kept_as_naive_utc(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    in_paris = datetime(2024, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    with open_warehouse(tiny_home) as connection:
        build = describe(tiny_home, connection, in_paris)
    assert build.created_at == datetime(2024, 2, 29, 23, 30)
    assert build.build_id.startswith("20240229T233000Z-")


def test_build_ids_sort_by_time() -> None:
    earlier, later = new_build_id(datetime(2024, 9, 30, 23, 59, 59)), new_build_id(datetime(2024, 10, 1))
    assert earlier < later
    assert re.fullmatch(r"20241001T000000Z-[0-9a-f]{6}", later)


def test_the_commit_of_a_checkout_is_read_and_changes_are_told(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        done = subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "--quiet")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "--quiet", "--message", "first")
    commit = git("rev-parse", "HEAD")
    assert read_git_sha(tmp_path) == commit
    (tmp_path / "file").write_text("2")
    assert read_git_sha(tmp_path) == f"{commit}-dirty"


def test_outside_a_checkout_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert read_git_sha(tmp_path) == "unknown"


def test_a_whole_bundle_is_verified(bundle: Path) -> None:
    assert verify_bundle(bundle) == read_manifest(bundle)


@pytest.mark.parametrize("name", ["recsys.duckdb", "models/ranker/lambdarank.txt", "models/ranker/ranker.json"])
def test_one_changed_byte_is_found(bundle: Path, name: str) -> None:
    path = bundle / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    sentence = f"Bundle {bundle.name} is damaged: {name} is not the file that was published."
    with pytest.raises(RecsysError, match=f"^{re.escape(sentence)}$"):
        verify_bundle(bundle)


def test_a_missing_file_is_found(bundle: Path) -> None:
    (bundle / "models/ranker" / "ranker.json").unlink()
    with pytest.raises(RecsysError, match=f"^Bundle {bundle.name} is damaged: models/ranker/ranker.json is missing.$"):
        verify_bundle(bundle)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_broken_manifest_is_one_sentence(bundle: Path, text: str) -> None:
    (bundle / "manifest.json").chmod(0o644)
    (bundle / "manifest.json").write_text(text)
    sentence = f"Bundle {bundle.name} is damaged: its manifest.json is not what was published."
    with pytest.raises(RecsysError, match=f"^{re.escape(sentence)}$"):
        verify_bundle(bundle)


def test_a_bundle_under_the_name_of_another_is_refused(bundle: Path) -> None:
    with pytest.raises(RecsysError, match=f"its manifest.json is that of {bundle.name}"):
        verify_bundle(bundle.rename(bundle.parent / "another"))


def test_the_manifest_is_plain_json(bundle: Path) -> None:
    facts = json.loads((bundle / "manifest.json").read_text())
    assert facts["created_at"] == "2024-03-01T00:00:00"
    assert facts["files"]["recsys.duckdb"]["size"] == (bundle / "recsys.duckdb").stat().st_size
