r"""SQL that turns a value of any type into what a column of the contract holds.

A conversion has three steps, each over the result of the one before, so that a refusal can name the value:
`given_sql` is the value as text, NULL if there is none (empty, blank, NaN);
`typed_sql` is what it reads as, NULL if it cannot be read;
`kept_sql` is that in the column's type, NULL if it is out of range.

Text is trimmed. Times are UTC: text with a zone or an offset is converted, text without one is UTC already (the
session's TimeZone must be UTC, as in `open_warehouse`). Numbers are seconds, milliseconds, microseconds or nanoseconds
since 1970 by their size (below 1e11, 1e14, 1e17, 1e20), but eight digits that make a date of 1900 to 2099 are that day.
A release may also be a bare year or month.
"""

from enum import Enum
from typing import Final

from recsys_assets.sources.contract import Kind

UNTYPED: Final = "untyped text"  # of CSV, where 1.0 may well be the integer 1
_BLANKS: Final = "' \t\r\n\f\v\u00a0\ufeff'"  # the characters themselves: DuckDB's E'' strings know few escapes
_NUMBER: Final = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_COMPACT_DAY: Final = r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
_TRUE: Final = "('true', 't', 'yes', 'y', 'on', '1', '1.0')"
_FALSE: Final = "('false', 'f', 'no', 'n', 'off', '0', '0.0')"

PROBLEMS: Final[dict[Kind, str]] = {
    Kind.ID: "an id",
    Kind.TEXT: "a text",
    Kind.EVENT_TYPE: "an event type",
    Kind.MOMENT: "a time",
    Kind.RELEASE: "a date",
    Kind.NUMBER: "a number",
    Kind.PROBABILITY: "a probability",
    Kind.POSITION: "a position",
    Kind.LIST: "a list",
    Kind.FLAG: "yes or no",
}


class Family(Enum):
    """DuckDB's types, as far as conversion tells them apart."""

    UNTYPED = "untyped"
    TEXT = "text"
    JSON = "json"
    BYTES = "bytes"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DAY = "day"
    LOCAL_TIME = "local time"
    ZONED_TIME = "zoned time"
    LIST = "list"
    OTHER = "other"


_NUMBERS = (Family.INTEGER, Family.FLOAT, Family.DECIMAL)
_TEXTS = (Family.UNTYPED, Family.TEXT, Family.JSON, Family.BYTES)
_TIMES = (Family.DAY, Family.LOCAL_TIME, Family.ZONED_TIME)


def family_of(sql_type: str) -> Family:
    """The family of a DuckDB type, or of `UNTYPED`."""
    if sql_type.endswith("]"):
        nested = "STRUCT" in sql_type or "MAP" in sql_type or sql_type.count("[") > 1
        return Family.OTHER if nested else Family.LIST
    word = sql_type.partition("(")[0]
    if word.lstrip("U") in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"):
        return Family.INTEGER
    return {
        UNTYPED: Family.UNTYPED,
        "VARCHAR": Family.TEXT,
        "ENUM": Family.TEXT,
        "UUID": Family.TEXT,
        "JSON": Family.JSON,
        "BLOB": Family.BYTES,
        "FLOAT": Family.FLOAT,
        "DOUBLE": Family.FLOAT,
        "DECIMAL": Family.DECIMAL,
        "BOOLEAN": Family.BOOLEAN,
        "DATE": Family.DAY,
        "TIMESTAMP": Family.LOCAL_TIME,
        "TIMESTAMP_S": Family.LOCAL_TIME,
        "TIMESTAMP_MS": Family.LOCAL_TIME,
        "TIMESTAMP_NS": Family.LOCAL_TIME,
        "TIMESTAMP WITH TIME ZONE": Family.ZONED_TIME,
    }.get(word, Family.OTHER)


def trimmed(text: str) -> str:
    """Text without blanks around it, NULL if nothing is left."""
    is_trim = f"left({text}, 1) BETWEEN '!' AND '~' AND right({text}, 1) BETWEEN '!' AND '~'"  # five times as fast
    return f"CASE WHEN {is_trim} THEN {text} ELSE nullif(trim({text}, {_BLANKS}), '') END"


