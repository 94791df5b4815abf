"""What an ingestion did, for people."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FileReport:
    """One file: rows read = accepted + rejected; a duplicate of a file loaded before is not read again."""

    table: str
    file_name: str
    rows_accepted: int
    rows_rejected: int
    already_loaded: bool = False

    @property
    def rows_read(self) -> int:
        """Rows of the file; 0 for a duplicate."""
        return self.rows_accepted + self.rows_rejected


@dataclass(frozen=True)
class RejectReason:
    """How many rows of a table were rejected for a reason; values are left out of it: `ts … is not a time`."""

    table: str
    reason: str
    rows: int


@dataclass(frozen=True)
class IngestReport:
    """One ingestion.

    Attributes:
        files: one entry a file, in the order in which they were loaded; duplicates last.
        reasons: of the rows rejected this time, the most frequent first.
        rows_left_out: of users who were forgotten; they were not even read.
        damage: what was wrong with the warehouse before, and where it is kept; None if nothing was.
    """

    files: tuple[FileReport, ...]
    reasons: tuple[RejectReason, ...]
    rows_left_out: int = 0
    damage: str | None = None

    @property
    def rows_read(self) -> int:
        """Rows of all files: accepted + rejected."""
        return sum(file.rows_read for file in self.files)

    @property
    def rows_accepted(self) -> int:
        """Rows that are now in `raw.*`."""
        return sum(file.rows_accepted for file in self.files)

    @property
    def rows_rejected(self) -> int:
        """Rows that are now in `raw.rejected_rows`."""
        return sum(file.rows_rejected for file in self.files)
