"""The bundle in use, opened for reading."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.publishing.manifest import DATABASE_FILE, Manifest, read_manifest
from recsys_assets.publishing.switch import current_bundle


@dataclass(frozen=True)
class Bundle:
    """The bundle that was in use when it was opened; a later switch does not change it.

    Attributes:
        connection: read-only, with recsys.duckdb as its default database.
        path: the folder, by its own name and not by the link `current`.
        manifest: what the bundle says of itself.
    """

    connection: duckdb.DuckDBPyConnection
    path: Path
    manifest: Manifest

    def rows(self, query: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query, as column -> value."""
        result = self.connection.execute(query, parameters or {})
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@contextmanager
def open_bundle(config: Config) -> Iterator[Bundle]:
    """The bundle in use, closed at the end of the block. It waits for nobody: no pipeline holds a published file.

    `duckdb.connect(path)` would return the database that this process has open under the same path already, so the file
    is attached to a database in memory, under the name that it has for good.

    Raises:
        RecsysError: nothing is published yet, or the bundle cannot be read.
    """
    path = current_bundle(config)
    if path is None:
        raise RecsysError("Nothing is published yet: run `recsys load DIR` and `recsys build` first.")
    manifest = read_manifest(path)
    quoted = str(path / DATABASE_FILE).replace("'", "''")
    with duckdb.connect(config={"threads": config.threads}) as connection:
        try:
            connection.execute(f"ATTACH '{quoted}' AS bundle (READ_ONLY)")
        except duckdb.Error as error:
            raise RecsysError(
                f"The published bundle {path.name} cannot be read ({str(error).splitlines()[0]}): "
                "run `recsys rollback` to go back to the one before it."
            ) from None
        connection.execute("USE bundle")
        yield Bundle(connection, path, manifest)
