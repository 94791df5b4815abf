"""The builds before a new one, those whose bundles retention has removed too."""

from pathlib import Path
from typing import Any

import duckdb

from recsys_assets.config import Config
from recsys_assets.publishing.manifest import DATABASE_FILE
from recsys_assets.publishing.switch import list_builds
from recsys_assets.schema import OUTPUT_KEYS, OUTPUT_TABLES


def earlier_builds(config: Config) -> list[tuple[Any, ...]]:
    """Rows for the table `builds`, the oldest first: one for every build that a bundle or a bundle's table names."""
    names = [name for name, _ in OUTPUT_TABLES["builds"]]
    rows: dict[str, tuple[Any, ...]] = {}
    for manifest in list_builds(config):
        path = config.published_path / manifest.build_id / DATABASE_FILE
        rows |= {str(row[names.index("build_id")]): row for row in _read_builds(path, names)}
        rows[manifest.build_id] = tuple(getattr(manifest, name) for name in names)
    key = [names.index(name) for name in OUTPUT_KEYS["builds"]]
    return sorted(rows.values(), key=lambda row: tuple(row[position] for position in key))


def _read_builds(path: Path, names: list[str]) -> list[tuple[Any, ...]]:
    quoted = str(path).replace("'", "''")
    with duckdb.connect() as connection:
        try:
            connection.execute(f"ATTACH '{quoted}' AS bundle (READ_ONLY)")
            return connection.execute(f"SELECT {', '.join(names)} FROM bundle.builds").fetchall()
        except duckdb.Error:
            # a bundle whose database is damaged must not stop the next one; its own row comes from its manifest
            return []
