"""What a reader hands to validation: a relation of rows as they are, whatever their types."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """Where a column of the contract comes from: SQL over `Incoming.relation`, and the type of its values."""

    sql: str
    sql_type: str


@dataclass(frozen=True)
class Incoming:
    """The rows of one file, not looked into yet.

    Attributes:
        relation: what can stand after FROM. One row per row of the file: `line` (from 1; the physical line of CSV and
            JSONL, the row of Parquet), `fault` (why the row cannot be read, else NULL), `row_text` (the row as it was),
            and what `columns` and `attributes` name.
        columns: the contract's columns that the file has.
        attributes: SQL of the unknown columns as a JSON object without NULLs; NULL if nothing is in it.
    """

    relation: str
    columns: Mapping[str, Source]
    attributes: str


def quoted(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def json_object(members: Sequence[tuple[str, str]], own: str | None = None) -> str:
    """SQL of a JSON object of `members` (name, SQL of the value as JSON), NULL if all are.

    Args:
        members: those with a NULL value are left out.
        own: SQL of text that may hold a JSON object, the file's column `attributes`: its keys come in as well.
    """
    pieces = [f"{quoted(json.dumps(name, ensure_ascii=False) + ':')} || ({value})::VARCHAR" for name, value in members]
    fresh = f"nullif('{{' || concat_ws(',', {', '.join(pieces)}) || '}}', '{{}}')" if pieces else "NULL::VARCHAR"
    return merged_object(own, fresh) if own else fresh


def merged_object(own: str, fresh: str) -> str:
    """SQL of a JSON object with the keys of the text `own` and those of the JSON object `fresh`, without NULLs.

    Text that is not a JSON object stays under the key `attributes`.
    """
    as_object = (
        f"CASE WHEN try(json_type({own})) = 'OBJECT' THEN {own} ELSE '{{\"attributes\":' || to_json({own}) || '}}' END"
    )
    both = f"json_merge_patch('{{}}', coalesce({as_object}, '{{}}'), coalesce({fresh}, '{{}}'))"
    return f"nullif({both}::VARCHAR, '{{}}')"