def given_sql(raw: str, family: Family, kind: Kind) -> str:
    """The value as text, NULL if there is none."""
    if family is Family.FLOAT:
        return f"CASE WHEN NOT isnan({raw}) THEN {raw}::VARCHAR END"
    if family is Family.JSON:
        text = trimmed(f"({raw}->>'$')")
    elif family is Family.BYTES:
        text = trimmed(f"coalesce(try(decode({raw})), {raw}::VARCHAR)")
    elif family in (Family.UNTYPED, Family.TEXT):
        text = trimmed(f"{raw}::VARCHAR")
    else:
        return f"{raw}::VARCHAR"
    if kind in (Kind.NUMBER, Kind.PROBABILITY, Kind.POSITION):
        return f"CASE WHEN lower({text}) <> 'nan' THEN {text} END"
    return text


def typed_sql(raw: str, given: str, family: Family, kind: Kind) -> str:
    """The value in the type of `kind`, NULL where `given` is NULL or does not fit."""
    match kind:
        case Kind.ID | Kind.TEXT:
            return _text(raw, given, family, kind)
        case Kind.EVENT_TYPE:
            return f"lower({_text(raw, given, family, kind)})"
        case Kind.MOMENT | Kind.RELEASE:
            return _time(raw, given, family, kind)
        case Kind.NUMBER | Kind.PROBABILITY | Kind.POSITION:
            return _number(raw, given, family)
        case Kind.LIST:
            return _list(raw, given, family)
        case Kind.FLAG:
            if family in (*_TEXTS, *_NUMBERS, Family.BOOLEAN):
                return f"CASE WHEN lower({given}) IN {_TRUE} THEN true WHEN lower({given}) IN {_FALSE} THEN false END"
            return "NULL::BOOLEAN"


def kept_sql(typed: str, kind: Kind) -> str:
    """The value as it is kept; NULL if it is infinite, out of range, or NULL already."""
    match kind:
        case Kind.NUMBER:
            return f"CASE WHEN isfinite({typed}) THEN {typed} END"
        case Kind.PROBABILITY:
            return f"CASE WHEN {typed} > 0 AND {typed} <= 1 THEN {typed} END"
        case Kind.POSITION:
            return f"CASE WHEN {typed} >= 0 AND {typed} = floor({typed}) THEN try_cast({typed} AS INTEGER) END"
        case Kind.MOMENT | Kind.RELEASE:
            return f"CASE WHEN {typed} >= TIMESTAMP '0001-01-01' AND {typed} < TIMESTAMP '9999-12-31' THEN {typed} END"
        case Kind.LIST:
            return f"list_filter({typed}, lambda e, i: list_position({typed}, e) = i)"  # each name once, in order
        case _:
            return typed


def _text(raw: str, given: str, family: Family, kind: Kind) -> str:
    if family in (Family.FLOAT, Family.DECIMAL):
        return f"CASE WHEN isfinite({raw}::DOUBLE) THEN {_number_text(given)} END"
    if family is Family.UNTYPED and kind is not Kind.TEXT:
        return rf"CASE WHEN regexp_full_match({given}, '-?(0|[1-9]\d*)\.0') THEN {given}[:-3] ELSE {given} END"
    if family is Family.JSON:
        return (
            f"CASE json_type({raw}) WHEN 'VARCHAR' THEN {given} WHEN 'BIGINT' THEN {given} WHEN 'UBIGINT' THEN {given} "
            f"WHEN 'DOUBLE' THEN {_number_text(given)} END"
        )
    if family in (*_TEXTS, Family.INTEGER, *_TIMES):
        return given
    return "NULL::VARCHAR"


