"""What is known of the model in use, read from the warehouse and the models folder."""

from datetime import datetime

import duckdb

from recsys_assets.config import Config
from recsys_assets.ranking.training_record import Training, read_training
from recsys_assets.upkeep.published_quality import TABLE
from recsys_assets.upkeep.retraining import Drift, ModelState, Quality
from recsys_assets.warehouse import count_rows

DRIFT_TABLE = "evaluation.feature_drift"


def read_model_state(config: Config, connection: duckdb.DuckDBPyConnection, now: datetime) -> ModelState:
    """The state that `reasons_to_retrain` judges; `now` is naive UTC."""
    training = read_training(config)
    return ModelState(
        now=now,
        trained_at=training.trained_at if training else None,
        n_events_then=training.n_events if training else None,
        n_events_now=count_rows(connection, "raw.events") if table_exists(connection, "raw.events") else None,
        quality=_read_quality(connection, training, config.retraining.min_users) if training else None,
        drift=_read_drift(connection, config.gates.max_psi_ratio),
    )


def table_exists(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether the warehouse has a table or view `schema.table`."""
    schema, _, name = table.partition(".")
    query = "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?"
    return connection.execute(query, [schema, name]).fetchone() is not None


def _read_quality(connection: duckdb.DuckDBPyConnection, training: Training, min_users: int) -> Quality | None:
    """Of the latest bundle since the training that enough users judged, on data whose test is a forecast."""
    if not table_exists(connection, TABLE):
        return None
    found = connection.execute(
        f"""SELECT ndcg, ndcg_high, test_ndcg, n_users FROM {TABLE}
            WHERE created_at >= ? AND n_users >= ? AND test_ndcg IS NOT NULL AND split = 'temporal'
            ORDER BY created_at DESC, build_id DESC LIMIT 1""",
        [training.trained_at, min_users],
    ).fetchone()
    return None if found is None else Quality(*found)


def _read_drift(connection: duckdb.DuckDBPyConnection, max_psi_ratio: float) -> Drift | None:
    """Of the features that moved beyond what is usual for them, and beyond what the build itself found."""
    if not table_exists(connection, DRIFT_TABLE):
        return None
    found = connection.execute(
        f"""SELECT feature, psi FROM {DRIFT_TABLE}
            WHERE isfinite(psi) AND psi > $ratio * coalesce(greatest(psi_usual, psi_at_build), 0)
            ORDER BY psi DESC, feature LIMIT 1""",
        {"ratio": max_psi_ratio},
    ).fetchone()
    return None if found is None else Drift(*found)
