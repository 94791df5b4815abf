"""Physical lines of a text file, counted, with a way to go back; and rows on their way into DuckDB."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TextIO

import duckdb
import pyarrow as pa

from recsys_assets.sources.formats import is_utf8, readable

INCOMING: Final = "incoming_rows"  # the temporary table of the file being read
INSERTED_ROWS: Final = 50_000  # at a time

Columns = Sequence[Sequence[int | str | None]]


class CountedLines(Iterator[str]):
    """Lines of a text file; those taken since the last `start_record` make up the record being read."""

    def __init__(self, text: TextIO) -> None:
        self._lines = iter(text)
        self._returned: deque[str] = deque()
        self._record: list[str] = []
        self.first_line = 1  # of the record

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else next(self._lines)
        self._record.append(line)
        return line

    def start_record(self) -> None:
        """What comes next is another record."""
        self.first_line += len(self._record)
        self._record.clear()

    def keep_only_first(self) -> None:
        """The record ends with its first line: the others will be read again."""
        self._returned.extendleft(reversed(self._record[1:]))
        del self._record[1:]

    def peek(self, n_lines: int) -> list[str]:
        """Up to as many of the lines that come next, which stay there; none of a record must have been taken."""
        self._returned.extend(islice(self._lines, max(0, n_lines - len(self._returned))))
        return list(islice(self._returned, n_lines))

    def skip(self, n_lines: int) -> None:
        """Pass over lines that `peek` gave."""
        for _ in range(n_lines):
            self._returned.popleft()
        self.first_line += n_lines

    @property
    def n_lines(self) -> int:
        """How many lines the record spans."""
        return len(self._record)

    @property
    def is_utf8(self) -> bool:
        """Whether all of the record is."""
        return is_utf8("".join(self._record))

    @property
    def text(self) -> str:
        r"""The record as it is in the file, without its last line end; bytes that are not UTF-8 as `\xff`."""
        return readable("".join(self._record).rstrip("\r\n"))


def stripped_lines(lines: Sequence[str]) -> list[str]:
    """Lines of UTF-8 text without their ends."""
    return [line.rstrip("\r\n") for line in lines]


def write_incoming(connection: duckdb.DuckDBPyConnection, columns: Iterable[str], batches: Iterator[Columns]) -> None:
    """Fill the temporary table `INCOMING`: line, fault, row_text, and a text for each of `columns`.

    Args:
        connection: where the table is made.
        columns: names of what comes after `row_text`.
        batches: values of some rows, column by column.
    """
    schema = pa.schema([("line", pa.int64()), *((name, pa.string()) for name in ("fault", "row_text", *columns))])
    connection.register("incoming_batch", schema.empty_table())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {INCOMING} AS SELECT * FROM incoming_batch")
    waiting: list[pa.RecordBatch] = []

    def insert() -> None:
        connection.register("incoming_batch", pa.Table.from_batches(waiting, schema))
        connection.execute(f"INSERT INTO {INCOMING} SELECT * FROM incoming_batch")
        waiting.clear()

    for batch in batches:
        arrays = [pa.array(values, field.type) for values, field in zip(batch, schema, strict=True)]
        waiting.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
        if sum(len(rows) for rows in waiting) >= INSERTED_ROWS:
            insert()
    insert()
    connection.unregister("incoming_batch")
