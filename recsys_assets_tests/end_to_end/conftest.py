"""Queries of what the build of the simulated shop published."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest


@pytest.fixture(scope="session")
def read(built_home: Path) -> Callable[[str], list[tuple[object, ...]]]:
    def query(sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(built_home / "published/current/recsys.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    return query
