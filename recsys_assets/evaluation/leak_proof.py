"""The whole proof that no feature sees its future, on a copy of the warehouse."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.evaluation.inputs import read_split
from recsys_assets.evaluation.leak import TableDifference, compare_cutoff, scramble_future
from recsys_assets.warehouse import count_rows

ABOUT_HISTORY = (
    "intermediate.int_history",
    "intermediate.int_user_items",
    "features.user_features",
    "features.item_features",
    "features.user_category_shares",
    "features.user_creator_shares",
    "candidates.popular_items",
    "candidates.covisited_items",
)
ABOUT_CANDIDATES = ("candidates.merged", "features.user_item_features")


def prove_no_future_features(
    config: Config, cutoff: str, rebuild: Callable[[Path, str], None]
) -> list[TableDifference]:
    """Scramble everything after `cutoff` in a copy of the warehouse, rebuild there, and compare that cutoff's rows.

    Candidates are made for users with labels, and labels are the future; so candidates and their features are compared
    for the users that have some in both worlds. Two worlds without such users would prove nothing and are refused.

    Args:
        config: of the warehouse to prove; it must be built.
        cutoff: a labelled cutoff.
        rebuild: (home, split kind) -> rebuild history, features and candidates in that home.

    Returns:
        The tables that differ; none, if no feature sees its future.

    Raises:
        RecsysError: the warehouse is not built, the cutoff has no future, or no user can be compared.
    """
    if not config.warehouse_path.exists():
        raise RecsysError(f"There is no warehouse at {config.warehouse_path} to prove anything of: run `recsys build`.")
    home = config.home / "leak_proof"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    try:
        original, scrambled = home / "original.duckdb", home / "warehouse.duckdb"
        shutil.copyfile(config.warehouse_path, original)
        shutil.copyfile(config.warehouse_path, scrambled)
        with duckdb.connect(str(scrambled)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            cancelling = [name for name, kind in config.event_types.items() if kind.cancels]
            scramble_future(connection, cutoff, config.seed, cancelling)
            split = read_split(connection)
        rebuild(home, split)
        _keep_shared_users(original, scrambled, cutoff)
        return compare_cutoff(original, scrambled, cutoff, [*ABOUT_HISTORY, *ABOUT_CANDIDATES])
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _keep_shared_users(original: Path, scrambled: Path, cutoff: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{original}' AS original; ATTACH '{scrambled}' AS scrambled")
        connection.execute(
            """
            CREATE TEMP TABLE shared AS
            SELECT DISTINCT user_id FROM original.candidates.merged WHERE cutoff = $cutoff
            INTERSECT SELECT DISTINCT user_id FROM scrambled.candidates.merged WHERE cutoff = $cutoff
            """,
            {"cutoff": cutoff},
        )
        if not count_rows(connection, "shared"):
            raise RecsysError(f"No user has candidates at '{cutoff}' in both worlds, so nothing can be proven with it.")
        for database in ("original", "scrambled"):
            for table in ABOUT_CANDIDATES:
                connection.execute(f"DELETE FROM {database}.{table} WHERE user_id NOT IN (SELECT user_id FROM shared)")
