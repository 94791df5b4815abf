import re
import threading
from datetime import datetime
from pathlib import Path

import pytest

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.publishing.manifest import read_manifest
from recsys_assets.publishing.switch import (
    current_bundle,
    list_builds,
    list_damaged,
    publishing_lock,
    rollback,
    switch_to,
)
from recsys_assets.serving.bundle import open_bundle
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish


@pytest.fixture
def three(tiny_home: Config) -> list[str]:
    """Ids of three builds, the last one in use."""
    make_warehouse(tiny_home)
    return [publish(tiny_home, datetime(2024, 3, day)).name for day in (1, 2, 3)]


def in_use(config: Config) -> str | None:
    path = current_bundle(config)
    return path.name if path else None


def spoil(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def test_nothing_is_in_use_before_the_first_build(tiny_home: Config) -> None:
    assert current_bundle(tiny_home) is None
    assert list_builds(tiny_home) == []
    with pytest.raises(RecsysError, match="Nothing is published yet, so there is nothing to roll back to"):
        rollback(tiny_home)


def test_builds_are_listed_oldest_first(tiny_home: Config, three: list[str]) -> None:
    assert [manifest.build_id for manifest in list_builds(tiny_home)] == three


def test_rollback_goes_to_the_one_before(tiny_home: Config, three: list[str]) -> None:
    assert rollback(tiny_home).build_id == three[1] == in_use(tiny_home)
    assert rollback(tiny_home).build_id == three[0] == in_use(tiny_home)
    with pytest.raises(RecsysError, match=f"Bundle {three[0]} is the oldest there is"):
        rollback(tiny_home)
    assert in_use(tiny_home) == three[0]


def test_rollback_goes_to_the_named_one_forward_too(tiny_home: Config, three: list[str]) -> None:
    assert rollback(tiny_home, three[0]).build_id == in_use(tiny_home) == three[0]
    assert rollback(tiny_home, three[2]).build_id == in_use(tiny_home) == three[2]


@pytest.mark.parametrize("unknown", ["20200101T000000Z-000000", "../warehouse.duckdb", "current", ""])
def test_an_unknown_build_is_refused_with_those_there_are(tiny_home: Config, three: list[str], unknown: str) -> None:
    sentence = f"There is no bundle '{unknown}' in the published folder; there are: {', '.join(three)}."
    with pytest.raises(RecsysError, match=f"^{re.escape(sentence)}$"):
        rollback(tiny_home, unknown)
    assert in_use(tiny_home) == three[2]


@pytest.mark.parametrize("name", ["recsys.duckdb", "manifest.json"])
def test_a_damaged_bundle_is_refused(tiny_home: Config, three: list[str], name: str) -> None:
    spoil(tiny_home.published_path / three[1] / name, b"{}")
    with pytest.raises(RecsysError, match=f"^Bundle {three[1]} is damaged: [^\n]*{name}[^\n]*$"):
        rollback(tiny_home, three[1])
    assert in_use(tiny_home) == three[2]


def test_a_damaged_manifest_hides_no_other_bundle(tiny_home: Config, three: list[str]) -> None:
    spoil(tiny_home.published_path / three[1] / "manifest.json", b"{}")
    assert [manifest.build_id for manifest in list_builds(tiny_home)] == [three[0], three[2]]
    assert list(list_damaged(tiny_home)) == [three[1]]
    assert rollback(tiny_home).build_id == three[0]


def test_a_link_to_a_bundle_that_is_gone_is_told(tiny_home: Config, three: list[str]) -> None:
    (tiny_home.published_path / three[2]).rename(tiny_home.home / "elsewhere")
    with pytest.raises(RecsysError, match=f"The published bundle {three[2]} is gone"):
        current_bundle(tiny_home)
    assert rollback(tiny_home, three[0]).build_id == in_use(tiny_home) == three[0]


def test_an_open_reader_keeps_what_it_opened(tiny_home: Config, three: list[str]) -> None:
    def build_of(reader: object) -> object:
        return reader.rows("SELECT DISTINCT build_id FROM recommendations")[0]["build_id"]  # type: ignore[attr-defined]

    with open_bundle(tiny_home) as before:
        assert build_of(before) == three[2]
        fourth = publish(tiny_home, datetime(2024, 3, 4)).name
        assert build_of(before) == three[2]
        with open_bundle(tiny_home) as after:
            assert build_of(after) == fourth
        assert build_of(before) == three[2]


def test_readers_see_one_bundle_or_the_other_while_the_link_moves(tiny_home: Config, three: list[str]) -> None:
    done = threading.Event()

    def switch() -> None:
        for number in range(300):
            switch_to(tiny_home, three[number % 3])
        done.set()

    writer = threading.Thread(target=switch)
    writer.start()
    seen = set()
    while not done.is_set():
        path = current_bundle(tiny_home)
        assert path is not None
        seen.add(read_manifest(path).build_id)
    writer.join()
    assert seen <= set(three)


def test_a_second_writer_waits_and_then_says_so(tiny_home: Config) -> None:
    refused = pytest.raises(RecsysError, match="Another process is publishing")
    with publishing_lock(tiny_home), refused, publishing_lock(tiny_home, 0.2):
        pass
    with publishing_lock(tiny_home, 0.2):
        pass