def _number_text(given: str) -> str:
    """A number as people write it: 1.0 and 1e0 are `1`."""
    return (
        rf"CASE WHEN regexp_full_match({given}, '-?\d+\.0*') THEN regexp_replace({given}, '\.0*$', '') "
        rf"WHEN {given} ILIKE '%e+%' THEN coalesce(try_cast(try_cast({given} AS DOUBLE) AS HUGEINT)::VARCHAR, {given}) "
        rf"ELSE {given} END"
    )


def _number(raw: str, given: str, family: Family) -> str:
    if family in _NUMBERS:
        return f"CASE WHEN {given} IS NOT NULL THEN {raw}::DOUBLE END"
    if family in _TEXTS:
        return f"CASE WHEN regexp_full_match({given}, '{_NUMBER}') THEN try_cast({given} AS DOUBLE) END"
    return "NULL::DOUBLE"


def _time(raw: str, given: str, family: Family, kind: Kind) -> str:
    if family is Family.ZONED_TIME:
        return f"({raw} AT TIME ZONE 'UTC')"
    if family in (Family.DAY, Family.LOCAL_TIME):
        return f"{raw}::TIMESTAMP"
    if family not in (*_TEXTS, *_NUMBERS):
        return "NULL::TIMESTAMP"
    day = f"try_strptime({given}[:8], '%Y%m%d')::TIMESTAMP"
    year = f"make_timestamp({given}[:4]::BIGINT, 1, 1, 0, 0, 0)"
    cases = {
        rf"regexp_full_match({given}, '{_COMPACT_DAY}(\.0)?')": day,
        f"regexp_full_match({given}, '{_NUMBER}')": _epoch(f"try_cast({given} AS DOUBLE)"),
        f"{given}[1] BETWEEN '0' AND '9'": f"try_cast({given} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'",
    }
    if kind is Kind.RELEASE:
        cases = {
            rf"regexp_full_match({given}, '[12]\d\d\d(\.0)?')": year,
            rf"regexp_full_match({given}, '\d\d\d\d-\d\d')": f"try_cast({given} || '-01' AS TIMESTAMP)",
            **cases,
        }
    return f"CASE {' '.join(f'WHEN {condition} THEN {value}' for condition, value in cases.items())} END"


def _epoch(number: str) -> str:
    """A number since 1970 as a time; which unit it counts follows from its size."""
    units = (("1e11", "1e6"), ("1e14", "1e3"), ("1e17", "1"), ("1e20", "1e-3"))
    cases = " ".join(f"WHEN abs({number}) < {below} THEN {number} * {micros}" for below, micros in units)
    return f"make_timestamp(round(CASE {cases} END)::BIGINT)"


def _list(raw: str, given: str, family: Family) -> str:
    from_json = (
        "CASE WHEN len(list_filter(json_extract({0}, '$[*]'), lambda e: json_type(e) IN ('ARRAY', 'OBJECT'))) = 0 "
        "THEN list_transform(json_extract({0}, '$[*]'), lambda e: e->>'$') END"
    )
    from_text = (
        f"CASE WHEN NOT ({given}[1] = '[' AND {given}[-1] = ']') THEN string_split({given}, '|') "
        f"WHEN try(json_type({given})) = 'ARRAY' THEN {from_json.format(given)} "
        f"ELSE try_cast({given} AS VARCHAR[]) END"
    )
    if family is Family.LIST:
        names = f"{raw}::VARCHAR[]"
    elif family is Family.JSON:
        names = (
            f"CASE json_type({raw}) WHEN 'ARRAY' THEN {from_json.format(raw)} WHEN 'OBJECT' THEN NULL "
            f"WHEN 'BOOLEAN' THEN NULL ELSE {from_text} END"
        )
    elif family in _TEXTS:
        names = from_text
    elif family in _NUMBERS:
        names = f"CASE WHEN {given} IS NOT NULL THEN [{_text(raw, given, family, Kind.ID)}] END"
    else:
        return "NULL::VARCHAR[]"
    return f"list_filter(list_transform({names}, lambda e: {trimmed('e')}), lambda e: e IS NOT NULL)"
