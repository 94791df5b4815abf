"""The lists of every surface for every known user, before titles and reasons."""

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from recsys_assets.candidates.content import describe_items
from recsys_assets.config import Config
from recsys_assets.ranking.rerank import ItemDescriptions, RerankRules, rerank
from recsys_assets.schema import FUSION, LIVE_CUTOFF, RANKER
from recsys_assets.warehouse import read_frame

LIST_SCHEMA = {"user_id": pl.String, "surface": pl.String, "rank": pl.Int32, "item_id": pl.String, "score": pl.Float64}


@dataclass(frozen=True)
class Method:
    """What the lists are made with.

    Attributes:
        name: `ranker`, `fusion` or a candidate source.
        fallback: the popularity source for users without history and for lists that are too short.
    """

    name: str
    fallback: str


def build_lists(connection: duckdb.DuckDBPyConnection, config: Config, method: Method) -> pl.DataFrame:
    """One row per known user, surface and rank (LIST_SCHEMA).

    `for_you`, `new_releases` and `discover` come from the method's scores of the user's candidates, `because_you_liked`
    from what is similar to the item she liked last, `trending` from what is wanted now. `for_you` and `new_releases`
    are filled up with popular items. Consumed and unavailable items are in none.
    """
    create_pools(connection, config, method)
    rules = config.rerank
    length = rules.list_length
    scored = connection.sql("SELECT user_id, item_id, score FROM scored").pl()
    items = describe_candidates(connection, config, scored["item_id"].unique().sort())
    for_you = rerank(scored, items, RerankRules(length, rules.max_per_category, rules.diversity))
    new = rerank(
        connection.sql("SELECT user_id, item_id, score FROM scored SEMI JOIN new_items USING (item_id)").pl(),
        items,
        RerankRules(length, rules.max_per_category, rules.diversity),
    )
    discovered = rerank(
        connection.sql(
            f"""
            SELECT user_id, item_id,
                   (score - min(score) OVER u) / greatest(max(score) OVER u - min(score) OVER u, 1e-9)
                   - {rules.discover_popularity_penalty} * coalesce(popularity_percentile, 0) AS score
            FROM scored LEFT JOIN item_features_now USING (item_id)
            WINDOW u AS (PARTITION BY user_id)
            """
        ).pl(),
        items,
        RerankRules(length, rules.max_per_category, rules.discover_diversity),
    )
    return pl.concat(
        [
            _fill(connection, _named(for_you, "for_you"), "popular_now", length),
            _fill(connection, _named(new, "new_releases"), "new_items", length),
            _named(discovered, "discover"),
            _named(connection.sql(_because_you_liked(length)).pl(), "because_you_liked"),
            _named(connection.sql(_trending(length)).pl(), "trending"),
        ]
    ).sort("user_id", "surface", "rank")


def create_pools(connection: duckdb.DuckDBPyConnection, config: Config, method: Method) -> None:
    """Temporary tables of the connection: `known_users`, `consumed`, `scored`, `popular_now`, `new_items`."""
    if method.name == RANKER:
        scored = "SELECT user_id, item_id, score FROM ranking.scored_candidates"
    elif method.name == FUSION:
        scored = f"SELECT user_id, item_id, fused_score AS score FROM candidates.merged WHERE cutoff = '{LIVE_CUTOFF}'"
    else:
        scored = f"SELECT user_id, item_id, score FROM candidates.{method.name} WHERE cutoff = '{LIVE_CUTOFF}'"
    popularity = {
        "popular": "n_users",
        "popular_decayed_slow": "decayed_events_slow",
        "popular_decayed_fast": "decayed_events_fast",
    }[method.fallback]
    for name, query in {
        "known_users": f"""
            SELECT user_id FROM intermediate.int_user_cutoffs WHERE cutoff = '{LIVE_CUTOFF}'
            UNION SELECT user_id FROM staging.stg_raw__users""",
        "consumed": f"""
            SELECT user_id, item_id FROM intermediate.int_user_items WHERE cutoff = '{LIVE_CUTOFF}' AND is_consumed""",
        "scored": scored,
        "item_features_now": f"""
            SELECT features.*, features.{popularity}::DOUBLE AS popularity
            FROM features.item_features AS features LEFT JOIN staging.stg_raw__items AS items USING (item_id)
            WHERE features.cutoff = '{LIVE_CUTOFF}' AND coalesce(items.available, true)""",
        "popular_now": """
            SELECT item_id, popularity / max(popularity) OVER () AS score,
                   row_number() OVER (ORDER BY popularity DESC, item_id) AS place
            FROM item_features_now""",
        "new_items": f"""
            SELECT item_id, popularity / max(popularity) OVER () AS score,
                   row_number() OVER (ORDER BY popularity DESC, item_id) AS place
            FROM item_features_now
            WHERE coalesce(days_since_release, days_since_first_event) <= {config.rerank.new_release_days}""",
    }.items():
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")


