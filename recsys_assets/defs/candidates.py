"""candidates.*: every source's lists, and their union."""

from collections.abc import Iterator

import dagster as dg

from recsys_assets.candidates.registry import SOURCES
from recsys_assets.candidates.write import MERGED, write_candidates
from recsys_assets.defs.metadata import describe_table
from recsys_assets.defs.resources import OWNERS, POOL, Cutoffs, Settings

INPUTS = [
    dg.AssetKey(["intermediate", "int_user_items"]),
    dg.AssetKey(["intermediate", "int_user_cutoffs"]),
    dg.AssetKey(["intermediate", "int_labels"]),
    dg.AssetKey(["features", "item_features"]),
]
OWN_INPUTS = {
    "popular_in_category": [dg.AssetKey(["staging", "stg_raw__items"])],
    "covisited": [dg.AssetKey(["candidates", "covisited_items"])],
    "content": [dg.AssetKey(["staging", "stg_raw__items"])],
}
KINDS = {
    "als": {"implicit"},
    "item_knn": {"implicit"},
    "item_knn_plain": {"implicit"},
    "content": {"scikitlearn"},
    "sasrec": {"pytorch"},
}


@dg.multi_asset(
    name="candidate_sources",
    specs=[
        *(
            dg.AssetSpec(
                ["candidates", source],
                deps=INPUTS + OWN_INPUTS.get(source, []),
                group_name="candidates",
                owners=OWNERS,
                kinds={"python", "duckdb"} | KINDS.get(source, set()),
                description=(
                    "One row per cutoff, user and item that this source lists; none where candidates.sources does not "
                    f"name it. {fit.__doc__}"
                ),
                skippable=True,
            )
            for source, fit in SOURCES.items()
        ),
        dg.AssetSpec(
            ["candidates", MERGED],
            deps=[dg.AssetKey(["candidates", source]) for source in SOURCES],
            group_name="candidates",
            owners=OWNERS,
            kinds={"python", "duckdb"},
            description="One row per cutoff, user and item that some source lists, with all sources' scores and ranks.",
            skippable=True,
        ),
    ],
    can_subset=True,
    pool=POOL,
)
def candidate_sources(
    context: dg.AssetExecutionContext, settings: Settings, config: Cutoffs
) -> Iterator[dg.MaterializeResult]:
    """Learn every selected source anew at every cutoff, and fuse; one step for all, since they share what they read."""
    with settings.warehouse("candidates") as (recsys_config, connection):
        chosen = [
            table for table in (*SOURCES, MERGED) if dg.AssetKey(["candidates", table]) in context.selected_asset_keys
        ]
        write_candidates(connection, recsys_config, chosen, context.log.info, live_only=config.live_only)
        for table in chosen:
            metadata = describe_table(connection, f"candidates.{table}")
            yield dg.MaterializeResult(asset_key=["candidates", table], metadata=metadata)


candidate_assets = [candidate_sources]
