"""`candidates.<source>`: every source's lists at every cutoff."""

from collections.abc import Callable, Sequence

import duckdb

from recsys_assets.candidates.catalogue import read_catalogue
from recsys_assets.candidates.generate import generate_candidates
from recsys_assets.candidates.history import read_cutoffs, read_history
from recsys_assets.candidates.registry import SOURCES
from recsys_assets.config import Config
from recsys_assets.schema import LIVE_CUTOFF
from recsys_assets.warehouse import count_rows, transaction

SHORTEST_LIST = 30


def write_candidates(
    connection: duckdb.DuckDBPyConnection, config: Config, sources: Sequence[str], say: Callable[[str], None]
) -> None:
    """Replace the tables of `sources`: one row per cutoff, user and item, `score` (the source's own scale) and `rank`.

    A history is read once and learnt from by every source; each cutoff is learnt anew, so that no source sees labels.
    """
    length = choose_list_length(connection, config)
    with transaction(connection):
        for source in sources:
            connection.execute(
                f"""
                CREATE OR REPLACE TABLE candidates.{source}
                (cutoff VARCHAR, user_id VARCHAR, item_id VARCHAR, score FLOAT, rank INTEGER)
                """
            )
        for cutoff in read_cutoffs(connection):
            history = read_history(connection, cutoff)
            catalogue = read_catalogue(connection, history)
            for source in sources:
                listed = generate_candidates(history, catalogue, SOURCES[source](history, catalogue, config), length)
                connection.register("listed", listed)
                connection.execute(f"INSERT INTO candidates.{source} BY NAME SELECT * FROM listed")
                connection.unregister("listed")
                say(f"{cutoff}: {source} lists {len(listed):,} candidates for {len(history.users_to_serve):,} users")


def choose_list_length(connection: duckdb.DuckDBPyConnection, config: Config) -> int:
    """How many items a source lists for a user.

    `per_source`, or fewer where all users' lists would exceed `max_rows`, but not below SHORTEST_LIST for that. One
    length for all cutoffs, or the ranker would learn from other lists than it scores.
    """
    n_users = count_rows(connection, f"intermediate.int_user_cutoffs WHERE cutoff = '{LIVE_CUTOFF}'")
    affordable = config.candidates.max_rows // max(1, n_users * len(config.candidates.sources))
    return min(config.candidates.per_source, max(SHORTEST_LIST, affordable))
