"""The steps of deploy/Dockerfile in a clean folder, since no container engine runs here: what they install answers."""

import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from recsys_assets.config import PROJECT_ROOT

pytestmark = pytest.mark.slow
DOCKERFILE = PROJECT_ROOT / "deploy" / "Dockerfile"


def read_stage(name: str) -> list[tuple[str, str]]:
    """The instructions of a stage and what follows each, continued lines joined, comments left out."""
    text = "\n".join(line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#"))
    steps = re.findall(r"^([A-Z]+) (.*)$", text.replace("\\\n", " "), flags=re.MULTILINE)
    starts = [place for place, (word, _) in enumerate(steps) if word == "FROM"] + [len(steps)]
    for start, end in pairwise(starts):
        if steps[start][1].endswith(f" AS {name}"):
            return steps[start + 1 : end]
    raise AssertionError(f"there is no stage {name}")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which /app and /venv of the stage `installed` lie, read-only in the end, as in the container."""
    root = tmp_path_factory.mktemp("image")
    (root / "app").mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("RECSYS", "PYTHON"))}
    python = Path(sys.base_prefix) / "bin"
    environment["PATH"] = f"{root}/venv/bin:{python}:{environment['PATH']}"
    for word, rest in read_stage("installed"):
        if word == "COPY":
            *names, target = rest.split()
            for name in names:
                source, place = PROJECT_ROOT / name, root / "app" / (target if len(names) == 1 else name)
                place = root / "app" / name if target == "./" else place
                hidden = shutil.ignore_patterns("target", "logs", "__pycache__")
                shutil.copytree(source, place, ignore=hidden) if source.is_dir() else shutil.copy(source, place)
        elif word == "RUN":
            line = rest.replace("/venv", f"{root}/venv").replace("/app", f"{root}/app")
            done = subprocess.run(
                ["sh", "-ec", line.replace("/tmp/parsed", f"{root}/parsed")],
                cwd=root / "app", env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{rest}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    subprocess.run(["chmod", "-R", "a-w", root / "app", root / "venv"], check=True)
    return root


def run(image: Path, home: Path, *line: str) -> str:
    environment = {
        "PATH": f"{image}/venv/bin:/usr/bin:/bin",
        "RECSYS_HOME": str(home),
        "RECSYS_CONFIG": f"{image}/app/config/production.yaml",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(home),
    }
    done = subprocess.run(line, cwd=home, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_loads_and_builds_and_leaves_the_image_as_it_was(image: Path, tmp_path: Path, tiny_world: Path) -> None:
    def list_image() -> set[Path]:
        return {path for path in (image / "app").rglob("*") if path.is_file()}

    before = list_image()
    assert "recsys" in run(image, tmp_path, "recsys", "--version")
    assert "142" in run(image, tmp_path, "recsys", "load", str(tiny_world))
    run(image, tmp_path, "recsys", "build")
    assert (tmp_path / "published" / "current" / "manifest.json").exists()
    assert list_image() == before


def test_every_program_of_the_image_is_there(image: Path, tmp_path: Path) -> None:
    for program in ("recsys serve", "recsys stream", "dagster-webserver", "dagster-daemon"):
        assert "Usage" in run(image, tmp_path, *program.split(), "--help")
    run(image, tmp_path, "python", "-c", "import redis, confluent_kafka")
