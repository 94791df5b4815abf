"""Running a job from the command line, in this process, recorded where `dagster dev` shows it."""

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import date
from importlib import import_module
from pathlib import Path

import dagster as dg

from recsys_assets.backtesting.plan import backtest_lock_path
from recsys_assets.collector import loading
from recsys_assets.config import PROJECT_ROOT, Config, load_config
from recsys_assets.defs.failures import explain_error
from recsys_assets.defs.progress import terminal
from recsys_assets.defs.project import export_dbt_environment, prepare_manifest
from recsys_assets.defs.runs import BACKTEST_JOB
from recsys_assets.errors import RecsysError
from recsys_assets.locks import build_lock_path, building_lock, hold_lock, only_one

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
    lock = building_lock(config, terminal.say)
    with _prepare_run(config, lock, build_lock_path(config)) as (defs, instance), terminal.sign_of_life():
        _run(defs, instance, name, {"loggers": {"progress": {}}})


@contextmanager
def open_backtest(config: Config) -> Iterator[Callable[[date, int], None]]:
    """A function that runs the partition of an origin with a horizon of so many days, to its end.

    Builds on the same home go on beside it; another backtest does not.

    Raises:
        RecsysError: another one is running; of the function: a step failed.
    """
    lock = only_one(backtest_lock_path(config), "recsys backtest")
    with _prepare_run(config, lock, backtest_lock_path(config)) as (defs, instance):

        def run_origin(origin: date, horizon_days: int) -> None:
            ops = {"cut_history": {"config": {"horizon_days": horizon_days}}}
            loggers: dict[str, object] = {"console": {"config": {"log_level": "CRITICAL"}}}  # the caller reports
            run_config = {"loggers": loggers, "ops": {"evaluation__backtest": {"ops": ops}}}
            with terminal.sign_of_life():
                _run(defs, instance, BACKTEST_JOB, run_config, origin.isoformat())

        yield run_origin


def run_in_other_home(home: Path, job: str, **settings: str) -> None:
    """Run a job in another home, in a process of its own and with this one's configuration.

    Args:
        home: the other home.
        job: its name.
        settings: RECSYS__* variables that differ there.

    Raises:
        RecsysError: it failed; the sentence is the other process's.
    """
    environment = os.environ | settings | {"RECSYS_HOME": str(home)}
    if own_file := environment.get("RECSYS_CONFIG"):
        environment["RECSYS_CONFIG"] = str(Path(own_file).resolve())  # the other process works in another folder
    command = [sys.executable, "-m", "recsys_assets.defs.runner", job]
    done = subprocess.run(command, env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"{job} ended with status {done.returncode}"]
        raise RecsysError(said[-1].removeprefix("Error: "))


def rebuild_features(home: Path, split: str) -> None:
    """Rebuild features and candidates in another home, with the kind of split set by name."""
    try:
        run_in_other_home(home, "features_and_candidates", RECSYS__SPLIT__KIND=split)
    except RecsysError as error:
        raise RecsysError(f"The rebuild for the leak proof failed: {error}") from None


@contextmanager
def _prepare_run(
    config: Config, lock: AbstractContextManager[None], lock_path: Path
) -> Iterator[tuple[dg.Definitions, dg.DagsterInstance]]:
    """The definitions, and Dagster's storage without runs of dead processes, while `lock` is held."""
    for variable, value in ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    export_dbt_environment(config)
    terminal.say("  reading the asset graph")
    with terminal.sign_of_life():
        defs = load_definitions(config)
    with lock, open_instance(config) as instance:
        _fail_dead_runs(config, instance, lock_path)
        yield defs, instance


def _run(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    run_config: Mapping[str, object],
    partition_key: str | None = None,
) -> None:
    result = defs.resolve_job_def(job).execute_in_process(
        instance=instance, raise_on_error=False, run_config=run_config, partition_key=partition_key
    )
    if not result.success:
        raise RecsysError(_explain(result))


def load_definitions(config: Config) -> dg.Definitions:
    """The one Definitions, with a dbt manifest that is newer than the project's files."""
    with loading(), ThreadPoolExecutor(1) as pool:
        parsing = pool.submit(prepare_manifest, config)  # in a process of its own, for 10 s where nothing is parsed yet
        for module in HEAVY_MODULES:
            import_module(module)  # meanwhile
        parsing.result()
        from recsys_assets.definitions import defs  # only now: it reads the manifest
    return defs


@contextmanager
def open_instance(config: Config) -> Iterator[dg.DagsterInstance]:
    """Dagster's storage in the home, as `dagster dev` uses it."""
    config.dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT_ROOT / "dagster.yaml", config.dagster_home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(config.dagster_home)
    warnings.filterwarnings("ignore", "Handling yaml-defined logging configuration")  # Dagster calls python_logs beta
    with dg.DagsterInstance.from_config(str(config.dagster_home)) as instance:
        yield instance


def _fail_dead_runs(config: Config, instance: dg.DagsterInstance, held: Path) -> None:
    """Mark runs from the command line whose process was killed: they still count as running, and hold the warehouse.

    A run belongs to a living process as long as the lock of its command is held by another one than this.
    """
    statuses = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]
    runs = [run for run in instance.get_runs(dg.RunsFilter(statuses=statuses)) if run.remote_job_origin is None]
    for path in (build_lock_path(config), backtest_lock_path(config)):
        is_free = path == held or not path.exists()
        with suppress(RecsysError), nullcontext() if is_free else hold_lock(path, "Its process is alive."):
            for run in runs:
                if (run.job_name == BACKTEST_JOB) == (path == backtest_lock_path(config)):
                    instance.report_run_failed(
                        run, "The process of this run was killed; the next run takes up its work."
                    )
                    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _explain(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:  # first, for a check that blocks fails its step with less to say
        check = event.event_specific_data
        if isinstance(check, dg.AssetCheckEvaluation) and check.blocking and _is_error(check):
            found = str((check.metadata.get("fault") or check.metadata["decision"]).value).removesuffix(".")
            return f"Check {check.check_name} did not pass, so nothing was published: {found}."
    for event in result.all_events:
        if event.is_step_failure:
            return f"Step {event.step_key} failed: {explain_error(event.step_failure_data.error)}"
    return "The run failed before its first step."


def _is_error(check: dg.AssetCheckEvaluation) -> bool:
    return not check.passed and check.severity is dg.AssetCheckSeverity.ERROR


if __name__ == "__main__":
    try:
        run_job(load_config(), sys.argv[1])
    except RecsysError as error:
        sys.exit(f"Error: {error}")
