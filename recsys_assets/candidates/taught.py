"""What labels taught the candidate sources: how the fusion weighs them, and which settings ALS takes.

A build learns both and keeps them here; a refresh, which has no new labels, reads them again.
"""

import duckdb

from recsys_assets.candidates.fusion import POWERS, Fusion
from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.schema import LIVE_CUTOFF
from recsys_assets.settings import AlsAlternative

WEIGHTS = "candidates.fusion_weights"
ALS_SETTINGS = "candidates.als_settings"


def forget_weights(connection: duckdb.DuckDBPyConnection) -> None:
    """Begin anew: an empty `candidates.fusion_weights`."""
    connection.execute(
        f"CREATE OR REPLACE TABLE {WEIGHTS} (cutoff VARCHAR, source VARCHAR, power DOUBLE, weight DOUBLE)"
    )


def keep_weights(connection: duckdb.DuckDBPyConnection, cutoff: str, fusion: Fusion) -> None:
    """One row per source and power of one cutoff."""
    rows = [
        (cutoff, source, power, weight)
        for source, weights in fusion.weights.items()
        for power, weight in zip(POWERS, weights, strict=True)
    ]
    connection.executemany(f"INSERT INTO {WEIGHTS} VALUES (?, ?, ?, ?)", rows)


def read_live_weights(connection: duckdb.DuckDBPyConnection, sources: list[str]) -> Fusion:
    """How the last build weighed the sources at `live`.

    Raises:
        RecsysError: there was none, or it weighed other sources than these.
    """
    try:
        rows = connection.execute(
            f"SELECT source, list(weight ORDER BY power DESC) FROM {WEIGHTS} WHERE cutoff = ? GROUP BY source",
            [LIVE_CUTOFF],
        ).fetchall()
    except duckdb.CatalogException:
        raise RecsysError("No build has weighed the candidate sources yet: run `recsys build` once.") from None
    weights = {source: tuple(own) for source, own in rows}
    if set(weights) != set(sources):
        raise RecsysError(
            "candidates.sources has changed since the last build, and what the new ones are worth is not known: run "
            "`recsys build`."
        )
    return Fusion({source: weights[source] for source in sources})


def keep_als_settings(connection: duckdb.DuckDBPyConnection, settings: AlsAlternative) -> None:
    """Replace `candidates.als_settings`: one row."""
    connection.execute(
        f"CREATE OR REPLACE TABLE {ALS_SETTINGS} AS "
        "SELECT ?::INTEGER AS factors, ?::DOUBLE AS regularization, ?::DOUBLE AS alpha",
        [settings.factors, settings.regularization, settings.alpha],
    )


def take_als_settings(connection: duckdb.DuckDBPyConnection, config: Config) -> Config:
    """The configuration with the settings that the last build chose; as it is if there was no choice to make."""
    is_there = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE schema_name || '.' || table_name = ?", [ALS_SETTINGS]
    ).fetchone()
    if is_there == (0,):
        return config
    ((factors, regularization, alpha),) = connection.execute(f"FROM {ALS_SETTINGS}").fetchall()
    return with_als_settings(config, AlsAlternative(factors=factors, regularization=regularization, alpha=alpha))


def with_als_settings(config: Config, settings: AlsAlternative) -> Config:
    """The configuration with other settings of ALS."""
    als = config.candidates.als.model_copy(update=vars(settings))
    return config.model_copy(update={"candidates": config.candidates.model_copy(update={"als": als})})
