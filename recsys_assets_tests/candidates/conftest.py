"""Histories and catalogues made by hand, and a small warehouse."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy import sparse

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.history import History, build_history

PAIR_SCHEMA = {
    "user_id": pl.String,
    "item_id": pl.String,
    "weight": pl.Float64,
    "is_liked": pl.Boolean,
    "is_disliked": pl.Boolean,
    "is_consumed": pl.Boolean,
    "n_events": pl.Int64,
    "last_recency_rank": pl.Int64,
    "last_event_age": pl.Int64,
}

HistoryMaker = Callable[..., History]
CatalogueMaker = Callable[..., Catalogue]


@pytest.fixture
def make_history() -> HistoryMaker:
    """A history from each user's items, oldest first; every pair weighs 1, is liked and consumed unless said."""

    def make(
        items_of: Mapping[str, Sequence[str]],
        *,
        weights: Mapping[tuple[str, str], float] | None = None,
        not_liked: Iterable[tuple[str, str]] = (),
        not_consumed: Iterable[tuple[str, str]] = (),
        serve: Sequence[str] | None = None,
        cutoff: str = "live",
        item_ids: Sequence[str] | None = None,
    ) -> History:
        rows = []
        for user, items in items_of.items():
            for place, item in enumerate(items):
                pair = (user, item)
                rows.append(
                    {
                        "user_id": user,
                        "item_id": item,
                        "weight": (weights or {}).get(pair, 1.0),
                        "is_liked": pair not in set(not_liked),
                        "is_disliked": False,
                        "is_consumed": pair not in set(not_consumed),
                        "n_events": 1,
                        "last_recency_rank": len(items) - place,
                        "last_event_age": 0,
                    }
                )
        pairs = pl.DataFrame(rows, PAIR_SCHEMA).sort("user_id", "item_id")
        wanted = pl.Series("user_id", sorted(items_of) if serve is None else serve, dtype=pl.String)
        return build_history(cutoff, pairs, wanted, None if item_ids is None else pl.Series(item_ids))

    return make


@pytest.fixture
def make_catalogue() -> CatalogueMaker:
    """A catalogue of a history's items: whatever is not said is unknown, zero or available."""

    def make(
        history: History,
        *,
        n_users: Mapping[str, float] | None = None,
        slow: Mapping[str, float] | None = None,
        fast: Mapping[str, float] | None = None,
        unavailable: Iterable[str] = (),
        titles: Mapping[str, str] | None = None,
        categories: Mapping[str, list[str]] | None = None,
        creators: Mapping[str, list[str]] | None = None,
        covisited: Mapping[tuple[str, str], float] | None = None,
    ) -> Catalogue:
        items = history.item_ids.tolist()
        of_item = categories or {}
        names = sorted({name for of in of_item.values() for name in of})
        has = np.array([[name in of_item.get(item, []) for name in names] for item in items], np.float32)
        moves = np.array([[(covisited or {}).get((a, b), 0) for b in items] for a in items], np.float32)
        return Catalogue(
            features=pl.DataFrame(
                {
                    "item": range(len(items)),
                    "item_id": items,
                    "n_users": [(n_users or {}).get(item) for item in items],
                    "decayed_events_slow": [(slow or {}).get(item) for item in items],
                    "decayed_events_fast": [(fast or {}).get(item) for item in items],
                    "is_available": [item not in set(unavailable) for item in items],
                },
                {
                    "item": pl.UInt32,
                    "item_id": pl.String,
                    "n_users": pl.Int64,
                    "decayed_events_slow": pl.Float64,
                    "decayed_events_fast": pl.Float64,
                    "is_available": pl.Boolean,
                },
            ),
            descriptions=pl.DataFrame(
                {
                    "item_id": items,
                    "title": [(titles or {}).get(item, "") for item in items],
                    "categories": [of_item.get(item, []) for item in items],
                    "creators": [(creators or {}).get(item, []) for item in items],
                },
                {
                    "item_id": pl.String,
                    "title": pl.String,
                    "categories": pl.List(pl.String),
                    "creators": pl.List(pl.String),
                },
            ),
            categories=sparse.csr_matrix(has.reshape(len(items), len(names))),
            covisited=sparse.csr_matrix(moves.reshape(len(items), len(items))),
        )

    return make


@pytest.fixture
def small_warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """Two users and three items at `test` and `live`: few rows, each there for a reason."""
    with duckdb.connect() as connection:
        connection.execute(
            """
            CREATE SCHEMA intermediate; CREATE SCHEMA features; CREATE SCHEMA candidates; CREATE SCHEMA staging;
            CREATE TABLE intermediate.int_cutoffs AS FROM (VALUES
                ('live', 'live', 4), ('test', 'test', 3), ('train_2', 'training', 2), ('train_1', 'training', 1)
            ) AS rows(cutoff, role, cutoff_number);
            CREATE TABLE intermediate.int_user_items AS SELECT * REPLACE (weight::DOUBLE AS weight) FROM (VALUES
                ('live', 'u2', 'b', 0.3, false, false, false, 2, 1, 0),
                ('live', 'u2', 'a', 1.0, true, false, true, 1, 3, 2),
                ('live', 'u1', 'c', 1.0, true, false, true, 1, 1, 1),
                ('test', 'u2', 'a', 1.0, true, false, true, 1, 1, 0),
                ('test', 'u1', 'a', 1.0, true, false, true, 1, 1, 1)
            ) AS rows(cutoff, user_id, item_id, weight, is_liked, is_disliked, is_consumed, n_events,
                      last_recency_rank, last_event_age);
            CREATE TABLE intermediate.int_user_cutoffs AS FROM (VALUES
                ('live', 'u1'), ('live', 'u2'), ('test', 'u1'), ('test', 'u2')) AS rows(cutoff, user_id);
            CREATE TABLE intermediate.int_labels AS FROM (VALUES
                ('test', 'u2', 'b', 1), ('test', 'u2', 'c', 1)) AS rows(cutoff, user_id, item_id, relevance_label);
            CREATE TABLE features.item_features AS FROM (VALUES
                ('live', 'c', 1, 0.5, 0.25), ('live', 'a', 1, 1.5, 1.25), ('test', 'a', 2, 2.5, 2.25)
            ) AS rows(cutoff, item_id, n_users, decayed_events_slow, decayed_events_fast);
            CREATE TABLE candidates.covisited_items AS FROM (VALUES
                ('live', 'a', 'b', 2.0), ('live', 'b', 'a', 1.0), ('live', 'a', 'elsewhere', 9.0),
                ('test', 'a', 'a', 7.0)
            ) AS rows(cutoff, item_id, neighbour_item_id, score);
            CREATE TABLE staging.stg_raw__items AS FROM (VALUES
                ('a', 'Ape', ['film', 'book', 'film'], ['Ann'], false), ('b', NULL, [], [], true),
                ('never seen', 'X', ['odd'], [], true)
            ) AS rows(item_id, title, categories, creators, available);
            """
        )
        yield connection
