"""From rows as they are to rows of the contract, each either accepted or refused with a reason."""

from datetime import datetime
from typing import Final

import duckdb

from recsys_assets.sources.contract import Column, Kind, Table
from recsys_assets.sources.conversion import PROBLEMS, family_of, given_sql, kept_sql, typed_sql
from recsys_assets.sources.incoming import Incoming, identifier, quoted

VALIDATED: Final = "validated_rows"  # the temporary table of the file being loaded
_LONGEST_VALUE: Final = 60  # characters of a value that a reason quotes


def validate_rows(connection: duckdb.DuckDBPyConnection, table: Table, incoming: Incoming, latest: datetime) -> None:
    """Fill the temporary table `VALIDATED`: line, reason (NULL if accepted), the contract's columns, attributes.

    Grain: one row per row of the file. Of several faults of a row the first, in the contract's order, is the reason.

    Args:
        connection: the one that `incoming` was read in; its TimeZone is UTC.
        table: the contract.
        incoming: what a reader gave.
        latest: naive UTC; what happened after it is in the future.
    """
    given, typed, kept, columns, reasons = [], [], [], [], ["fault"]
    for column in table.columns:
        name, kind = column.name, column.kind
        if source := incoming.columns.get(name):
            family = family_of(source.sql_type)
            given += [f"{source.sql} AS raw_{name}", f"{given_sql(source.sql, family, kind)} AS given_{name}"]
            typed += [f"given_{name}", f"{typed_sql(f'raw_{name}', f'given_{name}', family, kind)} AS typed_{name}"]
            kept += [f"given_{name}", f"{kept_sql(f'typed_{name}', kind)} AS kept_{name}"]
            columns.append(f"coalesce(kept_{name}, {column.default})::{kind.sql_type} AS {identifier(name)}")
            reasons += _reasons(column, latest)
        else:
            columns.append(f"{column.default}::{kind.sql_type} AS {identifier(name)}")
            reasons += [quoted(f"{name} is missing")] * column.required
    given = ["line", "fault", f"{incoming.attributes} AS attributes", *given]
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {VALIDATED} AS
        WITH given AS (SELECT {", ".join(given)} FROM {incoming.relation}),
        typed AS (SELECT {", ".join(["line", "fault", "attributes", *typed])} FROM given),
        kept AS (SELECT {", ".join(["line", "fault", "attributes", *kept])} FROM typed)
        SELECT line, coalesce({", ".join(reasons)}) AS reason, {", ".join(columns)}, attributes FROM kept"""
    )


def _reasons(column: Column, latest: datetime) -> list[str]:
    """SQL of why the column's value is refused, each NULL if it is not."""
    given, kept = f"given_{column.name}", f"kept_{column.name}"
    value = rf"CASE WHEN length({given}) > {_LONGEST_VALUE} THEN {given}[:{_LONGEST_VALUE - 1}] || '…' ELSE {given} END"
    value = rf"'{column.name} ''' || regexp_replace({value}, '\s+', ' ', 'g') || '''"
    reasons = []
    if column.required:
        reasons.append(f"CASE WHEN {given} IS NULL THEN {quoted(f'{column.name} is missing')} END")
    problem = f" is not {PROBLEMS[column.kind]}'"
    reasons.append(f"CASE WHEN {given} IS NOT NULL AND {kept} IS NULL THEN {value}{problem} END")
    if column.kind is Kind.MOMENT:
        reasons.append(
            f"CASE WHEN {kept} > TIMESTAMP {quoted(latest.isoformat(sep=' '))} THEN {value} is in the future' END"
        )
    return reasons
