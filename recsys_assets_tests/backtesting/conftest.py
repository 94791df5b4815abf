"""The tiny world, loaded."""

from datetime import datetime
from pathlib import Path

import pytest

from recsys_assets.config import Config
from recsys_assets.sources.landing import load_folder


@pytest.fixture
def loaded(tiny_home: Config, tiny_world: Path) -> Config:
    load_folder(tiny_home, tiny_world, datetime(2024, 3, 1))
    return tiny_home
