"""staging, intermediate, features and the SQL part of candidates: the dbt project."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, dbt_assets

from recsys_assets.config import Config
from recsys_assets.defs.project import dbt_variables, export_dbt_environment, recsys_project
from recsys_assets.defs.resources import OWNERS, POOL, Settings

AFTER_CANDIDATES = "tag:after_candidates"


class LayerTranslator(DagsterDbtTranslator):
    """Groups are the layers: the first folder below models/."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The layer of a model."""
        return str(dbt_resource_props["fqn"][1])

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """Whom to ask."""
        return OWNERS


TRANSLATOR = LayerTranslator(settings=DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))


@dbt_assets(
    manifest=recsys_project.manifest_path,
    project=recsys_project,
    exclude=AFTER_CANDIDATES,
    dagster_dbt_translator=TRANSLATOR,
    name="warehouse",
    pool=POOL,
)
def warehouse(context: dg.AssetExecutionContext, dbt: DbtCliResource, settings: Settings) -> Iterator[Any]:
    """Models and their tests, up to the features and item statistics of every cutoff."""
    yield from _build(context, dbt, settings.config())


@dbt_assets(
    manifest=recsys_project.manifest_path,
    project=recsys_project,
    select=AFTER_CANDIDATES,
    dagster_dbt_translator=TRANSLATOR,
    name="pair_features",
    pool=POOL,
)
def pair_features(context: dg.AssetExecutionContext, dbt: DbtCliResource, settings: Settings) -> Iterator[Any]:
    """Features of user and item together, for the merged candidates."""
    yield from _build(context, dbt, settings.config())


def _build(context: dg.AssetExecutionContext, dbt: DbtCliResource, config: Config) -> Iterator[Any]:
    export_dbt_environment(config)
    command = ["build", "--exclude-resource-type", "unit_test", "--vars", dbt_variables(config)]
    # one folder a step, written anew: by default every run would leave 7 MB in the checkout, for good
    artifacts = config.dbt_path / context.op_handle.name
    yield from (
        dbt.cli(command, context=context, target_path=artifacts).stream().fetch_row_counts().fetch_column_metadata()
    )


warehouse_assets = [warehouse, pair_features]
