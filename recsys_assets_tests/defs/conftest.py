"""A home that the sensors look at, and the definitions, read once."""

from collections.abc import Callable
from datetime import datetime

import dagster as dg
import pytest

from recsys_assets.config import Config, load_config
from recsys_assets.defs.project import prepare_manifest
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish


@pytest.fixture(scope="session")
def definitions() -> dg.Definitions:
    prepare_manifest(load_config())
    from recsys_assets.definitions import defs

    return defs


@pytest.fixture
def home(tiny_home: Config, monkeypatch: pytest.MonkeyPatch) -> Config:
    """An empty home that `load_config` finds, whose inbox takes files at once."""
    monkeypatch.setenv("RECSYS_HOME", str(tiny_home.home))
    monkeypatch.setenv("RECSYS__SOURCES__INBOX_SETTLE_SECONDS", "0")
    return load_config()


@pytest.fixture
def publish_world(home: Config) -> Callable[[], None]:
    """Puts the hand-made world into the home's warehouse and publishes it, as a build leaves them."""

    def make() -> None:
        make_warehouse(home)
        with open_warehouse(home) as connection:
            connection.execute("ALTER TABLE raw.files ADD landed_path VARCHAR")
            connection.execute("CREATE TABLE evaluation.method_choice AS SELECT 'ranker' AS method")
        publish(home, datetime(2024, 3, 1))

    return make
