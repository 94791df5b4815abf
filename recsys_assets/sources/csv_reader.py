"""CSV files, by Python's csv module: unlike DuckDB's reader it keeps the physical line and the text of every record."""

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import duckdb

from recsys_assets.errors import RecsysError
from recsys_assets.sources.contract import ATTRIBUTES, canonical_name
from recsys_assets.sources.conversion import UNTYPED, trimmed
from recsys_assets.sources.formats import InputFile, is_utf8, match_columns, open_text
from recsys_assets.sources.incoming import Incoming, Source, json_object
from recsys_assets.sources.lines import INCOMING, Columns, CountedLines, stripped_lines, write_incoming

DELIMITERS: Final = (",", ";", "\t", "|")
BATCH_LINES: Final = 2_000
LONGEST_FIELD: Final = 1 << 20  # characters; also how far the search for a quote's end goes


@dataclass(frozen=True)
class Header:
    """The first record of a CSV file: the names as they stand there, and what parts them."""

    names: tuple[str, ...]
    delimiter: str


def read_header(file: InputFile) -> Header:
    """The header, by the delimiter that shows all required columns.

    Raises:
        RecsysError: there is no header, it is not UTF-8 text, a required column is missing, or a name stands twice.
    """
    headers = [Header(_first_record(file, delimiter), delimiter) for delimiter in DELIMITERS]
    required = set(file.table.required)
    fitting = [header for header in headers if required <= {canonical_name(name) for name in header.names}]
    header = max(fitting or headers, key=lambda header: len(header.names))
    match_columns(file, header.names)
    twice = [name for name, n in Counter(filter(None, map(str.strip, header.names))).items() if n > 1]
    if twice:
        raise RecsysError(f"{file.name} has the column {twice[0]} twice: rename or remove one of them.")
    return header


def read_csv(connection: duckdb.DuckDBPyConnection, file: InputFile) -> Incoming:
    """Read all records into a temporary table.

    A record that cannot be parsed, is not UTF-8, or has too many or too few fields gets a `fault`. Where a quote is not
    closed, only the physical line where it opens is lost. Blank lines are no records.

    Raises:
        RecsysError: see `read_header`; or the file is cut short or damaged.
    """
    header = read_header(file)
    names = [name.strip() or f"column_{place}" for place, name in enumerate(header.names, start=1)]
    write_incoming(connection, [f"c{place}" for place in range(len(names))], _batches(file, header))
    places = match_columns(file, header.names)
    extra = [place for place in range(len(names)) if place not in places.values()]
    return Incoming(
        relation=INCOMING,
        columns={name: Source(f"c{place}", UNTYPED) for name, place in places.items() if name != ATTRIBUTES},
        attributes=json_object(
            [(names[place], f"to_json({trimmed(f'c{place}')})") for place in extra],
            own=trimmed(f"c{places[ATTRIBUTES]}") if ATTRIBUTES in places else None,
        ),
    )


@contextmanager
def _bounded_fields() -> Iterator[None]:
    """The csv module's limit, which is global, for as long as a file is read."""
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _first_record(file: InputFile, delimiter: str) -> tuple[str, ...]:
    with _bounded_fields(), open_text(file) as text:
        lines = CountedLines(text)
        try:
            fields = next(filter(_has_text, csv.reader(lines, delimiter=delimiter)), None)
        except csv.Error:
            fields = []
        if not lines.is_utf8 or "\0" in lines.text:
            raise RecsysError(f"{file.name} is not UTF-8 text: save it as UTF-8.")
    if fields is None:
        raise RecsysError(f"{file.name} is empty: it needs a header line with {', '.join(file.table.required)}.")
    return tuple(fields)


def _batches(file: InputFile, header: Header) -> Iterator[Columns]:
    """All records, column by column: by the batch where a line is a record and nothing is wrong, else one by one."""
    with _bounded_fields(), open_text(file) as text:
        lines = CountedLines(text)
        next(filter(_has_text, csv.reader(lines, delimiter=header.delimiter)))  # the header
        lines.start_record()
        while batch := lines.peek(BATCH_LINES):
            first_line = lines.first_line
            if (records := _plain_records(batch, header)) is not None:
                lines.skip(len(batch))
                nothing = [None] * len(batch)
                numbers = range(first_line, lines.first_line)
                yield numbers, nothing, stripped_lines(batch), *zip(*records, strict=True)
            elif rows := list(_any_records(lines, header, first_line + len(batch))):
                yield [*zip(*rows, strict=True)]


def _plain_records(batch: list[str], header: Header) -> list[list[str]] | None:
    """The fields of each line, if each is one sound record."""
    if not is_utf8("".join(batch)):
        return None
    try:
        records = list(csv.reader(batch, delimiter=header.delimiter, strict=True))
    except csv.Error:
        return None
    width = len(header.names)
    if (
        len(records) != len(batch)
        or set(map(len, records)) != {width}
        or (width == 1 and not all(map(_has_text, records)))
    ):
        return None
    return records


def _any_records(lines: CountedLines, header: Header, until_line: int) -> Iterator[tuple[int | str | None, ...]]:
    """Line, fault, text and fields of each record that starts before a line; blank lines are no records."""
    width = len(header.names)
    nothing = (None,) * width
    for fields, csv_fault in _records(lines, header.delimiter):
        fault = csv_fault
        is_blank = not lines.text.strip(" ")
        if fault is None and not is_blank:
            if not lines.is_utf8:
                fault = "the line is not UTF-8 text"
            elif len(fields) != width and lines.n_lines > 1:
                fault = "a quote is not closed"  # one further down only looked like its end
                lines.keep_only_first()
            elif len(fields) != width:
                fault = f"the line has {len(fields)} fields where the header has {width}"
        if not is_blank:
            yield lines.first_line, fault, lines.text, *(nothing if fault else fields)
        lines.start_record()
        if lines.first_line >= until_line:
            return


def _has_text(fields: list[str]) -> bool:
    return any(field.strip() for field in fields)


def _records(lines: CountedLines, delimiter: str) -> Iterator[tuple[list[str], str | None]]:
    """Fields and fault of each record, which the caller ends with `lines.start_record()`."""
    at_end = False
    while not at_end:
        try:
            for fields in csv.reader(lines, delimiter=delimiter, strict=True):
                yield fields, None
            at_end = True
        except csv.Error as error:
            if lines.n_lines > 1:
                fault = "a quote is not closed"
            elif "field limit" in str(error):
                fault = f"a field is longer than {LONGEST_FIELD} characters"
            elif "end of data" in str(error):
                fault = "a quote is not closed"
            else:
                fault = "a quote inside a quoted field is not doubled"
            lines.keep_only_first()
            yield [], fault
