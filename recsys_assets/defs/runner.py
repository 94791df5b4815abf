"""Running a job from the command line, in this process, recorded where `dagster dev` shows it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import dagster as dg

from recsys_assets.config import PROJECT_ROOT, Config, load_config
from recsys_assets.defs.progress import terminal
from recsys_assets.defs.project import export_dbt_environment, prepare_manifest
from recsys_assets.errors import RecsysError
from recsys_assets.locks import building_lock

HEAVY_MODULES = tuple(f"recsys_assets.defs.{name}" for name in ("candidates", "ranking", "evaluation", "publishing"))
ENVIRONMENT = {
    "OMP_WAIT_POLICY": "passive",  # LightGBM's waiting threads would spin: 3.5 times slower on a shared core
    "OPENBLAS_NUM_THREADS": "2",
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
}


def run_job(config: Config, name: str) -> None:
    """Run the job `name` (build, refresh) to its end, with a line a step on the terminal.

    Another build on the same home is waited for. Runs that a killed process left behind are marked as failed first.

    Raises:
        RecsysError: a step failed; the sentence names the step and its reason.
    """
    for variable, value in ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    export_dbt_environment(config)
    terminal.say("  reading the asset graph")
    with terminal.sign_of_life():
        defs = _load_definitions(config)

    with building_lock(config, terminal.say), _open_instance(config) as instance, terminal.sign_of_life():
        _fail_dead_runs(instance)
        result = defs.resolve_job_def(name).execute_in_process(
            instance=instance, raise_on_error=False, run_config={"loggers": {"progress": {}}}
        )
    if not result.success:
        raise RecsysError(_explain(result))


def rebuild_features(home: Path, split: str) -> None:
    """Rebuild features and candidates in another home, in a process of its own, with the kind of split set by name."""
    environment = os.environ | {"RECSYS_HOME": str(home), "RECSYS__SPLIT__KIND": split}
    command = [sys.executable, "-m", "recsys_assets.defs.runner", "features_and_candidates"]
    done = subprocess.run(command, env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RecsysError(f"The rebuild for the leak proof failed: {done.stderr.strip().splitlines()[-1]}")


def _load_definitions(config: Config) -> dg.Definitions:
    with ThreadPoolExecutor(1) as pool:
        parsing = pool.submit(prepare_manifest, config)  # in a process of its own, for 10 s where nothing is parsed yet
        for module in HEAVY_MODULES:
            import_module(module)  # meanwhile
        parsing.result()
    from recsys_assets.definitions import defs  # only now: it reads the manifest

    return defs


@contextmanager
def _open_instance(config: Config) -> Iterator[dg.DagsterInstance]:
    config.dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT_ROOT / "dagster.yaml", config.dagster_home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(config.dagster_home)
    with dg.DagsterInstance.from_config(str(config.dagster_home)) as instance:
        yield instance


def _fail_dead_runs(instance: dg.DagsterInstance) -> None:
    """With the lock held, a run from the command line that still counts as running belongs to a killed process."""
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])):
        if run.remote_job_origin is None:
            instance.report_run_failed(run, "The process of this run was killed; the next run takes up its work.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _explain(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error and error.cause:
                error = error.cause
            message = " ".join(error.message.split()) if error else "unknown reason"
            return f"Step {event.step_key} failed: {message.removeprefix('recsys_assets.errors.RecsysError: ')}"
    for event in result.all_events:
        check = event.event_specific_data
        if isinstance(check, dg.AssetCheckEvaluation) and check.blocking and not check.passed:
            found = ", ".join(f"{name} {value.value}" for name, value in check.metadata.items())
            return f"Check {check.check_name} did not pass, so nothing was published: {found}"
    return "The run failed before its first step."


if __name__ == "__main__":
    try:
        run_job(load_config(), sys.argv[1])
    except RecsysError as error:
        sys.exit(f"Error: {error}")
