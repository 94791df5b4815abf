"""The dbt project, alone in its module so that its manifest can be prepared without loading any asset."""

import json
import os
import subprocess
import sys
from pathlib import Path

from dagster_dbt import DbtProject

from recsys_assets.config import PROJECT_ROOT, Config
from recsys_assets.errors import RecsysError

DBT_SECTIONS = {"event_types", "ratings", "split", "features", "candidates"}
DBT_EXECUTABLE = str(Path(sys.executable).with_name("dbt"))  # this environment's, whatever PATH says
recsys_project = DbtProject(project_dir=PROJECT_ROOT / "dbt_project")
# dagster-dbt looks for dbt on PATH, which does not hold it unless the environment was activated
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
recsys_project.prepare_if_dev()  # in `dagster dev`; elsewhere `prepare_manifest` does it


def prepare_manifest(config: Config) -> None:
    """Parse the dbt project if its manifest is missing or older than one of its files.

    Raises:
        RecsysError: dbt cannot parse the project.
    """
    manifest = recsys_project.manifest_path
    sources = [path for path in _project_files() if path.is_file()]
    if manifest.exists() and manifest.stat().st_mtime > max(path.stat().st_mtime for path in sources):
        return
    folder = str(recsys_project.project_dir)
    export_dbt_environment(config)
    parsed = subprocess.run(
        # with the variables of the builds, or each of those would parse the whole project again
        [
            DBT_EXECUTABLE,
            "parse",
            "-q",
            "--project-dir",
            folder,
            "--profiles-dir",
            folder,
            "--vars",
            dbt_variables(config),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if parsed.returncode:
        raise RecsysError(f"dbt cannot parse dbt_project: {' '.join((parsed.stdout + parsed.stderr).split())}")


def dbt_variables(config: Config) -> str:
    """The part of the configuration that the models read, as `--vars` takes it."""
    return json.dumps(config.model_dump(mode="json", include=DBT_SECTIONS))


def export_dbt_environment(config: Config, *, live_only: bool = False) -> None:
    """Set the variables that `profiles.yml` and the macro `is_refresh` read, here and in processes that this starts."""
    os.environ["RECSYS_HOME"] = str(config.home)
    os.environ["RECSYS_DUCKDB_MEMORY_LIMIT"] = config.warehouse.memory_limit
    os.environ["RECSYS_DUCKDB_THREADS"] = str(config.threads)
    os.environ["RECSYS_CUTOFFS"] = "live" if live_only else "all"


def _project_files() -> list[Path]:
    folder = Path(recsys_project.project_dir)
    return [
        folder / "dbt_project.yml",
        *(folder / "models").rglob("*"),
        *(folder / "macros").rglob("*"),
        *(folder / "tests").rglob("*"),
    ]
