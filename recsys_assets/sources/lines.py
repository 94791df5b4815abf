"""Physical lines of a text file, counted, with a way to go back; and rows on their way into DuckDB."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TextIO

import duckdb
import pyarrow as pa

from recsys_assets.sources.formats import is_utf8, readable

INCOMING: Final = "incoming_rows"  # the temporary table of the file being read
BATCH_ROWS: Final = 50_000


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

    @property
    def n_lines(self) -> int:
        """How many lines the record spans."""
        return len(self._record)

    @property
    def is_utf8(self) -> bool:
        """Whether all of the record is."""
        return all(is_utf8(line) for line in self._record)

    @property
    def text(self) -> str:
        r"""The record as it is in the file, without its last line end; bytes that are not UTF-8 as `\xff`."""
        return readable("".join(self._record).rstrip("\r\n"))


def write_incoming(
    connection: duckdb.DuckDBPyConnection, columns: Iterable[str], rows: Iterator[tuple[int | str | None, ...]]
) -> None:
    """Fill the temporary table `INCOMING` with `rows`: line, fault, row_text, and one text for each of `columns`."""
    schema = pa.schema([("line", pa.int64()), *((name, pa.string()) for name in ("fault", "row_text", *columns))])
    connection.register("incoming_batch", schema.empty_table())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {INCOMING} AS SELECT * FROM incoming_batch")
    while batch := list(islice(rows, BATCH_ROWS)):
        arrays = [pa.array(values, field.type) for values, field in zip(zip(*batch, strict=True), schema, strict=True)]
        connection.register("incoming_batch", pa.Table.from_arrays(arrays, schema=schema))
        connection.execute(f"INSERT INTO {INCOMING} SELECT * FROM incoming_batch")
    connection.unregister("incoming_batch")
