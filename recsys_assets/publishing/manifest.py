"""What a bundle says of itself: where it comes from, what is in it, and the checksum of every file."""

import hashlib
import json
import platform
import secrets
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import duckdb
from pydantic import BaseModel, ConfigDict, ValidationError

from recsys_assets import __version__
from recsys_assets.config import PROJECT_ROOT, Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import hash_file

MANIFEST_FILE: Final = "manifest.json"
DATABASE_FILE: Final = "recsys.duckdb"
MODELS_FOLDER: Final = "models"
MODEL_FOLDER: Final = f"{MODELS_FOLDER}/ranker"
REPORTED_PACKAGES: Final = (
    "dagster",
    "dbt-core",
    "dbt-duckdb",
    "duckdb",
    "implicit",
    "lightgbm",
    "numpy",
    "polars",
    "scikit-learn",
    "scipy",
)


@dataclass(frozen=True)
class BuildInfo:
    """One build, as its bundle records it. Times are naive UTC.

    Attributes:
        build_id: unique, and sorts by time: `20261124T163000Z-3f9a1c`.
        model_version: the folder of the model under `models_path`.
        method: the name of the model of the report that the lists come from.
        gate_passed: whether the trained ranker was good enough to be published.
        gate_decision: what was decided, and on which numbers: one sentence.
        created_at: when the build was described, shortly before it is published.
        git_sha: the commit of the code, with `-dirty` if files differed from it; `unknown` outside a checkout.
        seed: of every random draw.
        config_hash: changes with any setting.
        input_fingerprint: changes with any landed file.
    """

    build_id: str
    model_version: str
    method: str
    gate_passed: bool
    gate_decision: str
    created_at: datetime
    git_sha: str
    seed: int
    config_hash: str
    input_fingerprint: str


class FileEntry(BaseModel):
    """Size in bytes and SHA-256 (hex) of one file of a bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    sha256: str


class Manifest(BaseModel):
    """`manifest.json`: the fields of `BuildInfo`, and what the bundle holds.

    Attributes:
        row_counts: table of recsys.duckdb -> rows.
        files: path inside the bundle -> size and checksum; every file but the manifest itself.
        packages: package -> version that made the bundle.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    build_id: str
    model_version: str
    created_at: datetime
    git_sha: str
    seed: int
    config_hash: str
    input_fingerprint: str
    method: str
    gate_passed: bool
    gate_decision: str
    row_counts: dict[str, int]
    files: dict[str, FileEntry]
    packages: dict[str, str]


def describe_build(
    config: Config,
    connection: duckdb.DuckDBPyConnection,
    *,
    model_version: str,
    method: str,
    gate_passed: bool,
    gate_decision: str,
    now: datetime,
) -> BuildInfo:
    """A new build of what the warehouse holds now.

    Args:
        config: the configuration.
        connection: of the warehouse; `raw.files` is read.
        model_version: the folder of the model under `models_path`.
        method: the name of the model of the report that the lists come from.
        gate_passed: whether the trained ranker was good enough.
        gate_decision: one sentence with its numbers.
        now: naive times are UTC.
    """
    now = now.astimezone(UTC).replace(tzinfo=None) if now.tzinfo else now
    return BuildInfo(
        build_id=new_build_id(now),
        model_version=model_version,
        method=method,
        gate_passed=gate_passed,
        gate_decision=gate_decision,
        created_at=now,
        git_sha=read_git_sha(PROJECT_ROOT),
        seed=config.seed,
        config_hash=config.config_hash,
        input_fingerprint=fingerprint_inputs(connection),
    )


def new_build_id(now: datetime) -> str:
    """A name for a build made at `now` (UTC): the second, and six hex digits to tell two of one second apart."""
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def fingerprint_inputs(connection: duckdb.DuckDBPyConnection) -> str:
    """SHA-256 (hex) over the sorted ids of all landed files: the same for the same files, in any order."""
    rows = connection.execute("SELECT file_id FROM raw.files ORDER BY file_id").fetchall()
    return hashlib.sha256("\n".join(file_id for (file_id,) in rows).encode()).hexdigest()


def read_git_sha(folder: Path) -> str:
    """The commit that is checked out in `folder`, with `-dirty` if files differ from it; `unknown` if there is none."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # a machine without git can still publish
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def describe_files(folder: Path) -> dict[str, FileEntry]:
    """Every file under `folder` but the manifest, by its path inside it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    entries = {path.relative_to(folder).as_posix(): path for path in paths}
    return {
        name: FileEntry(size=path.stat().st_size, sha256=hash_file(path))
        for name, path in entries.items()
        if name != MANIFEST_FILE
    }


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide what a bundle holds."""
    own = {"python": platform.python_version(), "recsys-assets": __version__}
    return own | {name: version(name) for name in REPORTED_PACKAGES}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json` into a bundle's folder."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=2)
    (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the bundle in `folder`.

    Raises:
        RecsysError: it is missing or not a manifest.
    """
    path = folder / MANIFEST_FILE
    try:
        return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecsysError(f"Bundle {folder.name} has no readable {MANIFEST_FILE}: {error.strerror}.") from None
    except (ValidationError, UnicodeDecodeError):
        raise RecsysError(f"Bundle {folder.name} is damaged: its {MANIFEST_FILE} is not what was published.") from None


def verify_bundle(path: Path) -> Manifest:
    """Compare every file of the bundle in `path` with the size and checksum that its manifest names.

    Returns:
        The manifest.

    Raises:
        RecsysError: a file is missing or differs; the sentence names the first one.
    """
    manifest = read_manifest(path)
    if manifest.build_id != path.name:
        raise RecsysError(f"Bundle {path.name} is damaged: its {MANIFEST_FILE} is that of {manifest.build_id}.")
    for name, entry in manifest.files.items():
        file = path / name
        if not file.is_file():
            raise RecsysError(f"Bundle {path.name} is damaged: {name} is missing.")
        if file.stat().st_size != entry.size or hash_file(file) != entry.sha256:
            raise RecsysError(f"Bundle {path.name} is damaged: {name} is not the file that was published.")
    return manifest
