"""One list a user from all sources' lists, by reciprocal rank fusion, with every source's score and rank kept."""

import duckdb

from recsys_assets.config import Config
from recsys_assets.warehouse import count_rows, transaction

ROWS_PER_STEP = 6_000_000


def merge_candidates(connection: duckdb.DuckDBPyConnection, config: Config, cutoffs: list[str]) -> int:
    """Write `candidates.merged` and return its number of rows.

    One row per cutoff, user and item that some source lists: the best `per_user` by `rrf_score` (the sum of
    1 / (rrf_k + rank) over sources), `n_sources`, and `score_<source>`, `rank_<source>` (NULL where the source does not
    list the item). Source of the fusion: Cormack, Clarke & Büttcher, "Reciprocal rank fusion", 2009.
    """
    with transaction(connection):
        connection.execute("DROP TABLE IF EXISTS candidates.merged")
        connection.execute(f"CREATE TABLE candidates.merged AS {_merge_sql(config)} LIMIT 0", _part("", 0, 1))
        for cutoff in cutoffs:
            listed = sum(
                count_rows(connection, f"candidates.{source} WHERE cutoff = '{cutoff}'")
                for source in config.candidates.sources
            )
            n_parts = listed // ROWS_PER_STEP + 1
            for part in range(n_parts):
                connection.execute(f"INSERT INTO candidates.merged {_merge_sql(config)}", _part(cutoff, part, n_parts))
    return count_rows(connection, "candidates.merged")


def _merge_sql(config: Config) -> str:
    settings = config.candidates
    union = "\nUNION ALL ".join(
        f"SELECT cutoff, user_id, item_id, '{source}' AS source, score, rank FROM candidates.{source}\n"
        "WHERE cutoff = $cutoff AND hash(user_id) % $n_parts = $part"
        for source in settings.sources
    )
    kept = ",\n".join(
        f"max(score) FILTER (source = '{source}') AS score_{source}, "
        f"max(rank) FILTER (source = '{source}') AS rank_{source}"
        for source in settings.sources
    )
    # a sum of decimals, since a sum of doubles depends on the order in which threads add
    return f"""
        SELECT cutoff, user_id, item_id,
               sum(CAST(1.0 / ({settings.rrf_k} + rank) AS DECIMAL(18, 15)))::DOUBLE AS rrf_score,
               count(*)::INTEGER AS n_sources, {kept}
        FROM ({union})
        GROUP BY cutoff, user_id, item_id
        QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY rrf_score DESC, item_id) <= {settings.per_user}
    """


def _part(cutoff: str, part: int, n_parts: int) -> dict[str, str | int]:
    return {"cutoff": cutoff, "part": part, "n_parts": n_parts}
