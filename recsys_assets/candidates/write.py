"""`candidates.<source>`: every source's lists at every cutoff."""

from collections.abc import Callable, Sequence

import duckdb

from recsys_assets.candidates.catalogue import read_catalogue
from recsys_assets.candidates.generate import generate_candidates
from recsys_assets.candidates.history import read_cutoffs, read_history
from recsys_assets.candidates.registry import SOURCES
from recsys_assets.config import Config
from recsys_assets.fitted import Savable, replace_fitted
from recsys_assets.schema import LIVE_CUTOFF
from recsys_assets.warehouse import count_rows, transaction

SHORTEST_LIST = 30


def write_candidates(
    connection: duckdb.DuckDBPyConnection, config: Config, sources: Sequence[str], say: Callable[[str], None]
) -> None:
    """Replace the tables of `sources`: one row per cutoff, user and item, `score` (the source's own scale) and `rank`.

    A source that `candidates.sources` does not name stays empty. What the live cutoff taught a source that can be saved
    is kept in `fitted/`. A history is read once and learnt from by every source; each cutoff is learnt anew, so that no
    source sees labels.
    """
    kept: dict[str, Savable | None] = dict.fromkeys(sources)
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
            for source in (source for source in sources if source in config.candidates.sources):
                scorer = SOURCES[source](history, catalogue, config)
                listed = generate_candidates(history, catalogue, scorer, length)
                connection.register("listed", listed)
                connection.execute(f"INSERT INTO candidates.{source} BY NAME SELECT * FROM listed")
                connection.unregister("listed")
                learnt: object = scorer
                if cutoff == LIVE_CUTOFF and isinstance(learnt, Savable):
                    kept[source] = learnt
                say(f"{cutoff}: {source} lists {len(listed):,} candidates for {len(history.users_to_serve):,} users")
    replace_fitted(config, kept)


def choose_list_length(connection: duckdb.DuckDBPyConnection, config: Config) -> int:
    """How many items a source lists for a user.

    `per_source`, or fewer where all users' lists would exceed `max_rows`, but not below SHORTEST_LIST for that. One
    length for all cutoffs, or the ranker would learn from other lists than it scores.
    """
    n_users = count_rows(connection, f"intermediate.int_user_cutoffs WHERE cutoff = '{LIVE_CUTOFF}'")
    affordable = config.candidates.max_rows // max(1, n_users * len(config.candidates.sources))
    return min(config.candidates.per_source, max(SHORTEST_LIST, affordable))
