"""The input contract: which tables there are, and what each of their columns must hold."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Kind(Enum):
    """What a column holds; the value is the DuckDB type that it has in `raw.*`."""

    ID = ("id", "VARCHAR")
    TEXT = ("text", "VARCHAR")
    EVENT_TYPE = ("event_type", "VARCHAR")  # lower case
    MOMENT = ("moment", "TIMESTAMP")  # something that happened: not in the future
    RELEASE = ("release", "TIMESTAMP")  # may be announced, and may be a bare year
    NUMBER = ("number", "DOUBLE")
    PROBABILITY = ("probability", "DOUBLE")
    POSITION = ("position", "INTEGER")
    LIST = ("list", "VARCHAR[]")
    FLAG = ("flag", "BOOLEAN")

    @property
    def sql_type(self) -> str:
        """The DuckDB type of the column in its raw table."""
        return self.value[1]


@dataclass(frozen=True)
class Column:
    """One column of the contract; `default` is the SQL of what stands where a row has no value."""

    name: str
    kind: Kind
    required: bool = False
    default: str = "NULL"


@dataclass(frozen=True)
class Table:
    """One table of the contract; of rows with one id in `unique_column` the first seen stays, others are refused."""

    name: str
    columns: tuple[Column, ...]
    unique_column: str | None = None

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that every file must have, and every row a value for."""
        return tuple(column.name for column in self.columns if column.required)


# Also the order in which tables are loaded.
TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        Table(
            "items",
            (
                Column("item_id", Kind.ID, required=True),
                Column("title", Kind.TEXT),
                Column("categories", Kind.LIST, default="[]"),
                Column("creators", Kind.LIST, default="[]"),
                Column("released_at", Kind.RELEASE),
                Column("price", Kind.NUMBER),
                Column("description", Kind.TEXT),
                Column("available", Kind.FLAG, default="true"),
            ),
        ),
        Table("users", (Column("user_id", Kind.ID, required=True),)),
        Table(
            "impressions",
            (
                Column("list_id", Kind.ID, required=True),
                Column("user_id", Kind.ID, required=True),
                Column("item_id", Kind.ID, required=True),
                Column("position", Kind.POSITION, required=True),
                Column("ts", Kind.MOMENT, required=True),
                Column("surface", Kind.TEXT),
                Column("propensity", Kind.PROBABILITY),
            ),
        ),
        Table(
            "events",
            (
                Column("user_id", Kind.ID, required=True),
                Column("item_id", Kind.ID, required=True),
                Column("ts", Kind.MOMENT, required=True),
                Column("event_type", Kind.EVENT_TYPE, default="'view'"),
                Column("value", Kind.NUMBER),
                Column("session_id", Kind.ID),
                Column("event_id", Kind.ID),
            ),
            unique_column="event_id",
        ),
    )
}

# A column of this name holds a JSON object, a struct or a map, whose keys join those of the unknown columns.
ATTRIBUTES: Final = "attributes"

# A JSON record with this key was refused when it was posted, and says why: it is refused again, whenever it is loaded.
REJECTED: Final = "rejected_on_arrival"


def canonical_name(header: str) -> str:
    """A column's name as the contract spells it: ` User ID ` is `user_id`."""
    return re.sub(r"[\s-]+", "_", header.strip().lower())
