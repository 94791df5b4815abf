"""`candidates.<source>`: every source's lists at every cutoff; `candidates.merged`: their fusion."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager

import duckdb
import polars as pl
from scipy import sparse

from recsys_assets.candidates.als import choose_als
from recsys_assets.candidates.catalogue import Catalogue, read_catalogue
from recsys_assets.candidates.fusion import Fusion, Lesson, average, draw_lesson
from recsys_assets.candidates.generate import Scorer, fuse_candidates, list_candidates, score_block, user_blocks
from recsys_assets.candidates.history import (
    History,
    IntArray,
    read_cutoffs,
    read_history,
    read_relevant,
    read_roles,
)
from recsys_assets.candidates.registry import SOURCES
from recsys_assets.candidates.taught import (
    forget_weights,
    keep_als_settings,
    keep_weights,
    read_live_weights,
    take_als_settings,
)
from recsys_assets.candidates.weighing import weigh_sources
from recsys_assets.config import Config
from recsys_assets.fitted import Savable, replace_fitted
from recsys_assets.schema import LIVE_CUTOFF, REPORTED_CANDIDATES
from recsys_assets.warehouse import count_rows, transaction

SHORTEST_LIST = 30
ROWS_PER_INSERT = 1_000_000
MERGED = "merged"
REACHED = "reached"
REPORTED_CUTOFF = "test"

Weighed = Sequence[tuple[Fusion | None, IntArray]]
"""Fusions, each with the users whose candidates it decides; None where sources are listed and not fused."""


def write_candidates(
    connection: duckdb.DuckDBPyConnection,
    config: Config,
    tables: Sequence[str],
    say: Callable[[str], None],
    *,
    live_only: bool = False,
) -> None:
    """Replace `tables`: sources' names (one row per cutoff, user and item that the source lists), and MERGED.

    The columns are those of `list_candidates` and `fuse_candidates`. A source that `candidates.sources` does not name
    stays empty; the fusion needs all that it names, whichever tables are replaced. What the live cutoff taught a source
    that can be saved is kept in `fitted/`. A history is read once and learnt from by all sources; each cutoff is learnt
    anew, so that no source sees labels. How the fusion weighs the sources is learnt from the labels of the cutoffs
    before (at the first one with labels, of other users: `weigh_sources`); the labels of the first training cutoff
    decide which settings ALS takes; both are kept as `recsys_assets.candidates.taught` says. What the fusion would list
    beyond `per_user` is kept for the candidate report alone, at its cutoff: `candidates.reached` has `cutoff`,
    `user_id`, `item_id`, `rank` up to REPORTED_CANDIDATES.

    Args:
        connection: of the warehouse.
        config: the configuration.
        tables: which to replace.
        say: takes a line of progress.
        live_only: replace the rows of `live` alone, with what the labels taught the last build.

    Raises:
        RecsysError: `live_only`, and the last build had other sources.
    """
    length = choose_list_length(connection, config)
    named = [source for source in SOURCES if source in config.candidates.sources]
    sources = named if MERGED in tables else [source for source in named if source in tables]
    kept: dict[str, Savable | None] = {table: None for table in tables if table in SOURCES}
    lessons: list[Lesson] = []
    first_training_cutoff = next(iter(read_roles(connection).get("training", [])), None)
    with transaction(connection):
        if live_only:
            live_fusion = read_live_weights(connection, named)
            config = take_als_settings(connection, config)
            for table in tables:
                connection.execute(f"DELETE FROM candidates.{table} WHERE cutoff = '{LIVE_CUTOFF}'")
        else:
            for table in tables:
                _create(connection, table, named)
        for cutoff in [LIVE_CUTOFF] if live_only else read_cutoffs(connection):
            history = read_history(connection, cutoff)
            catalogue = read_catalogue(connection, history)
            relevant = read_relevant(connection, history)
            if cutoff == first_training_cutoff and "als" in sources:
                config = choose_als(history, catalogue, config, relevant)
                als = config.candidates.als
                keep_als_settings(connection, als)
                say(f"als: {als.factors} factors, regularization {als.regularization:g}, alpha {als.alpha:g}")
            scorers: dict[str, Scorer] = {}
            for source in sources:
                scorers[source] = SOURCES[source](history, catalogue, config)
                say(f"{cutoff}: {source} has learnt from {history.n_pairs:,} pairs of user and item")
            weighed: Weighed = [(None, history.users_to_serve)]
            if MERGED in tables and live_only:
                weighed = [(live_fusion, history.users_to_serve)]
            elif MERGED in tables:
                weighed = [*weigh_sources(config.seed, history, catalogue, scorers, lessons, relevant)]
                keep_weights(connection, cutoff, average([fusion for fusion, _ in weighed if fusion]))
            with _open_batch(connection, [*tables, REACHED] if MERGED in tables else tables) as batch:
                lessons += _write_cutoff(config, batch, history, catalogue, scorers, weighed, relevant, length)
            say(f"{cutoff}: {batch.n_rows:,} candidates listed for {len(history.users_to_serve):,} users")
            if cutoff == LIVE_CUTOFF:
                learnt: dict[str, object] = {source: scorers.get(source) for source in kept}
                kept |= {source: model for source, model in learnt.items() if isinstance(model, Savable)}
    replace_fitted(config, kept)


def _write_cutoff(
    config: Config,
    batch: "_Batch",
    history: History,
    catalogue: Catalogue,
    scorers: Mapping[str, Scorer],
    weighed: Weighed,
    relevant: sparse.csr_matrix,
    length: int,
) -> list[Lesson]:
    """List and fuse the users of each fusion; returns what this cutoff's labels teach later ones."""
    per_user = config.candidates.per_user
    is_reported = history.cutoff == REPORTED_CUTOFF
    # the candidate report compares a source's list with the fused one at the same lengths
    listed, fused_length = length, per_user
    if is_reported:
        listed, fused_length = max(length, REPORTED_CANDIDATES), max(per_user, REPORTED_CANDIDATES)

    def make(fusion: Fusion | None, users: IntArray) -> tuple[dict[str, pl.DataFrame], Lesson | None]:
        scored = {name: score_block(history, catalogue, scorer, users, listed) for name, scorer in scorers.items()}
        lists = {name: list_candidates(history, users, opinion) for name, opinion in scored.items()}
        if fusion is None:
            return lists, None
        fused = fuse_candidates(history, users, scored, fusion, per_source=length, per_user=fused_length)
        lists[MERGED] = fused.filter(pl.col("rank") <= per_user).drop("rank")
        if is_reported:
            lists[REACHED] = fused.select("cutoff", "user_id", "item_id", "rank")
        if relevant.nnz == 0:
            return lists, None
        scores = {name: opinion.scores for name, opinion in scored.items()}
        return lists, draw_lesson(config.seed, scores, users, relevant, len(history.users_to_serve))

    blocks = [(fusion, block) for fusion, users in weighed for block in user_blocks(history, users)]
    lessons = []
    with ThreadPoolExecutor(config.threads) as pool:
        for start in range(0, len(blocks), config.threads):  # no more at a time: each holds every source's scores
            for lists, lesson in pool.map(lambda block: make(*block), blocks[start : start + config.threads]):
                for table, rows in lists.items():
                    batch.add(table, rows)
                lessons += [lesson] if lesson else []
    return lessons


