"""dbt in the process of the run.

dagster-dbt starts a process for each call of dbt, which loads Python and dbt anew: 5 of the 60 seconds of a refresh.
What dbt tells is turned into Dagster's events by dagster-dbt all the same.
"""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
from dagster_dbt import DagsterDbtTranslator
from dagster_dbt.asset_utils import get_updated_cli_invocation_params_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from recsys_assets.config import Config
from recsys_assets.defs.project import dbt_variables, recsys_project
from recsys_assets.errors import RecsysError, explain_full_disk
from recsys_assets.interrupts import interrupt_as_python_has_it

PARSED = "partial_parse.msgpack"


class Built(NamedTuple):
    """What dbt did.

    Attributes:
        events: Dagster's, each with the table that its model or test is of.
        fault: what failed; None if nothing did.
    """

    events: list[tuple[Any, str]]
    fault: RecsysError | None


def build_models(context: dg.AssetExecutionContext, config: Config) -> Built:
    """Build the models and tests that the step asks for, to the end, though one fails.

    Args:
        context: of a step made of dbt models.
        config: the configuration; `export_dbt_environment` has told dbt the rest.
    """
    from dbt.cli.main import dbtRunner
    from dbt_common.events.base_types import EventMsg
    from dbt_common.events.functions import msg_to_dict

    asked = get_updated_cli_invocation_params_for_context(context, {}, DagsterDbtTranslator())  # the step has its own
    # one folder a step, written anew: by default every run would leave 7 MB in the checkout, for good
    artifacts = config.dbt_path / context.op_handle.name
    _start_from_what_is_parsed(artifacts)
    told: list[DbtCoreCliEventMessage] = []

    def hear(message: EventMsg) -> None:
        if message.info.level != "debug" and message.info.name != "MainStackTrace":  # those are in the log
            told.append(DbtCoreCliEventMessage(raw_event=msg_to_dict(message), event_history_metadata={}))
            print(told[-1], flush=True)

    options = {
        "project-dir": (asked.dbt_project or recsys_project).project_dir,
        "profiles-dir": recsys_project.project_dir,
        "target-path": artifacts,
        "log-path": artifacts,
        "log-level": "none",  # on the terminal, where `hear` prints
        "log-format-file": "json",
        "indirect-selection": asked.indirect_selection or "eager",
        "exclude-resource-type": "unit_test",
        "vars": dbt_variables(config),
    }
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    arguments += ["--no-use-colors", *asked.selection_args]
    try:
        with interrupt_as_python_has_it():
            result = dbtRunner(callbacks=[hear]).invoke(["build", *arguments])
    finally:
        _close_warehouse()
    if result.exception and not isinstance(result.exception, Exception):
        raise result.exception  # an interrupt: dbt has cancelled its queries
    events = [
        (event, _table_of(message))
        for message in told
        for event in message.to_default_asset_events(
            manifest=asked.manifest,
            dagster_dbt_translator=asked.dagster_dbt_translator,
            context=context,
            target_path=artifacts,
            project=asked.dbt_project,
        )
    ]
    if result.success:
        return Built(events, None)
    faults = [message.raw_event["info"]["msg"] for message in told if message.raw_event["info"]["level"] == "error"]
    said = " ".join(" ".join(faults or [str(result.exception)]).split())
    return Built(events, RecsysError(explain_full_disk(said) or f"dbt says: {said} (its log: {artifacts / 'dbt.log'})"))


def _close_warehouse() -> None:
    """Or nobody in this process could open it with other settings; dbt-duckdb leaves it to the garbage collector."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment: Any = DuckDBConnectionManager._ENV
    if environment:
        environment.close()
    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


def _table_of(message: DbtCoreCliEventMessage) -> str:
    relation = message.raw_event["data"].get("node_info", {}).get("node_relation", {})
    return f"{relation.get('schema')}.{relation.get('alias')}"


def _start_from_what_is_parsed(artifacts: Path) -> None:
    """A home's first run need not parse the project again."""
    parsed = recsys_project.project_dir / recsys_project.target_path / PARSED
    if parsed.exists() and not (artifacts / PARSED).exists():
        artifacts.mkdir(parents=True, exist_ok=True)
        shutil.copy(parsed, artifacts)
