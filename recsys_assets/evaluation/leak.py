"""The pure part of the proof that no feature sees its future: change the future, build again, demand the same rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from recsys_assets.errors import RecsysError
from recsys_assets.warehouse import transaction

REPLACED_SHARE = 0.1


@dataclass(frozen=True)
class TableDifference:
    """A table whose rows of one cutoff differ between two warehouses; rows are counted with their repetitions."""

    table: str
    only_in_a: int
    only_in_b: int


def scramble_future(
    connection: duckdb.DuckDBPyConnection, cutoff: str, seed: int, cancelling_types: Collection[str] = ("return",)
) -> int:
    """Change, in place and decided by `seed`, everything in `raw.events` that is not visible at `cutoff`.

    Temporal split: the future is every event at or after the cutoff's instant. Its rows swap users, items, sessions,
    attributes, and pairs of event type and value among each other, and a tenth of them get a user and an item that did
    not exist. As a row's time stays and everything else in it moves, this also swaps the times of events, drops events
    and adds new ones.

    Leave-last split: the future is every event at or after the time of its user's first held-out one. Users stay, since
    each user's number of events decides what is held out; everything else is changed as above.

    What stays does so for a reason: the proof compares the rows that a cutoff makes visible, so the cutoffs themselves
    must not move.
    - the number of events and their times, from which temporal cutoffs are counted (leave-last: a user's own);
    - which rows cancel another event, since those are not counted: a row of `cancelling_types` keeps its type, and
      other types move only among other rows;
    - the pairs of type and value, as the scale of ratings is read from the highest rating of all;
    - `file_id` and `line`, which make the event's key and decide the order of events at the same time.
    Under `split.kind: auto` a scrambled future may still decide for the other kind: build both worlds with the kind set
    by name to what the first one chose. Later cutoffs, labels whose window reaches into the future, and sentences with
    counts (`split_reason`) do change, as they should.

    Args:
        connection: a writable warehouse with `raw.events` and the intermediate layer as it was built from it.
        cutoff: name of the cutoff whose future to change.
        seed: decides every change.
        cancelling_types: event types that take another event back.

    Returns:
        How many rows changed; a proof must demand that there are some.

    Raises:
        RecsysError: there is no such cutoff, it has no future (live), or nothing happened after it.
    """
    split, is_future = _future_of(connection, cutoff)
    future = connection.sql(f"SELECT * FROM raw.events AS events WHERE {is_future} ORDER BY file_id, line").pl()
    if future.is_empty():
        raise RecsysError(f"Cutoff '{cutoff}' has no events after it in raw.events, so there is no future to change.")
    scrambled = _scramble(future, np.random.default_rng(seed), frozenset(cancelling_types), split == "temporal")
    is_changed = [future[column].ne_missing(scrambled[column]).alias(column) for column in future.columns]
    connection.register("scrambled_future", scrambled)
    try:
        with transaction(connection):
            connection.execute(f"DELETE FROM raw.events AS events WHERE {is_future}")
            connection.execute("INSERT INTO raw.events BY NAME SELECT * FROM scrambled_future")
    finally:
        connection.unregister("scrambled_future")
    return int(pl.DataFrame(is_changed).select(pl.any_horizontal(pl.all()).sum()).item())


def _future_of(connection: duckdb.DuckDBPyConnection, cutoff: str) -> tuple[str, str]:
    """The split's kind, and the condition on `raw.events AS events` that holds for what the cutoff does not show."""
    found = connection.execute(
        "SELECT split, visible_until, role FROM intermediate.int_cutoffs WHERE cutoff = ?", [cutoff]
    ).fetchall()
    if not found or found[0][2] == "live":
        raise RecsysError(f"Cutoff '{cutoff}' is not one with a future: name a training, validation or test cutoff.")
    split, visible_until, _ = found[0]
    if split == "temporal":
        return split, f"events.ts >= TIMESTAMP '{visible_until}'"
    held_out = f"""EXISTS (
        SELECT 1 FROM intermediate.int_user_cutoffs AS user_cutoffs
        WHERE user_cutoffs.cutoff = '{cutoff}' AND user_cutoffs.user_id = events.user_id
        AND events.ts >= user_cutoffs.visible_until)"""
    return split, held_out


def _scramble(
    future: pl.DataFrame, generator: np.random.Generator, cancelling_types: frozenset[str], moves_users: bool
) -> pl.DataFrame:
    n_rows = len(future)
    together = [["item_id"], ["session_id"], ["attributes"], *([["user_id"]] if moves_users else [])]
    for columns in together:
        future = future.with_columns(future.select(columns)[generator.permutation(n_rows)])
    cancels = future["event_type"].is_in(list(cancelling_types)).to_numpy()
    order = np.arange(n_rows)
    for kind in (True, False):
        positions = np.flatnonzero(cancels == kind)
        order[positions] = generator.permutation(positions)
    future = future.with_columns(future.select("event_type", "value")[order])

    is_replaced = np.zeros(n_rows, dtype=np.bool_)
    is_replaced[generator.choice(n_rows, size=int(np.ceil(REPLACED_SHARE * n_rows)), replace=False)] = True
    invented = pl.Series(generator.integers(0, max(1, n_rows // 100), n_rows)).cast(pl.String)
    for column in ("item_id", *(["user_id"] if moves_users else [])):
        name = pl.lit(f"scrambled-{column}-") + invented
        future = future.with_columns(pl.when(pl.Series(is_replaced)).then(name).otherwise(pl.col(column)).alias(column))
    return future


def compare_cutoff(warehouse_a: Path, warehouse_b: Path, cutoff: str, tables: Sequence[str]) -> list[TableDifference]:
    """The tables whose rows of `cutoff` are not exactly the same in two warehouses, in the order given.

    Rows are compared with all their columns and as often as they occur; doubles must agree to the last bit. Two tables
    that are both without rows at the cutoff count as the same. Neither file may be open for writing.

    Args:
        warehouse_a: one DuckDB file.
        warehouse_b: the other one.
        cutoff: name of the cutoff to compare.
        tables: names such as `features.user_features`, each with a column `cutoff`.

    Raises:
        RecsysError: a table is missing in one of them, has no column `cutoff`, or differs in its columns.
    """
    differences = []
    with duckdb.connect() as connection:
        for name, path in (("a", warehouse_a), ("b", warehouse_b)):
            connection.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS {name} (READ_ONLY)")
        for table in tables:
            columns = _shared_columns(connection, table)
            counts = []
            for ours, theirs in (("a", "b"), ("b", "a")):
                query = " EXCEPT ALL ".join(
                    f"SELECT {columns} FROM {world}.{table} WHERE cutoff = $cutoff" for world in (ours, theirs)
                )
                ((count,),) = connection.execute(f"SELECT count(*) FROM ({query})", {"cutoff": cutoff}).fetchall()
                counts.append(int(count))
            if any(counts):
                differences.append(TableDifference(table, *counts))
    return differences


def _shared_columns(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    described: list[dict[str, str]] = []
    for world in ("a", "b"):
        try:
            rows = connection.execute(f"DESCRIBE {world}.{table}").fetchall()
        except duckdb.CatalogException:
            raise RecsysError(
                f"Table {table} is missing in warehouse {world}: build both worlds before comparing."
            ) from None
        described.append({row[0]: row[1] for row in rows})
    if described[0] != described[1]:
        raise RecsysError(f"Table {table} has different columns in the two warehouses: build both with the same code.")
    if "cutoff" not in described[0]:
        raise RecsysError(f"Table {table} has no column cutoff, so its rows cannot be compared by cutoff.")
    return ", ".join(f'"{column}"' for column in sorted(described[0]))
