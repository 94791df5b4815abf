"""Files that wait for a run: landed and not loaded yet, or complete in the inbox."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from recsys_assets.config import Config
from recsys_assets.sources.inbox import InboxFile, list_inbox
from recsys_assets.sources.landing_area import LandedFile, list_landed


@dataclass(frozen=True)
class Waiting:
    """What a run would take in.

    Attributes:
        landed: files of the landing folder that are not in the ledger.
        inbox: complete files of the inbox.
        n_unfinished: files of the inbox about which something changed a moment ago.
        since: naive UTC, when the first of all these came; None if there is none.
    """

    landed: tuple[LandedFile, ...]
    inbox: tuple[InboxFile, ...]
    n_unfinished: int
    since: datetime | None

    @property
    def n_files(self) -> int:
        """Landed ones, and complete ones of the inbox."""
        return len(self.landed) + len(self.inbox)

    @property
    def fingerprint(self) -> str:
        """16 hex digits: the same for the same files in the same state, in any order."""
        parts = [str(file.path) for file in self.landed] + [f"{file.path} {file.state}" for file in self.inbox]
        return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:16]

    def describe(self) -> str:
        """As a person reads it: `2 landed files and 1 in the inbox`."""
        landed = f"{len(self.landed)} landed file{'' if len(self.landed) == 1 else 's'}" if self.landed else ""
        inbox = f"{len(self.inbox)} file{'' if len(self.inbox) == 1 else 's'} in the inbox" if self.inbox else ""
        return " and ".join(filter(None, (landed, inbox))) or "no file"


def find_waiting(config: Config, connection: duckdb.DuckDBPyConnection | None, now: datetime) -> Waiting:
    """Look into both folders; `connection` is of the warehouse, None where there is none yet.

    Raises:
        RecsysError: something lies in the landing folder that was not landed.
    """
    loaded = set() if connection is None else _read_ledger(connection)
    landed = [file for file in list_landed(config) if file.path.relative_to(config.home).as_posix() not in loaded]
    inbox = list_inbox(config, now)
    complete = [file for file in inbox if file.is_complete]
    moments = [file.path.stat().st_mtime for file in landed] + [file.changed_at for file in complete]
    since = datetime.fromtimestamp(min(moments), UTC).replace(tzinfo=None) if moments else None
    return Waiting(tuple(landed), tuple(complete), len(inbox) - len(complete), since)


def _read_ledger(connection: duckdb.DuckDBPyConnection) -> set[str]:
    there = "SELECT 1 FROM information_schema.tables WHERE table_schema = 'raw' AND table_name = 'files'"
    if connection.execute(there).fetchone() is None:
        return set()
    return {path for (path,) in connection.execute("SELECT landed_path FROM raw.files").fetchall()}
