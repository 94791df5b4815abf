"""What assets are given: the settings and the warehouse."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import duckdb

from recsys_assets.config import Config, load_config
from recsys_assets.warehouse import open_warehouse

POOL = "duckdb_warehouse"
OWNERS = ["team:recsys"]


class Settings(dg.ConfigurableResource):
    """The configuration, read when a run starts and not on import."""

    def config(self) -> Config:
        """The configuration of this run."""
        return load_config()

    @contextmanager
    def warehouse(self, *schemas: str) -> Iterator[tuple[Config, duckdb.DuckDBPyConnection]]:
        """The configuration and an open warehouse in which `schemas` exist."""
        config = self.config()
        with open_warehouse(config) as connection:
            for schema in schemas:
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            yield config, connection
