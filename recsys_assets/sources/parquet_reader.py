"""Parquet files, by DuckDB; `line` is the row's number in the file, from 1."""

import re

import duckdb

from recsys_assets.errors import RecsysError
from recsys_assets.sources.contract import ATTRIBUTES
from recsys_assets.sources.conversion import Family, family_of, trimmed
from recsys_assets.sources.formats import InputFile, match_columns
from recsys_assets.sources.incoming import Incoming, Source, identifier, json_object, quoted
from recsys_assets.sources.lines import INCOMING


def check_parquet(file: InputFile) -> None:
    """Read every value once, so that damage is found before the file is landed.

    Raises:
        RecsysError: it is damaged or not Parquet, or a required column is missing.
    """
    with duckdb.connect() as connection:
        match_columns(file, list(_describe(connection, file)))
        try:
            connection.execute(f"SELECT max(hash(COLUMNS(*))) FROM {scan_parquet(file)}").fetchall()
        except duckdb.Error as error:
            raise _damaged(file, error) from None


def read_parquet(connection: duckdb.DuckDBPyConnection, file: InputFile) -> Incoming:
    """Copy the file into a temporary table.

    The copy costs 0.3 s per 700,000 rows, but values must not be looked at in the file itself: DuckDB 2.0.1 believes
    its minimum and maximum, in which NaN is not counted, and finds that `isnan` is never true.

    Raises:
        RecsysError: see `check_parquet`.
    """
    types = _describe(connection, file)
    names = list(types)
    places = match_columns(file, names)
    columns = ", ".join(f"{identifier(name)} AS c{place}" for place, name in enumerate(names))
    try:
        rows = f"SELECT file_row_number + 1 AS line, {columns} FROM {scan_parquet(file)}"
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {INCOMING} AS {rows}")
    except duckdb.Error as error:
        raise _damaged(file, error) from None
    extra = [place for place in range(len(names)) if place not in places.values()]
    own = places.pop(ATTRIBUTES, None)
    members = ", ".join(f"{identifier(name)} := c{place}" for place, name in enumerate(names))
    row_text = f"to_json(struct_pack({members}))::VARCHAR"
    return Incoming(
        relation=f"(SELECT *, NULL::VARCHAR AS fault, {row_text} AS row_text FROM {INCOMING})",
        columns={name: Source(f"c{place}", types[names[place]]) for name, place in places.items()},
        attributes=json_object(
            [(names[place], _as_json(f"c{place}", types[names[place]])) for place in extra],
            own=None if own is None else _own_object(f"c{own}", types[names[own]]),
        ),
    )


def _describe(connection: duckdb.DuckDBPyConnection, file: InputFile) -> dict[str, str]:
    """The types of the file's columns by name."""
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {scan_parquet(file)}").fetchall()
    except duckdb.Error as error:
        raise _damaged(file, error) from None
    return {str(name): str(sql_type) for name, sql_type, *_ in described if name != "file_row_number"}


def scan_parquet(file: InputFile) -> str:
    """What can stand after FROM: the rows, and `file_row_number` (from 0)."""
    literal_path = re.sub(r"([\[*?])", r"[\1]", str(file.path))  # no wildcards
    return f"read_parquet({quoted(literal_path)}, file_row_number = true, hive_partitioning = false)"


def _damaged(file: InputFile, error: duckdb.Error) -> RecsysError:
    return RecsysError(f"{file.name} cannot be read as Parquet ({_first_sentence(error)}): copy or write it again.")


def _first_sentence(error: duckdb.Error) -> str:
    """What is wrong, without the path, which is that of a copy."""
    text = str(error).splitlines()[0]
    return re.sub(r"""\s*(in|for|from)?\s*(file|File)?\s*['"]/[^'"]*['"]""", "", text).rstrip(".: ")


def _as_json(column: str, sql_type: str) -> str:
    """SQL of a value as JSON; NULL for NaN and infinities, which JSON does not have."""
    if family_of(sql_type) is Family.FLOAT:
        return f"CASE WHEN isfinite({column}) THEN to_json({column}) END"
    if family_of(sql_type) is Family.TEXT:
        return f"to_json({trimmed(f'{column}::VARCHAR')})"
    if "FLOAT" in sql_type or "DOUBLE" in sql_type:
        return rf"regexp_replace(to_json({column})::VARCHAR, '([\[:,])-?(NaN|Infinity)', '\1null', 'g')"
    return f"to_json({column})"


def _own_object(column: str, sql_type: str) -> str:
    if family_of(sql_type) in (Family.TEXT, Family.JSON):
        return trimmed(f"{column}::VARCHAR")
    return f"{_as_json(column, sql_type)}::VARCHAR"
