"""candidates.*: one asset a source, and their union."""

import dagster as dg
import polars as pl

from recsys_assets.candidates.catalogue import read_catalogue
from recsys_assets.candidates.generate import generate_candidates
from recsys_assets.candidates.history import read_cutoffs, read_history
from recsys_assets.candidates.merge import merge_candidates
from recsys_assets.candidates.registry import SOURCES
from recsys_assets.defs.metadata import describe_table
from recsys_assets.defs.resources import OWNERS, POOL, Settings
from recsys_assets.warehouse import replace_table

INPUTS = [
    dg.AssetKey(["intermediate", "int_user_items"]),
    dg.AssetKey(["intermediate", "int_user_cutoffs"]),
    dg.AssetKey(["intermediate", "int_labels"]),
    dg.AssetKey(["features", "item_features"]),
]
OWN_INPUTS = {
    "popular_in_category": [dg.AssetKey(["features", "user_category_shares"])],
    "covisited": [dg.AssetKey(["candidates", "covisited_items"])],
    "content": [dg.AssetKey(["staging", "stg_raw__items"])],
}
KINDS = {"als": {"implicit"}, "item_knn": {"implicit"}, "content": {"scikitlearn"}}


def _source_asset(source: str) -> dg.AssetsDefinition:
    fit = SOURCES[source]

    @dg.asset(
        key=["candidates", source],
        deps=INPUTS + OWN_INPUTS.get(source, []),
        group_name="candidates",
        owners=OWNERS,
        kinds={"python", "duckdb"} | KINDS.get(source, set()),
        description=f"One row per cutoff, user and item that this source lists. {fit.__doc__}",
        pool=POOL,
    )
    def candidates(context: dg.AssetExecutionContext, settings: Settings) -> dg.MaterializeResult:
        with settings.warehouse("candidates") as (config, connection):
            tables = []
            for cutoff in read_cutoffs(connection):
                history = read_history(connection, cutoff)
                catalogue = read_catalogue(connection, history)
                scorer = fit(history, catalogue, config)
                tables.append(generate_candidates(history, catalogue, scorer, config.candidates.per_source))
            replace_table(connection, f"candidates.{source}", pl.concat(tables))
            return dg.MaterializeResult(metadata=describe_table(connection, f"candidates.{source}"))

    return candidates


@dg.asset(
    key=["candidates", "merged"],
    deps=[dg.AssetKey(["candidates", source]) for source in SOURCES],
    group_name="candidates",
    owners=OWNERS,
    kinds={"duckdb"},
    description="One row per cutoff, user and item that some source lists, with all sources' scores and ranks.",
    pool=POOL,
)
def merged(context: dg.AssetExecutionContext, settings: Settings) -> dg.MaterializeResult:
    """The union of the sources' lists."""
    with settings.warehouse("candidates") as (config, connection):
        merge_candidates(connection, config, read_cutoffs(connection))
        return dg.MaterializeResult(metadata=describe_table(connection, "candidates.merged"))


candidate_assets = [*(_source_asset(source) for source in SOURCES), merged]