class _Batch:
    """Rows on their way into their tables: many at once, by a thread of their own while the next ones are made."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, tables: Sequence[str], writer: Executor) -> None:
        self.connection = connection
        self.waiting: dict[str, list[pl.DataFrame]] = {table: [] for table in tables}
        self.n_waiting = self.n_rows = 0
        self._writer = writer
        self._inserting: Future[None] | None = None

    def add(self, table: str, rows: pl.DataFrame) -> None:
        if table in self.waiting:
            self.waiting[table].append(rows)
            self.n_rows += len(rows)
            self.n_waiting += len(rows)
        if self.n_waiting > ROWS_PER_INSERT:
            self.insert()

    def insert(self) -> None:
        """Hand over what waits, once what was handed over before is in its tables."""
        self.wait()
        taken = {table: pl.concat(frames) for table, frames in self.waiting.items() if frames}
        self._inserting = self._writer.submit(self._insert, taken)
        self.waiting = {table: [] for table in self.waiting}
        self.n_waiting = 0

    def wait(self) -> None:
        """Until all that was handed over is in its tables."""
        if self._inserting:
            self._inserting.result()

    def _insert(self, taken: Mapping[str, pl.DataFrame]) -> None:
        for table, rows in taken.items():
            self.connection.register("listed", rows)
            self.connection.execute(f"INSERT INTO candidates.{table} BY NAME SELECT * FROM listed")
            self.connection.unregister("listed")


@contextmanager
def _open_batch(connection: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> Iterator[_Batch]:
    """A batch whose rows are in their tables at the end; nobody else may use the connection until then."""
    with ThreadPoolExecutor(1, "inserting") as writer:
        batch = _Batch(connection, tables, writer)
        yield batch
        batch.insert()
        batch.wait()


def _create(connection: duckdb.DuckDBPyConnection, table: str, sources: Sequence[str]) -> None:
    columns = "score FLOAT, rank INTEGER"
    if table == MERGED:
        opinions = (f"score_{source} FLOAT, rank_{source} INTEGER" for source in sources)
        columns = ", ".join(("fused_score FLOAT, n_sources INTEGER", *opinions))
        forget_weights(connection)
        connection.execute(
            f"CREATE OR REPLACE TABLE candidates.{REACHED} "
            "(cutoff VARCHAR, user_id VARCHAR, item_id VARCHAR, rank INTEGER)"
        )
    connection.execute(
        f"CREATE OR REPLACE TABLE candidates.{table} (cutoff VARCHAR, user_id VARCHAR, item_id VARCHAR, {columns})"
    )


def choose_list_length(connection: duckdb.DuckDBPyConnection, config: Config) -> int:
    """How many items a source lists for a user.

    `per_source`, or fewer where all users' lists would exceed `max_rows`, but not below SHORTEST_LIST for that. One
    length for all cutoffs, or the ranker would learn from other lists than it scores.
    """
    n_users = count_rows(connection, f"intermediate.int_user_cutoffs WHERE cutoff = '{LIVE_CUTOFF}'")
    affordable = config.candidates.max_rows // max(1, n_users * len(config.candidates.sources))
    return min(config.candidates.per_source, max(SHORTEST_LIST, affordable))
