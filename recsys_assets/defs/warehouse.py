"""staging, intermediate, features and the SQL part of candidates: the dbt project."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from recsys_assets.config import Config
from recsys_assets.defs.dbt_here import build_models
from recsys_assets.defs.metadata import describe_table
from recsys_assets.defs.project import export_dbt_environment, recsys_project
from recsys_assets.defs.resources import OWNERS, POOL, Cutoffs, Settings
from recsys_assets.ranking.model_store import read_current_ranker
from recsys_assets.warehouse import demand_sound, open_warehouse

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
def warehouse(context: dg.AssetExecutionContext, settings: Settings, config: Cutoffs) -> Iterator[Any]:
    """Models and their tests, up to the features and item statistics of every cutoff."""
    yield from _build(context, settings.config(), config)


@dbt_assets(
    manifest=recsys_project.manifest_path,
    project=recsys_project,
    select=AFTER_CANDIDATES,
    dagster_dbt_translator=TRANSLATOR,
    name="pair_features",
    pool=POOL,
)
def pair_features(context: dg.AssetExecutionContext, settings: Settings, config: Cutoffs) -> Iterator[Any]:
    """Features of user and item together, for the merged candidates."""
    yield from _build(context, settings.config(), config)


def _build(context: dg.AssetExecutionContext, config: Config, cutoffs: Cutoffs) -> Iterator[Any]:
    if cutoffs.live_only:
        read_current_ranker(config)  # a refresh needs one; without, say so before an hour of work and not after it
    export_dbt_environment(config, live_only=cutoffs.live_only)
    built = build_models(context, config)
    with open_warehouse(config) as connection:
        for event, table in built.events:
            if isinstance(event, dg.Output):
                yield event.with_metadata({**event.metadata, **describe_table(connection, table)})
            else:
                yield event
    if built.fault:
        demand_sound(config, set_aside=True)
        raise built.fault


warehouse_assets = [warehouse, pair_features]
