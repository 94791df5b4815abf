"""How good what was published turned out to be: each bundle's lists against what users chose while it was in use."""

from dataclasses import astuple, dataclass
from datetime import datetime

import duckdb

from recsys_assets.config import Config
from recsys_assets.evaluation.bootstrap import bootstrap_mean_interval
from recsys_assets.evaluation.metrics import per_user_metrics
from recsys_assets.publishing.manifest import DATABASE_FILE, Manifest
from recsys_assets.publishing.switch import list_builds
from recsys_assets.schema import FOR_YOU
from recsys_assets.upkeep.retraining import K
from recsys_assets.warehouse import read_frame, transaction

TABLE = "health.published_quality"
_COLUMNS = """build_id VARCHAR, model_version VARCHAR, method VARCHAR, created_at TIMESTAMP, events_from TIMESTAMP,
    events_until TIMESTAMP, n_users BIGINT, ndcg DOUBLE, ndcg_low DOUBLE, ndcg_high DOUBLE, hit_rate DOUBLE,
    test_ndcg DOUBLE, split VARCHAR"""

# As in int_labels, with the events that a bundle's lists were made from as the history: relevant, on an item that was
# known, and that the lists could hold; by users who had a list.
_CHOSEN = f"""
    WITH known AS (SELECT * FROM intermediate.int_interactions WHERE occurred_at <= $events_from)
    SELECT DISTINCT user_id, item_id
    FROM intermediate.int_interactions
    SEMI JOIN (SELECT DISTINCT user_id FROM shown.recommendations WHERE surface = '{FOR_YOU}') USING (user_id)
    SEMI JOIN (SELECT DISTINCT item_id FROM known) USING (item_id)
    ANTI JOIN (SELECT user_id, item_id FROM known WHERE is_consuming AND NOT is_repeatable) USING (user_id, item_id)
    WHERE occurred_at > $events_from AND ($events_until IS NULL OR occurred_at <= $events_until)
        AND relevance_label > 0 AND cancelled_at IS NULL
    ORDER BY user_id, item_id"""


@dataclass(frozen=True)
class BundleQuality:
    """One row of `health.published_quality`, a build each; in the order of its columns. Times are naive UTC.

    Attributes:
        build_id: whose lists.
        model_version: of the ranker of the bundle.
        method: what the lists are made with.
        created_at: when the bundle was made.
        events_from: the last event that it knew; those after it judge it ...
        events_until: ... up to the last event that the next bundle knew; None for the last bundle.
        n_users: who had a list and chose something relevant.
        ndcg: NDCG@10, a mean over them.
        ndcg_low: of the 95 % interval.
        ndcg_high: of the 95 % interval.
        hit_rate: the share of them with something chosen among the first ten.
        test_ndcg: NDCG@10 of the method at the test cutoff of that build.
        split: the kind of that cutoff; leave_last promises more than a forecast can hold.
    """

    build_id: str
    model_version: str
    method: str
    created_at: datetime
    events_from: datetime
    events_until: datetime | None
    n_users: int
    ndcg: float
    ndcg_low: float
    ndcg_high: float
    hit_rate: float
    test_ndcg: float | None
    split: str | None


def measure_published(config: Config, connection: duckdb.DuckDBPyConnection) -> list[BundleQuality]:
    """One row per bundle that is there and was followed by something to judge it by, the oldest first."""
    builds = list_builds(config)
    ends = [_known_until(config, connection, manifest) for manifest in builds]
    found = []
    for number, (manifest, events_from) in enumerate(zip(builds, ends, strict=True)):
        if events_from is not None:
            events_until = next((end for end in ends[number + 1 :] if end is not None), None)
            found.append(_measure(config, connection, manifest, events_from, events_until))
    return [quality for quality in found if quality is not None]


def write_published_quality(connection: duckdb.DuckDBPyConnection, measured: list[BundleQuality]) -> None:
    """Put the rows into the table; those of bundles that are gone stay."""
    with transaction(connection):
        connection.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({_COLUMNS})")
        for row in measured:
            connection.execute(f"DELETE FROM {TABLE} WHERE build_id = ?", [row.build_id])
            connection.execute(f"INSERT INTO {TABLE} VALUES ({', '.join('?' * len(astuple(row)))})", astuple(row))


def _known_until(config: Config, connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> datetime | None:
    _attach(config, connection, manifest)
    try:
        ((known_until,),) = connection.execute("SELECT max(as_of) FROM shown.recommendations").fetchall()
        return known_until if isinstance(known_until, datetime) else None
    finally:
        connection.execute("DETACH shown")


def _measure(
    config: Config,
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    events_from: datetime,
    events_until: datetime | None,
) -> BundleQuality | None:
    _attach(config, connection, manifest)
    try:
        chosen = read_frame(connection, _CHOSEN, {"events_from": events_from, "events_until": events_until})
        if chosen.is_empty():
            return None
        lists = read_frame(
            connection,
            "SELECT user_id, item_id, rank FROM shown.recommendations WHERE surface = $surface ORDER BY ALL",
            {"surface": FOR_YOU},
        )
        promised = connection.execute(
            """SELECT value, split FROM shown.model_report
               WHERE model = ? AND metric = 'ndcg' AND k = ? AND cutoff = 'test'""",
            [manifest.method, K],
        ).fetchone()
    finally:
        connection.execute("DETACH shown")
    scored = per_user_metrics(lists, chosen, K)
    ndcg = bootstrap_mean_interval(scored["ndcg"].to_numpy(), config.evaluation.bootstrap_draws, config.seed)
    test_ndcg, split = promised or (None, None)
    return BundleQuality(
        build_id=manifest.build_id,
        model_version=manifest.model_version,
        method=manifest.method,
        created_at=manifest.created_at,
        events_from=events_from,
        events_until=events_until,
        n_users=len(scored),
        ndcg=ndcg.mean,
        ndcg_low=ndcg.low,
        ndcg_high=ndcg.high,
        hit_rate=float(scored["hit_rate"].to_numpy().mean()),
        test_ndcg=test_ndcg,
        split=split,
    )


def _attach(config: Config, connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    path = str(config.published_path / manifest.build_id / DATABASE_FILE).replace("'", "''")
    connection.execute(f"ATTACH '{path}' AS shown (READ_ONLY)")
