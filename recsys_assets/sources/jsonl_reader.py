"""JSON Lines: one object a line."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

import duckdb

from recsys_assets.sources.contract import ATTRIBUTES, REJECTED, Table, canonical_name
from recsys_assets.sources.formats import InputFile, is_utf8, match_columns, open_text, readable
from recsys_assets.sources.incoming import Incoming, Source, identifier, merged_object, quoted
from recsys_assets.sources.lines import INCOMING, Columns, write_incoming

BATCH_LINES: Final = 10_000

# DuckDB takes these for numbers; they are not JSON, but Python and others write them where a number is missing.
_NOT_A_NUMBER: Final = re.compile(r"[\[:,]\s*-?(nan|inf)", re.IGNORECASE)


def check_jsonl(file: InputFile) -> None:
    """See whether any records hold the required columns; a file without records is fine.

    Raises:
        RecsysError: there are objects, but a required column is in none of them.
    """
    keys: dict[str, None] = {}
    required = set(file.table.required)
    n_objects = 0
    with open_text(file) as text:
        for line in text:
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict) and REJECTED not in record:
                n_objects += 1
                keys |= dict.fromkeys(record)
                if required <= {canonical_name(key) for key in keys}:
                    return
    if n_objects:
        match_columns(file, list(keys))


def read_jsonl(connection: duckdb.DuckDBPyConnection, file: InputFile) -> Incoming:
    """Read all lines into a temporary table; see `read_lines`.

    Raises:
        RecsysError: the file is cut short or damaged.
    """
    with open_text(file) as text:
        return read_lines(connection, file.table, text)


def read_lines(connection: duckdb.DuckDBPyConnection, table: Table, lines: Iterable[str]) -> Incoming:
    """Read lines, as `open_text` gives them, into a temporary table.

    A line that is not a JSON object in UTF-8 gets a `fault`, and so does a record that bears one already, under the
    key `REJECTED`; NaN and infinities become null; blank lines are no records.
    """
    write_incoming(connection, ["mended"], _batches(lines))
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {INCOMING} AS
        SELECT line, row_text, CASE
            WHEN unreadable IS NOT NULL THEN unreadable
            WHEN contains(record, '"{REJECTED}"') THEN json_extract_string(record, '$.{REJECTED}')
        END AS fault, CASE WHEN unreadable IS NULL THEN record END AS record
        FROM (
            SELECT line, row_text, record, CASE
                WHEN fault IS NOT NULL THEN fault
                WHEN NOT json_valid(record) THEN 'the line is not valid JSON'
                WHEN json_type(record) <> 'OBJECT' THEN 'the line is not a JSON object'
            END AS unreadable
            FROM (SELECT line, row_text, fault, coalesce(mended, row_text) AS record FROM {INCOMING})
        )"""
    )
    keys = connection.execute(
        f"SELECT DISTINCT unnest(json_keys(record)) AS key FROM {INCOMING} WHERE record IS NOT NULL ORDER BY key"
    ).fetchall()
    known = {column.name for column in table.columns} | {ATTRIBUTES}
    taken = [key for (key,) in keys if canonical_name(key) in known]
    spellings: dict[str, list[str]] = {}
    for place, key in enumerate(taken, start=1):
        field = f"fields[{place}]"
        spellings.setdefault(canonical_name(key), []).append(f"CASE WHEN json_type({field}) <> 'NULL' THEN {field} END")
    values = {name: f"coalesce({', '.join(fields)})" for name, fields in spellings.items()}
    paths = ", ".join(quoted(f"$.{identifier(key)}") for key in taken)
    own = values.pop(ATTRIBUTES, None)
    others = f"json_merge_patch(record, {quoted(json.dumps(dict.fromkeys(taken)))})"
    return Incoming(
        relation=f"(SELECT *, json_extract(record, [{paths}]::VARCHAR[]) AS fields FROM {INCOMING})",
        columns={name: Source(value, "JSON") for name, value in values.items()},
        attributes=merged_object(f"({own}->>'$')" if own else "NULL::VARCHAR", others),
    )


def _batches(lines: Iterable[str]) -> Iterator[Columns]:
    numbered = ((number, line) for number, line in enumerate(lines, start=1) if not line.isspace())
    while rows := list(islice(numbered, BATCH_LINES)):
        faults = [None if is_utf8(line) else "the line is not UTF-8 text" for _, line in rows]
        texts = [readable(line.rstrip("\r\n")) for _, line in rows]
        mended = [_without_nan(line) if _NOT_A_NUMBER.search(line) else None for line in texts]
        yield [number for number, _ in rows], faults, texts, mended


def _without_nan(line: str) -> str | None:
    try:
        return json.dumps(json.loads(line, parse_constant=lambda _: None))
    except (ValueError, RecursionError):
        return "not JSON"
