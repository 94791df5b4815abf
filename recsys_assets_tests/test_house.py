"""Facts about the repository itself that would otherwise go wrong in silence."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from recsys_assets.cli import app
from recsys_assets.defs.runner import ENVIRONMENT

REPOSITORY = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-torch.lock")
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *sorted(f"docs/{p.name}" for p in REPOSITORY.glob("docs/*.md")),
]
# they are run or loaded by name, and imported by nobody
PROGRAMS = {"dagster-webserver"}


def read(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def pins(lock: str) -> list[Requirement]:
    return [Requirement(line) for line in read(lock).splitlines()]


def declared(*extras: str) -> set[str]:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def commands_in(page: str, program: str) -> set[str]:
    """Words after `program` where a page has it as code: in backticks, or at the start of a line of a block."""
    return set(re.findall(rf"(?:`|^\s*\$? ?){program} ([a-z][a-z-]*)", read(page), re.MULTILINE))


@pytest.mark.parametrize("lock", [*LOCKS, "benchmarks/peers.lock"])
def test_lock_holds_names_and_versions_alone(lock: str) -> None:
    others = [line for line in read(lock).splitlines() if not re.fullmatch(r"[a-z0-9.-]+==[\w.+!]+( ; [^:/]+)?", line)]
    assert others == []


def test_what_runs_is_locked_to_the_same_versions_for_running_and_for_testing() -> None:
    assert set(map(str, pins("requirements.lock"))) <= set(map(str, pins("requirements-dev.lock")))


def test_pytorch_is_in_no_lock_but_its_own_and_nothing_for_gpus_in_any() -> None:
    torch = {pin.name for pin in pins("requirements-torch.lock")}
    assert declared("torch") - declared() == {"safetensors", "torch"} <= torch
    assert torch & {pin.name for lock in LOCKS[:2] for pin in pins(lock)} <= {"setuptools"}
    assert [name for name in torch if name.startswith(("nvidia", "cuda", "triton"))] == []


def test_locks_hold_everything_declared() -> None:
    assert declared("sample") <= {canonicalize_name(pin.name) for pin in pins("requirements.lock")}
    assert declared("sample", "redis", "store", "stream", "traces", "test", "check", "lock") <= {
        canonicalize_name(p.name) for p in pins("requirements-dev.lock")
    }


def test_tests_run_on_the_locked_versions() -> None:
    here = [pin for pin in pins("requirements-dev.lock") if pin.marker is None or pin.marker.evaluate()]
    different = {
        pin.name: metadata.version(pin.name) for pin in here if not pin.specifier.contains(metadata.version(pin.name))
    }
    assert different == {}


def test_package_imports_what_is_declared_and_nothing_else() -> None:
    owners = metadata.packages_distributions()
    imported: set[str] = set()
    for path in (REPOSITORY / "recsys_assets").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported |= {name.split(".", maxsplit=1)[0] for name in names}
    imported -= {*sys.stdlib_module_names, "recsys_assets"}
    asked_for = declared("sample", "redis", "store", "stream", "traces", "torch") - PROGRAMS
    distributions: set[str] = set()
    for name in imported:
        of_name = {canonicalize_name(owner) for owner in owners.get(name, [name])}  # an extra may be absent
        distributions |= of_name & asked_for or of_name  # several distributions may share a namespace
    assert distributions == asked_for


@pytest.mark.parametrize("page", PAGES)
def test_page_names_commands_that_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    assert commands_in(page, "make") - targets == set()
    assert commands_in(page, "recsys") - set(typer.main.get_group(app).commands) == set()


@pytest.mark.parametrize("page", PAGES)
def test_page_links_to_files_that_exist(page: str) -> None:
    links = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", read(page))
    assert [link for link in links if not (REPOSITORY / page).parent.joinpath(link).exists()] == []


def test_make_and_the_command_line_set_the_same_environment() -> None:
    exported = dict(re.findall(r"^export (\w+)\s*:=\s*([^#\n]*)", read("Makefile"), re.MULTILINE))
    assert {name: exported.get(name) for name in ENVIRONMENT} == ENVIRONMENT


def test_repository_holds_no_database_no_model_and_nothing_large() -> None:
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout: nothing says which files are the repository's")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    paths = [REPOSITORY / name for name in listed.stdout.split("\0") if name and (REPOSITORY / name).is_file()]
    made = {".duckdb", ".parquet", ".pkl", ".pickle", ".joblib", ".npy", ".npz"}
    assert [str(p.relative_to(REPOSITORY)) for p in paths if p.suffix in made or p.stat().st_size > 1_000_000] == []
