"""The warehouse as it would be without one candidate source, as far as its candidates tell."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import numpy as np
import polars as pl

from recsys_assets.candidates.catalogue import read_catalogue
from recsys_assets.candidates.generate import score_block, user_blocks
from recsys_assets.candidates.history import read_history, read_roles
from recsys_assets.candidates.registry import SOURCES
from recsys_assets.candidates.taught import WEIGHTS
from recsys_assets.candidates.write import choose_list_length
from recsys_assets.config import Config
from recsys_assets.evaluation.model_lists import read_labels
from recsys_assets.experiments.bench import Bench
from recsys_assets.ranking.frame import RankingFrame, build_ranking_frame
from recsys_assets.schema import LIVE_CUTOFF

READ_AS_IT_IS = ("features", "intermediate")


def read_bench_without(connection: duckdb.DuckDBPyConnection, config: Config, source: str | None) -> Bench:
    """The frames of the last build, made again without one source (None: without none, which gives the stored ones).

    Its score and rank are gone, and so are the candidates that no other source gives a score, from training and
    validation alike. Its part of the fused score is taken out again. Of the candidates, training has the ones that the
    stored frame has, so that no other draw of negatives blurs the difference. Three things stay as they were:
    candidates that the cut at `candidates.per_user` left out do not come back, the fusion's weights of the others, and
    the pair's similarity features, which are made from co-visits whether that is a source or not.
    """
    kept = tuple(name for name in config.candidates.sources if name != source)
    candidates = config.candidates.model_copy(update={"sources": kept})
    reduced = config.model_copy(update={"candidates": candidates})
    roles = read_roles(connection)
    stored = connection.sql("SELECT cutoff, user_id, item_id FROM ranking.training_frame").pl()
    (validation, *_) = roles["validation"]
    with _reduced_warehouse(connection, reduced, source):
        rows = _join_frames(
            [
                _of_users_with_labels(
                    build_ranking_frame(connection, reduced, cutoff, rows=stored.filter(pl.col("cutoff") == cutoff))
                )
                for cutoff in roles["training"]
            ]
        )
        frame = build_ranking_frame(connection, reduced, validation)
        return Bench(rows, frame, read_labels(connection, validation), config.rerank.list_length)


def _of_users_with_labels(frame: RankingFrame) -> RankingFrame:
    """The rows of users who still have a relevant one: from others nothing can be learnt."""
    has_relevant = np.bincount(frame.qid, weights=frame.labels > 0, minlength=len(frame.group)) > 0
    return frame.take(has_relevant[frame.qid])


def _join_frames(frames: list[RankingFrame]) -> RankingFrame:
    return RankingFrame(
        keys=pl.concat([frame.keys for frame in frames]),
        features=np.concatenate([frame.features for frame in frames]),
        feature_names=frames[0].feature_names,
        group=np.concatenate([frame.group for frame in frames]),
    )


@contextmanager
def _reduced_warehouse(connection: duckdb.DuckDBPyConnection, config: Config, source: str | None) -> Iterator[None]:
    """While the block runs, unqualified names mean a database in memory: views, and another `candidates.merged`."""
    ((warehouse,),) = connection.execute("SELECT current_database()").fetchall()
    tables = connection.execute(
        "SELECT table_schema, table_name FROM information_schema.tables "
        "WHERE table_catalog = current_database() AND list_contains($schemas, table_schema) ORDER BY ALL",
        {"schemas": list(READ_AS_IT_IS)},
    ).fetchall()
    connection.execute("ATTACH ':memory:' AS reduced (READ_WRITE)")
    connection.execute("USE reduced")
    try:
        for schema in (*READ_AS_IT_IS, "candidates"):
            connection.execute(f"CREATE SCHEMA {schema}")
        for schema, table in tables:
            connection.execute(f'CREATE VIEW {schema}."{table}" AS FROM "{warehouse}".{schema}."{table}"')
        connection.execute(f"CREATE TABLE candidates.merged AS {_fuse_again(config, warehouse, source)}")
        yield
    finally:
        connection.execute(f'USE "{warehouse}"')
        connection.execute("DETACH reduced")


def _fuse_again(config: Config, warehouse: str, source: str | None) -> str:
    """What `fuse_candidates` writes, from the merged table itself."""
    sources = config.candidates.sources
    columns = ", ".join(f"score_{name}, rank_{name}" for name in sources)
    listed = " + ".join(f"(rank_{name} IS NOT NULL)::INTEGER" for name in sources)
    scored = " OR ".join(f"score_{name} > 0" for name in sources)
    its_part = "0"
    if source is not None:
        its_part = f"""
            (SELECT sum(weight * share ** power) FROM "{warehouse}".{WEIGHTS} AS weights
             WHERE weights.cutoff = merged.cutoff AND weights.source = '{source}')"""
    share = f"score_{source} / greatest(max(score_{source}) OVER (PARTITION BY cutoff, user_id), 1e-9)"
    return f"""
        SELECT cutoff, user_id, item_id, (fused_score - {its_part})::FLOAT AS fused_score,
               {listed} AS n_sources, {columns}
        FROM (SELECT *, {share if source else "0"} AS share FROM "{warehouse}".candidates.merged) AS merged
        WHERE ({scored}) AND cutoff <> '{LIVE_CUTOFF}'
    """


def measure_fit_seconds(connection: duckdb.DuckDBPyConnection, config: Config, source: str) -> float:
    """CPU seconds in which a source learns and lists at the validation cutoff; a build does so at every cutoff."""
    history = read_history(connection, read_roles(connection)["validation"][0])
    catalogue = read_catalogue(connection, history)
    length = choose_list_length(connection, config)
    started = time.process_time()
    scorer = SOURCES[source](history, catalogue, config)
    for users in user_blocks(history, history.users_to_serve):
        score_block(history, catalogue, scorer, users, length)
    return time.process_time() - started
