"""The published lists of a bundle in memory: columns of numbers, and one table of each text."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys_assets.publishing.manifest import DATABASE_FILE
from recsys_assets.schema import SURFACES


class Entry(NamedTuple):
    """One place of a list, as a response gives it."""

    item_id: str
    rank: int
    score: float | None
    title: str | None
    reason: str
    evidence_item_id: str | None
    sources: tuple[str, ...]

    def at(self, rank: int) -> "Entry":
        """The same at another place."""
        return self if self.rank == rank else self._replace(rank=rank)


@dataclass(frozen=True)
class Texts:
    """A column of texts: each different one once, and its number in every row."""

    numbers: NDArray[np.int32]
    different: Sequence[Any]

    def read(self, start: int, end: int) -> list[Any]:
        """Those of some rows."""
        different = self.different
        return [different[number] for number in self.numbers[start:end].tolist()]


@dataclass(frozen=True)
class RankedItems:
    """Lists of items, each under a name. As tuples in memory they would take ten times the room.

    Attributes:
        rows: name -> the rows of its list, the best first.
        item: of each row; likewise `score`.
    """

    rows: Mapping[str | None, slice]
    item: Texts
    score: NDArray[np.float64]

    def read(self, name: str | None, length: int) -> list[tuple[str, float]]:
        """The first items of a list and their scores; none where there is no list of this name."""
        rows = self.rows.get(name, slice(0, 0))
        end = min(rows.stop, rows.start + length)
        return list(zip(self.item.read(rows.start, end), self.score[rows.start : end].tolist(), strict=True))


@dataclass(frozen=True)
class StoredLists:
    """`recommendations`, `similar_items` and `trending_items` of one bundle.

    Attributes:
        places: user_id -> the number of the user.
        bounds: users x (surfaces + 1): where the rows of each surface of the user's begin, and end.
        item: of each row; likewise `reason`, `evidence` (None: there is none), `sources` (tuples) and `score`.
        titles: item_id -> title, of all items that are in a list.
        similar: under each item_id its similar items.
        trending: under each category (None = all) what is wanted now.
    """

    places: Mapping[str, int]
    bounds: NDArray[np.int64]
    item: Texts
    reason: Texts
    evidence: Texts
    sources: Texts
    score: NDArray[np.float64]
    titles: Mapping[str, str | None]
    similar: RankedItems
    trending: RankedItems

    def read(self, user_id: str, surface: str, length: int) -> list[Entry]:
        """The first places of a user's list; none where she has no list on this surface."""
        user = self.places.get(user_id)
        if user is None:
            return []
        place = SURFACES.index(surface)
        start, end = self.bounds[user, place : place + 2].tolist()
        end = min(end, start + length)
        item_ids, titles = self.item.read(start, end), self.titles
        return [
            Entry(*entry)
            for entry in zip(
                item_ids,
                range(1, length + 1),
                self.score[start:end].tolist(),
                map(titles.get, item_ids),
                self.reason.read(start, end),
                self.evidence.read(start, end),
                self.sources.read(start, end),
                strict=False,
            )
        ]

    def read_trending(self, category: str | None, length: int) -> list[Entry]:
        """What is wanted now, overall or in a category."""
        return [
            Entry(item_id, rank, score, self.titles.get(item_id), "Popular now", None, ("popular_decayed_fast",))
            for rank, (item_id, score) in enumerate(self.trending.read(category, length), start=1)
        ]

    def read_similar(self, item_id: str, length: int) -> list[Entry]:
        """What goes with an item."""
        words = f"Goes with {self.titles.get(item_id) or item_id}"
        return [
            Entry(similar, rank, score, self.titles.get(similar), words, item_id, ("similar_items",))
            for rank, (similar, score) in enumerate(self.similar.read(item_id, length), start=1)
        ]


def load_stored_lists(bundle: Path) -> StoredLists:
    """Read the tables of a bundle's recsys.duckdb."""
    quoted = str(bundle / DATABASE_FILE).replace("'", "''")
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"ATTACH '{quoted}' AS bundle (READ_ONLY)")
        connection.execute("USE bundle")
        order = " ".join(f"WHEN '{surface}' THEN {number}" for number, surface in enumerate(SURFACES))
        counts = connection.sql(
            f"""PIVOT (SELECT user_id, CASE surface {order} END AS place FROM recommendations)
                ON place IN ({", ".join(str(n) for n in range(len(SURFACES)))}) GROUP BY user_id ORDER BY user_id"""
        ).pl()
        rows = f"FROM recommendations ORDER BY user_id, CASE surface {order} END, rank"
        texts = {
            name: _read_texts(connection, sql, rows)
            for name, sql in {
                "item": "item_id",
                "reason": "coalesce(reason, '')",
                "evidence": "evidence_item_id",
                "sources": "coalesce(array_to_string(candidate_sources, ','), '')",
            }.items()
        }
        score = connection.sql(f"SELECT score {rows}").pl()["score"].to_numpy()
        titles = connection.sql(
            """SELECT item_id, min(title) FROM (
                SELECT item_id, title FROM recommendations UNION ALL SELECT item_id, title FROM trending_items
                UNION ALL SELECT similar_item_id, title FROM similar_items) GROUP BY item_id"""
        ).fetchall()
        similar = _read_ranked(connection, "similar_items", "item_id", "similar_item_id")
        trending = _read_ranked(connection, "trending_items", "category", "item_id")
    sources = texts.pop("sources")
    lengths = counts.select(str(n) for n in range(len(SURFACES))).to_numpy().astype(np.int64)
    ends = np.cumsum(lengths.ravel()).reshape(lengths.shape)
    starts = np.concatenate([[0], ends[:-1, -1]]) if len(ends) else np.empty(0, np.int64)
    return StoredLists(
        places={user_id: place for place, user_id in enumerate(counts["user_id"])},
        bounds=np.column_stack([starts, ends]).astype(np.int64),
        score=score,
        sources=Texts(sources.numbers, [tuple((joined or "").split(",")) for joined in sources.different]),
        titles=dict(titles),
        similar=similar,
        trending=trending,
        **texts,
    )


def _read_ranked(connection: duckdb.DuckDBPyConnection, table: str, name: str, item: str) -> RankedItems:
    rows = f"FROM {table} ORDER BY {name}, rank"
    counts = connection.sql(f"SELECT {name}, count(*) FROM {table} GROUP BY ALL ORDER BY {name}").fetchall()
    ends = itertools.accumulate(count for _, count in counts)
    return RankedItems(
        rows={key: slice(end - count, end) for (key, count), end in zip(counts, ends, strict=True)},
        item=_read_texts(connection, item, rows),
        score=connection.sql(f"SELECT score {rows}").pl()["score"].to_numpy(),
    )


def _read_texts(connection: duckdb.DuckDBPyConnection, sql: str, rows: str) -> Texts:
    column = connection.sql(f"SELECT {sql} AS text {rows}").pl()["text"]
    different = column.drop_nulls().unique().sort()
    numbers = column.cast(pl.Enum(different)).to_physical().cast(pl.Int32).fill_null(len(different))
    return Texts(numbers.to_numpy(), [*different.to_list(), None])
