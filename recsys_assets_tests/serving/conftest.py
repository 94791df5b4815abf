from datetime import datetime

import pytest

from recsys_assets.config import Config, load_config
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A home with the published world, for tests that only read."""
    config = load_config({"RECSYS_HOME": str(tmp_path_factory.mktemp("home"))})
    make_warehouse(config)
    publish(config, datetime(2024, 3, 1))
    return config
