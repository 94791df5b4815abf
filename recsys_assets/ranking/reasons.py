"""`publishing.recommendations`: the lists with titles, sources, and a reason that a person understands."""

from datetime import datetime

import duckdb
import polars as pl

from recsys_assets.config import Config
from recsys_assets.ranking.surfaces import Method
from recsys_assets.schema import FOR_YOU, FUSION, LIVE_CUTOFF, RANKER
from recsys_assets.warehouse import count_rows

USERS_PER_PART = 15_000


def write_recommendations(
    connection: duckdb.DuckDBPyConnection, config: Config, method: Method, lists: pl.DataFrame, scored_at: datetime
) -> int:
    """Write the table from the lists of `build_lists`; returns its number of rows.

    One row per user, surface and rank. The evidence is the item among the user's last that co-visitation leads from to
    the recommended one most strongly, a liked one where any does (for `because_you_liked`, the liked item the list is
    about); where there is none, the reason names a creator or category that the user keeps coming back to, or says that
    the item is popular now. Beside it, `publishing.recommendation_features` keeps what each score of `for_you` was made
    from.

    Args:
        connection: of the warehouse, with the temporary tables of `create_pools`.
        config: the configuration.
        method: what the lists were made with.
        lists: `user_id`, `surface`, `rank`, `item_id`, `score`.
        scored_at: the time of this run, UTC.
    """
    sources = ", ".join(
        f"CASE WHEN merged.rank_{source} IS NOT NULL THEN '{source}' END" for source in config.candidates.sources
    )
    is_popular = "merged.rank_popular IS NOT NULL" if "popular" in config.candidates.sources else "false"
    query = f"""
        WITH recent AS (
            SELECT user_id, item_id, last_recency_rank, is_liked FROM intermediate.int_user_items
            WHERE cutoff = '{LIVE_CUTOFF}' AND NOT is_disliked AND weight > 0
              AND last_recency_rank <= {config.features.history_events}
        ), linked AS (
            SELECT lists.user_id, lists.item_id, recent.item_id AS evidence_item_id, recent.is_liked
            FROM (SELECT DISTINCT user_id, item_id FROM lists) AS lists
            JOIN recent USING (user_id)
            JOIN (SELECT * FROM candidates.covisited_items WHERE cutoff = '{LIVE_CUTOFF}') AS led
              ON led.item_id = recent.item_id AND led.neighbour_item_id = lists.item_id
            QUALIFY row_number() OVER (
                PARTITION BY lists.user_id, lists.item_id
                ORDER BY recent.is_liked DESC, led.score DESC, recent.last_recency_rank, recent.item_id) = 1
        ), last_liked AS (
            SELECT user_id, item_id AS evidence_item_id FROM intermediate.int_user_items
            WHERE cutoff = '{LIVE_CUTOFF}' AND is_liked AND item_id IN (SELECT item_id FROM publishing.similar_items)
            QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY last_recency_rank, item_id) = 1
        ), creators AS (
            SELECT item_id, unnest(creators) AS creator FROM staging.stg_raw__items
        ), shared_creator AS (
            SELECT lists.user_id, lists.item_id, min_by(creator, (-share, creator)) AS creator
            FROM (SELECT DISTINCT user_id, item_id FROM lists) AS lists JOIN creators USING (item_id)
            JOIN (SELECT * FROM features.user_creator_shares WHERE cutoff = '{LIVE_CUTOFF}') USING (user_id, creator)
            GROUP BY ALL
        ), categories AS (
            SELECT item_id, unnest(categories) AS category FROM staging.stg_raw__items
        ), shared_category AS (
            SELECT lists.user_id, lists.item_id, min_by(category, (-share, category)) AS category
            FROM (SELECT DISTINCT user_id, item_id FROM lists) AS lists JOIN categories USING (item_id)
            JOIN (SELECT * FROM features.user_category_shares WHERE cutoff = '{LIVE_CUTOFF}') USING (user_id, category)
            GROUP BY ALL
        )
        SELECT lists.user_id, lists.surface, lists.rank, lists.item_id, items.title, lists.score,
               CASE WHEN merged.n_sources = 0 THEN ['{FUSION}']
                    WHEN merged.item_id IS NOT NULL THEN list_filter([{sources}], lambda source: source IS NOT NULL)
                    WHEN lists.surface = 'because_you_liked' THEN ['similar_items']
                    WHEN lists.surface = 'trending' THEN ['popular_decayed_fast']
                    ELSE ['{method.fallback}'] END AS candidate_sources,
               CASE WHEN lists.surface = 'trending' THEN 'Trending now'
                    WHEN evidence.item_id IS NOT NULL AND (linked.is_liked OR lists.surface = 'because_you_liked')
                      THEN 'Because you liked ' || coalesce(evidence.title, evidence.item_id)
                    WHEN evidence.item_id IS NOT NULL
                      THEN 'Goes with ' || coalesce(evidence.title, evidence.item_id)
                    WHEN shared_creator.creator IS NOT NULL THEN 'More by ' || shared_creator.creator
                    WHEN merged.item_id IS NULL AND lists.surface = 'new_releases' THEN 'New and popular'
                    WHEN merged.item_id IS NULL THEN 'Popular now'
                    WHEN shared_category.category IS NOT NULL THEN 'You often choose ' || shared_category.category
                    WHEN {is_popular} OR merged.n_sources = 1 THEN 'Popular now'
                    ELSE 'Chosen by people with a taste like yours' END AS reason,
               evidence.item_id AS evidence_item_id,
               (SELECT as_of FROM intermediate.int_cutoffs WHERE cutoff = '{LIVE_CUTOFF}') AS as_of,
               CAST($scored_at AS TIMESTAMP) AS scored_at
        FROM lists
        LEFT JOIN (
            SELECT * FROM candidates.merged
            WHERE cutoff = '{LIVE_CUTOFF}' AND user_id BETWEEN $first_user AND $last_user
        ) AS merged USING (user_id, item_id)
        LEFT JOIN linked USING (user_id, item_id)
        LEFT JOIN last_liked USING (user_id)
        LEFT JOIN shared_creator USING (user_id, item_id)
        LEFT JOIN shared_category USING (user_id, item_id)
        LEFT JOIN staging.stg_raw__items AS items ON items.item_id = lists.item_id
        LEFT JOIN (
            SELECT item_id, any_value(title) AS title FROM (
                SELECT item_id, title FROM staging.stg_raw__items
                UNION ALL BY NAME SELECT DISTINCT item_id FROM intermediate.int_interactions
            ) GROUP BY item_id
        ) AS evidence ON evidence.item_id = CASE lists.surface
            WHEN 'because_you_liked' THEN last_liked.evidence_item_id WHEN 'trending' THEN NULL
            ELSE linked.evidence_item_id END
        ORDER BY lists.user_id, lists.surface, lists.rank
        """
    into = "CREATE OR REPLACE TABLE publishing.recommendations AS"
    for part in _parts(lists.sort("user_id", "surface", "rank")):
        users = {"first_user": part["user_id"].min(), "last_user": part["user_id"].max()}
        connection.register("lists", part)
        connection.execute(f"{into} {query}", {"scored_at": scored_at, **users})
        connection.unregister("lists")
        into = "INSERT INTO publishing.recommendations"
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE publishing.recommendation_features AS
        SELECT features.* FROM ranking.scored_features AS features
        SEMI JOIN publishing.recommendations AS listed ON listed.surface = '{FOR_YOU}'
          AND listed.user_id = features.user_id AND listed.item_id = features.item_id
        WHERE '{method.name}' = '{RANKER}'
        ORDER BY features.user_id, features.item_id
        """
    )
    return count_rows(connection, "publishing.recommendations")


def _parts(lists: pl.DataFrame) -> list[pl.DataFrame]:
    """The lists, cut between users, so that the joins of very many users fit the memory limit; at least one part."""
    users = lists["user_id"].unique(maintain_order=True)
    blocks = [users[start : start + USERS_PER_PART] for start in range(0, len(users), USERS_PER_PART)]
    return [lists.filter(pl.col("user_id").is_between(pl.lit(block[0]), pl.lit(block[-1]))) for block in blocks] or [
        lists
    ]
