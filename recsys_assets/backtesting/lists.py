"""What would have been published at an origin, beside what every model would have shown."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl

from recsys_assets.backtesting.plan import KEY, OriginFolder, Plan, has_lists
from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import replace_file
from recsys_assets.locks import building_lock
from recsys_assets.publishing.gate import read_method
from recsys_assets.publishing.switch import current_bundle
from recsys_assets.schema import FOR_YOU, FUSION, LIVE_CUTOFF, RANKER
from recsys_assets.sources.landing import load_folder
from recsys_assets.warehouse import open_warehouse, read_frame

PUBLISHED = "published"  # the model of the lists that readers would have got
METHOD = "method"  # of the metadata of lists.parquet: what was published
KEY_FILE = "backtest.json"


def make_lists(config: Config, plan: Plan, build: Callable[[Path], None], say: Callable[[str], None]) -> None:
    """Build the project on the origin's history in a home of its own, and keep its lists; nothing if they are there.

    `lists.parquet` has one row per model, user and rank at the live cutoff of that home: `published` (the surface
    for_you), the ranker if there is one, the fusion, and every candidate source. A home that a killed run left is taken
    up if it is of this very plan, and made anew if not; at the end it goes.

    Args:
        config: the configuration; `tuned.yaml` counts in the other home as it does here.
        plan: of the origin, whose `history` folder is written.
        build: builds and publishes in the home that it is given.
        say: gets a line if a build of a killed run has to be waited for.

    Raises:
        RecsysError: the build failed.
    """
    folder = OriginFolder(config, plan.origin)
    if has_lists(config, plan):
        return
    home = config.model_copy(update={"home": folder.home})
    with building_lock(home, say):  # the build of a killed run goes on alone, and would write beside this one
        if not _is_of(home, plan):
            _make_home(config, home, folder.history, plan)
    if current_bundle(home) is None:
        try:
            build(home.home)
        except RecsysError as error:
            raise RecsysError(f"Origin {plan.origin}: {error}") from None
    _write_lists(home, plan, folder.lists)
    shutil.rmtree(folder.home)
    shutil.rmtree(folder.history, ignore_errors=True)


def read_published_method(path: Path) -> str:
    """The method behind the published lists of a `lists.parquet`."""
    return str(pl.read_parquet_metadata(path)[METHOD])


def _is_of(home: Config, plan: Plan) -> bool:
    path = home.home / KEY_FILE
    return path.exists() and path.read_text(encoding="utf-8") == plan.lists_key


def _make_home(config: Config, home: Config, history: Path, plan: Plan) -> None:
    shutil.rmtree(home.home)
    home.home.mkdir()
    if config.tuned_path.exists():
        shutil.copyfile(config.tuned_path, home.tuned_path)
    load_folder(home, history, plan.begins_at)
    replace_file(home.home / KEY_FILE, plan.lists_key.encode())  # last: from here on the home can be taken up


def _write_lists(home: Config, plan: Plan, path: Path) -> None:
    unfinished = path.with_name(f".{path.name}")
    with open_warehouse(home, read_only=True) as connection:
        metadata = {KEY: plan.lists_key, METHOD: read_method(connection).name}
        quoted = {name: "'" + value.replace("'", "''") + "'" for name, value in metadata.items()}
        pairs = ", ".join(f"{name}: {value}" for name, value in quoted.items())
        target = str(unfinished).replace("'", "''")
        connection.execute("SET preserve_insertion_order = true")
        connection.execute(
            f"COPY ({_select_lists(home)} ORDER BY model, user_id, rank) TO '{target}' "
            f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{pairs}}})"
        )
    unfinished.replace(path)


def _select_lists(config: Config) -> str:
    length = config.rerank.list_length
    of_sources = [
        f"SELECT '{source}' AS model, user_id, item_id, rank FROM candidates.{source} WHERE cutoff = '{LIVE_CUTOFF}'"
        for source in config.candidates.sources
    ]
    queries = [
        f"SELECT '{PUBLISHED}', user_id, item_id, rank FROM publishing.recommendations WHERE surface = '{FOR_YOU}'",
        f"""SELECT '{RANKER}', user_id, item_id,
            row_number() OVER (PARTITION BY user_id ORDER BY score DESC, item_id) FROM ranking.scored_candidates""",
        f"""SELECT '{FUSION}', user_id, item_id,
            row_number() OVER (PARTITION BY user_id ORDER BY fused_score DESC, item_id)
            FROM candidates.merged WHERE cutoff = '{LIVE_CUTOFF}'""",
    ]
    return f"SELECT * FROM ({' UNION ALL '.join([*of_sources, *queries])}) WHERE rank <= {length}"


def read_lists_of(connection: duckdb.DuckDBPyConnection, path: Path, users: pl.DataFrame) -> pl.DataFrame:
    """The lists of `users` (a frame with user_id): `model`, `user_id`, `item_id`, `rank`."""
    connection.register("wanted_users", users)
    try:
        return read_frame(
            connection,
            "SELECT model, user_id, item_id, rank FROM read_parquet($path) SEMI JOIN wanted_users USING (user_id) "
            "ORDER BY ALL",
            {"path": str(path)},
        )
    finally:
        connection.unregister("wanted_users")