def _named(lists: pl.DataFrame, surface: str) -> pl.DataFrame:
    return lists.with_columns(pl.lit(surface).alias("surface")).select(
        pl.col(name).cast(kind) for name, kind in LIST_SCHEMA.items()
    )


def _fill(connection: duckdb.DuckDBPyConnection, lists: pl.DataFrame, pool: str, length: int) -> pl.DataFrame:
    """Add the pool's best items to lists that are shorter than `length`.

    Their scores lie below the lists' own, from -1 down, since they were not scored for the user.
    """
    connection.register("lists", lists)
    filled = connection.sql(
        f"""
        WITH short AS (
            SELECT user_id, count(lists.item_id) AS n
            FROM known_users LEFT JOIN lists USING (user_id) GROUP BY user_id HAVING n < {length}
        ), offered AS (
            SELECT short.user_id, short.n, pool.item_id, pool.score, pool.place
            FROM short CROSS JOIN (SELECT * FROM {pool} WHERE place <= 10 * {length}) AS pool
            ANTI JOIN consumed ON consumed.user_id = short.user_id AND consumed.item_id = pool.item_id
            ANTI JOIN lists ON lists.user_id = short.user_id AND lists.item_id = pool.item_id
        )
        SELECT user_id, n + row_number() OVER (PARTITION BY user_id ORDER BY place) AS rank, item_id,
               (SELECT coalesce(least(min(score), 0), 0) FROM lists) - 2 + score AS score
        FROM offered QUALIFY rank <= {length} ORDER BY user_id, rank
        """
    ).pl()
    connection.unregister("lists")
    surface = lists["surface"][0] if len(lists) else {"popular_now": "for_you", "new_items": "new_releases"}[pool]
    return pl.concat([lists, _named(filled, surface)])


def _because_you_liked(length: int) -> str:
    return f"""
        WITH evidence AS (
            SELECT user_id, item_id FROM intermediate.int_user_items
            WHERE cutoff = '{LIVE_CUTOFF}' AND is_liked
              AND item_id IN (SELECT item_id FROM publishing.similar_items)
            QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY last_recency_rank, item_id) = 1
        )
        SELECT evidence.user_id, similars.similar_item_id AS item_id, similars.score,
               row_number() OVER best_first AS rank
        FROM evidence JOIN publishing.similar_items AS similars USING (item_id)
        ANTI JOIN consumed ON consumed.user_id = evidence.user_id AND consumed.item_id = similars.similar_item_id
        WINDOW best_first AS (PARTITION BY evidence.user_id ORDER BY similars.rank)
        QUALIFY row_number() OVER best_first <= {length}
    """


def _trending(length: int) -> str:
    return f"""
        SELECT users.user_id, trending.item_id, trending.score,
               row_number() OVER best_first AS rank
        FROM known_users AS users
        CROSS JOIN (SELECT * FROM publishing.trending_items WHERE category IS NULL) AS trending
        ANTI JOIN consumed ON consumed.user_id = users.user_id AND consumed.item_id = trending.item_id
        WINDOW best_first AS (PARTITION BY users.user_id ORDER BY trending.rank)
        QUALIFY row_number() OVER best_first <= {length} -- not `rank`, which is that of the table, with consumed items
    """


def describe_candidates(connection: duckdb.DuckDBPyConnection, config: Config, item_ids: pl.Series) -> ItemDescriptions:
    """What re-ranking knows of these items (sorted ids, without repetitions)."""
    described = read_frame(
        connection,
        "SELECT item_id, title, categories, creators FROM staging.stg_raw__items ORDER BY item_id",
    )
    return describe_for_rerank(described, item_ids, config.candidates.content.title_weight)


def describe_for_rerank(described: pl.DataFrame, item_ids: pl.Series, title_weight: float) -> ItemDescriptions:
    """The same from `item_id`, `title`, `categories` and `creators` of the items that are described."""
    items = (
        pl.DataFrame({"item_id": item_ids})
        .join(described, on="item_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("title").fill_null(""), pl.col("categories").fill_null([]), pl.col("creators").fill_null([])
        )
    )
    first = items["categories"].list.first()
    names = {name: number for number, name in enumerate(first.drop_nulls().unique().sort())}
    return ItemDescriptions(
        positions={item_id: position for position, item_id in enumerate(items["item_id"])},
        vectors=describe_items(items, title_weight),
        first_category=np.array([names.get(name, -1) for name in first], np.int64),
    )
