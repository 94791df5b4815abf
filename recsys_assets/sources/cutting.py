"""Input files without the rows of users who were forgotten; the same rows cut give the same bytes."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, cast

import duckdb

from recsys_assets.sources.contract import Table
from recsys_assets.sources.forgotten import Forgotten
from recsys_assets.sources.formats import Format, InputFile, open_text
from recsys_assets.sources.parquet_reader import scan_parquet
from recsys_assets.sources.readers import read_file
from recsys_assets.sources.validation import VALIDATED, validate_rows

_ANY_TIME: Final = datetime(9999, 12, 30)
_ROW_GROUP: Final = 122_880


@dataclass(frozen=True)
class Cut:
    """Lines of a file that are to go, each from `first` to before `end`: the physical lines of a record, or its row."""

    ranges: tuple[tuple[int, int], ...]

    @property
    def n_rows(self) -> int:
        """Records that are cut."""
        return len(self.ranges)


def has_users(table: Table) -> bool:
    """Whether rows of a table belong to users."""
    return any(column.name == "user_id" for column in table.columns)


def find_forgotten_rows(file: InputFile, forgotten: Forgotten) -> Cut:
    """The rows of forgotten users.

    A row is a user's by its `user_id` as the warehouse takes it, whether or not the row was accepted. Of a row whose
    user cannot be read (a malformed line, a missing field) the text decides: it goes if it names a forgotten user.

    Raises:
        RecsysError: the file cannot be read.
    """
    if not forgotten.users or not has_users(file.table):
        return Cut(())
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        incoming = read_file(connection, file)
        validate_rows(connection, file.table, incoming, _ANY_TIME)
        users = connection.execute(f"SELECT DISTINCT user_id FROM {VALIDATED} WHERE user_id IS NOT NULL").fetchall()
        unreadable = connection.execute(
            f"SELECT line, row_text FROM {incoming.relation} "
            f"WHERE line IN (SELECT line FROM {VALIDATED} WHERE user_id IS NULL)"
        ).fetchall()
        found = connection.execute(
            f"""SELECT line, next_line FROM (
                SELECT line, user_id, lead(line, 1, {2**62}) OVER (ORDER BY line) AS next_line FROM {VALIDATED})
            WHERE user_id IN (SELECT unnest($users)) OR line IN (SELECT unnest($lines)) ORDER BY line""",
            {
                "users": [user_id for (user_id,) in users if forgotten.holds(user_id)],
                "lines": [line for line, text in unreadable if forgotten.is_named_in(text)],
            },
        ).fetchall()
    return Cut(tuple((first, end) for first, end in found))


def write_without(file: InputFile, cut: Cut, target: Path) -> None:
    """Write the file without the lines of `cut`; what stays keeps its order, and its bytes or values."""
    if file.format is Format.PARQUET:
        _write_parquet_without(file, cut, target)
        return
    gone = iter(cut.ranges)
    first, end = next(gone, (0, 0))
    with open_text(file) as lines, _open_target(file, target) as out:
        for number, line in enumerate(lines, start=1):
            while end and number >= end:
                first, end = next(gone, (0, 0))
            if not first <= number < end:
                out.write(line.encode("utf-8", "surrogateescape"))


@contextmanager
def _open_target(file: InputFile, target: Path) -> Iterator[BinaryIO]:
    with target.open("wb") as plain:
        if file.is_gzipped:  # without time and name, which gzip would else keep
            with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=plain, mtime=0) as packed:
                yield cast(BinaryIO, packed)
        else:
            yield plain


def _write_parquet_without(file: InputFile, cut: Cut, target: Path) -> None:
    """One thread, so that the same rows give the same bytes."""
    quoted = str(target).replace("'", "''")
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"""COPY (
                SELECT * EXCLUDE (file_row_number) FROM {scan_parquet(file)}
                WHERE file_row_number + 1 NOT IN (SELECT unnest($lines)) ORDER BY file_row_number
            ) TO '{quoted}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP})""",
            {"lines": [first for first, _ in cut.ranges]},
        )
