"""Posted rows, judged by the very rules that files are loaded by."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import duckdb

from recsys_assets.config import Config
from recsys_assets.sources.contract import REJECTED, Table, canonical_name
from recsys_assets.sources.jsonl_reader import read_lines
from recsys_assets.sources.validation import VALIDATED, validate_rows

Row = dict[str, Any]
_ATTRIBUTES: Final = "attributes"


class Judge:
    """Validates lines of JSON; for one thread. It costs about 20 ms of a core however few there are: planning."""

    def __init__(self, config: Config) -> None:
        self._connection = duckdb.connect(config={"threads": 1, "memory_limit": config.warehouse.memory_limit})
        self._connection.execute("SET TimeZone = 'UTC'")
        # optimizing takes longer than judging does: 24 ms of a core where it took 49, for 100 rows
        self._connection.execute("PRAGMA disable_optimizer")
        self._tolerance = timedelta(minutes=config.sources.future_tolerance_minutes)

    def judge(self, table: Table, lines: Sequence[str]) -> list[Row | str]:
        """What each line is worth now.

        Returns:
            one entry a line: the contract's columns (`ts` naive UTC) and `attributes` (a dict, or None), as the
            warehouse will have them; or why the row is refused.
        """
        latest = datetime.now(UTC).replace(tzinfo=None) + self._tolerance
        validate_rows(self._connection, table, read_lines(self._connection, table, lines), latest)
        names = [*(column.name for column in table.columns), _ATTRIBUTES]
        rows = self._connection.execute(f"SELECT reason, {', '.join(names)} FROM {VALIDATED} ORDER BY line").fetchall()
        return [_row(names, values) if reason is None else str(reason) for reason, *values in rows]

    def close(self) -> None:
        """Free the memory."""
        self._connection.close()


def with_value(posted: Row, line: str, column: str, value: str) -> str:
    """The line of a posted row with this value of a column, however the sender spelled its name."""
    if posted.get(column) == value:
        return line
    others = {key: given for key, given in posted.items() if canonical_name(key) != column}
    return json.dumps(others | {column: value})


def refused_line(posted: object, line: str, reason: str) -> str:
    """The line of a refused row: whenever it is loaded, it goes to the rejected rows, with this reason."""
    return json.dumps({**posted, REJECTED: reason}) if isinstance(posted, dict) else line


def _row(names: Sequence[str], values: Sequence[Any]) -> Row:
    row = dict(zip(names, values, strict=True))
    row[_ATTRIBUTES] = row[_ATTRIBUTES] and json.loads(row[_ATTRIBUTES])
    return row
