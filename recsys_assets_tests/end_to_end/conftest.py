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


@pytest.fixture(scope="session")
def users(read: Callable[[str], list[tuple[str]]]) -> list[str]:
    """Users with a list of the ranker's, for a test each: what one does changes her own lists alone."""
    return [user for (user,) in read("SELECT DISTINCT user_id FROM recommendation_features ORDER BY user_id")]
