"""What assets are given: the settings and the warehouse."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import duckdb

from recsys_assets.config import Config, load_config
from recsys_assets.locks import building_lock
from recsys_assets.warehouse import open_warehouse

POOL = "duckdb_warehouse"
OWNERS = ["team:recsys"]


class Cutoffs(dg.Config):
    """Which cutoffs a step makes.

    Attributes:
        live_only: `live` alone, as a refresh does; the labelled ones stay as the models were trained on them.
    """

    live_only: bool = False


class SettingsBesideBuilds(dg.ConfigurableResource):
    """The configuration, read when a run starts and not on import; for runs that builds go on beside."""

    def config(self) -> Config:
        """The configuration of this run."""
        return load_config()

    @contextmanager
    def warehouse(self, *schemas: str) -> Iterator[tuple[Config, duckdb.DuckDBPyConnection]]:
        """The configuration and an open warehouse in which `schemas` exist; no build's steps go on meanwhile."""
        config = self.config()
        with building_lock(config), open_warehouse(config) as connection:
            for schema in schemas:
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            yield config, connection


class Settings(SettingsBesideBuilds):
    """The same, and the home held for this run alone to its end.

    Dagster's pool lets one run of its queue at a time at the warehouse. Runs of the command line know no queue, so the
    lock is what keeps the steps of any two runs apart.
    """

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Settings"]:
        """Hold the home while the run lasts: steps run in one process, which sets this up once."""
        log = context.log
        with building_lock(self.config(), lambda line: log.info(line.strip()) if log else None):
            yield self
