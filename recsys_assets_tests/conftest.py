"""An isolated home for every test, the tiny world, real data where there is some, a browser where there is one."""

import importlib.util
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

from recsys_assets.config import Config, load_config
from recsys_assets.logs import ROOT

TESTS = Path(__file__).resolve().parent
REPOSITORY = TESTS.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_configure() -> None:
    """Threads that do not spin, nothing sent home, and the same Hypothesis examples in every run of CI."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    settings.register_profile("here", deadline=None)
    settings.register_profile("ci", deadline=None, derandomize=True)
    settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session", autouse=True)
def isolated_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads the settings of the person who runs it, or touches the real data folder."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("RECSYS__")]:
            patch.delenv(name)
        patch.delenv("RECSYS_CONFIG", raising=False)
        patch.delenv("DAGSTER_HOME", raising=False)
        patch.setenv("RECSYS_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """No test writes into the log of another's home: what a test configured ends with it."""
    root = logging.getLogger(ROOT)
    before = [*root.handlers], root.level, root.propagate
    yield
    root.handlers[:], level, root.propagate = before
    root.setLevel(level)


@pytest.fixture(scope="session")
def tiny_world() -> Path:
    """The folder of the hand-made clothes shop: 12 users, 15 items, 142 events of January and February 2024.

    Made for its edges: u11 has no event and u12 one; i13 has no category, creator, price or event; i12 has no category;
    i14 is released on day 38; i15 is not available; u03 takes i07 back (e053); e080 and e082 happen at one instant.
    """
    return TESTS / "fixtures" / "tiny_world"


@pytest.fixture(scope="session")
def built_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One build of the simulated shop for all tests that look at one; whoever changes it takes a copy."""
    from recsys_assets_tests.end_to_end.command_line import build_world

    return build_world(tmp_path_factory.mktemp("built"))


@pytest.fixture
def tiny_home(tmp_path: Path) -> Config:
    """The default configuration over a fresh, empty home of this test's own."""
    return load_config({"RECSYS_HOME": str(tmp_path / "home")})


@pytest.fixture(scope="session")
def realdata() -> Callable[[str], Path]:
    """A function from a real data set's name to its folder; where that is absent, the test skips."""
    folder = Path(os.environ.get("RECSYS_REALDATA") or REPOSITORY.parent / "shared" / "data")

    def find(name: str) -> Path:
        if not (folder / name).is_dir():
            pytest.skip(f"real data '{name}' is not in {folder} (RECSYS_REALDATA names another folder)")
        return folder / name

    return find


@pytest.fixture(scope="session")
def foreign_scorer() -> Callable[[str], ModuleType]:
    """A function from a name to a module of the scorer that ours is held to; where that is absent, the test skips."""
    data = os.environ.get("RECSYS_REALDATA")
    beside = (Path(data).parent if data else REPOSITORY.parent / "shared") / "bench"
    folder = Path(os.environ.get("RECSYS_BENCH") or beside)

    def load(name: str) -> ModuleType:
        file = folder / f"{name}.py"
        if not file.exists():
            pytest.skip(f"the scorer to compare with is not at {file} (RECSYS_BENCH names another folder)")
        pytest.importorskip("pandas", reason="the scorer to compare with needs pandas")
        spec = importlib.util.spec_from_file_location(f"foreign_{name}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def browser_path() -> str:
    """A Chromium on this machine; without one the test skips, or fails if RECSYS_REQUIRE_BROWSER=1."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is not None:
        return path
    word = f"no browser on this machine: none of {', '.join(BROWSERS)} is on the PATH"
    if os.environ.get("RECSYS_REQUIRE_BROWSER") == "1":
        pytest.fail(word)
    pytest.skip(word)
