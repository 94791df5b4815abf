"""One build of the simulated shop for all tests that look at one."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from recsys_assets_tests.end_to_end.command_line import build_world


@pytest.fixture(scope="session")
def built_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_world(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def read(built_home: Path) -> Callable[[str], list[tuple[object, ...]]]:
    def query(sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(built_home / "published/current/recsys.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    return query
