"""A home where one user stands everywhere, and a search that looks at every byte of it."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from recsys_assets.config import Config, load_config
from recsys_assets_tests.fixtures.byte_search import search_for
from recsys_assets_tests.fixtures.home_with_user import USER, make_home, write_folder


@pytest.fixture(scope="session")
def incoming(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("incoming"))


@pytest.fixture(scope="session")
def whole_home(tmp_path_factory: pytest.TempPathFactory, incoming: Path) -> Config:
    """Nobody is forgotten in it: tests take a copy."""
    folder = tmp_path_factory.mktemp("whole")
    config = load_config({"RECSYS_HOME": str(folder / "home")})
    make_home(config, incoming, folder / "scratch")
    return config


@pytest.fixture
def home(whole_home: Config, tmp_path: Path) -> Config:
    shutil.copytree(whole_home.home, tmp_path / "home", symlinks=True)
    return load_config({"RECSYS_HOME": str(tmp_path / "home")})


@pytest.fixture(scope="session")
def search() -> Callable[[Path], list[str]]:
    return partial(search_for, USER)
