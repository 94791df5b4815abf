from datetime import datetime

import pytest

from recsys_assets.config import Config
from recsys_assets.publishing.retention import apply_retention
from recsys_assets.publishing.switch import current_bundle, list_builds, rollback
from recsys_assets.serving.bundle import open_bundle
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish


@pytest.fixture
def two_kept(tiny_home: Config) -> Config:
    """A home that keeps two bundles."""
    publishing = tiny_home.publishing.model_copy(update={"keep_bundles": 2})
    return tiny_home.model_copy(update={"publishing": publishing})


@pytest.fixture
def four(two_kept: Config) -> list[str]:
    """Ids of four builds, the last one in use."""
    make_warehouse(two_kept)
    return [publish(two_kept, datetime(2024, 3, day)).name for day in (1, 2, 3, 4)]


def there(config: Config) -> list[str]:
    return [manifest.build_id for manifest in list_builds(config)]


def test_the_newest_are_kept(two_kept: Config, four: list[str]) -> None:
    assert apply_retention(two_kept) == four[:2]
    assert there(two_kept) == four[2:]
    assert apply_retention(two_kept) == []


def test_the_one_in_use_is_kept_whatever_its_age(two_kept: Config, four: list[str]) -> None:
    rollback(two_kept, four[0])
    assert apply_retention(two_kept) == [four[1]]
    assert there(two_kept) == [four[0], four[2], four[3]]
    assert (current_bundle(two_kept) or two_kept.home).name == four[0]


def test_what_dead_builds_left_is_removed(two_kept: Config, four: list[str]) -> None:
    left = two_kept.published_path / ".tmp-20240305T000000Z-abcdef"
    left.mkdir()
    (left / "recsys.duckdb").write_bytes(b"half a database")
    apply_retention(two_kept)
    assert {path.name for path in two_kept.published_path.iterdir()} == {".lock", "current", *four[2:]}


def test_a_reader_keeps_reading_a_bundle_that_is_removed(two_kept: Config, four: list[str]) -> None:
    rollback(two_kept, four[0])
    with open_bundle(two_kept) as reader:
        rollback(two_kept, four[3])
        assert four[0] in apply_retention(two_kept)
        assert not reader.path.exists()
        assert reader.rows("SELECT count(*) AS n, min(build_id) AS build FROM recommendations") == [
            {"n": 4, "build": four[0]}
        ]


def test_an_empty_home_has_nothing_to_remove(tiny_home: Config) -> None:
    assert apply_retention(tiny_home) == []
