"""What memory makes of a user's events against what the warehouse's SQL made of the same ones."""

import math
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from recsys_assets.online.candidates import ask_sources
from recsys_assets.online.features import describe_user, pair_features, user_features
from recsys_assets.online.lists import look_at, make_list
from recsys_assets.online.model import OnlineModel, load_online_model
from recsys_assets.online.user_items import history_of, sum_up

TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def model(built_home: Path) -> OnlineModel:
    loaded = load_online_model((built_home / "published/current").resolve())
    assert loaded
    return loaded


@pytest.fixture(scope="module")
def warehouse(built_home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(built_home / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


def test_features_of_every_user_equal_those_of_the_warehouse(
    model: OnlineModel, warehouse: duckdb.DuckDBPyConnection
) -> None:
    stored = warehouse.sql("SELECT * FROM features.user_features WHERE cutoff = 'live'").pl()
    assert len(stored) == len(model.rows_of) > 100
    for row in stored.iter_rows(named=True):
        events = model.events_of(row["user_id"])
        own = sum_up(events)
        user = describe_user(model, events, own, history_of(row["user_id"], own, model.items.ids))
        for name, value in user_features(user, model.items, model.state.rating_mean).items():
            expected = math.nan if row[name] is None else float(row[name])
            np.testing.assert_allclose(
                value, expected, rtol=TOLERANCE, atol=TOLERANCE, err_msg=f"{row['user_id']} {name}"
            )


def test_features_of_every_pair_equal_those_of_the_warehouse(
    model: OnlineModel, warehouse: duckdb.DuckDBPyConnection
) -> None:
    stored = warehouse.sql(
        "SELECT * FROM features.user_item_features WHERE cutoff = 'live' ORDER BY user_id, item_id"
    ).pl()
    for (user_id,), rows in stored.partition_by("user_id", as_dict=True).items():
        events = model.events_of(str(user_id))
        own = sum_up(events)
        user = describe_user(model, events, own, history_of(str(user_id), own, model.items.ids))
        items = np.array([model.items.positions[item] for item in rows["item_id"]])
        for name, values in pair_features(model, user, items).items():
            expected = rows[name].cast(pl.Float64).fill_null(math.nan).to_numpy()
            np.testing.assert_allclose(values, expected, rtol=TOLERANCE, atol=TOLERANCE, err_msg=f"{user_id} {name}")


def test_candidates_and_lists_are_those_of_the_build_but_for_ties(
    model: OnlineModel, warehouse: duckdb.DuckDBPyConnection, built_home: Path
) -> None:
    merged = warehouse.sql("SELECT user_id, item_id FROM candidates.merged WHERE cutoff = 'live'").pl()
    published = duckdb.connect(str(built_home / "published/current/recsys.duckdb"), read_only=True)
    lists = published.sql(
        """SELECT user_id, list(item_id ORDER BY rank) AS items, list(reason ORDER BY rank) AS reasons
        FROM recommendations WHERE surface = 'for_you' AND rank <= 10
            AND (user_id, item_id) IN (SELECT (user_id, item_id) FROM recommendation_features)
        GROUP BY user_id HAVING count(*) = 10 ORDER BY user_id"""
    ).pl()
    same, shared, reasons = 0, [], []
    for user_id, items, words in lists.head(60).iter_rows():
        view = look_at(model, user_id, model.events_of(user_id))
        expected = set(merged.filter(pl.col("user_id") == user_id)["item_id"])
        same += {str(model.items.ids[item]) for item in view.opinions.candidates} == expected
        live = make_list(view, "for_you", 10)
        by_item = {str(model.items.ids[one.item]): one.reason.words for one in live}
        shared.append(len(by_item.keys() & set(items)) / 10)
        reasons += [by_item[item] == word for item, word in zip(items, words, strict=True) if item in by_item]
    published.close()
    assert same >= 0.95 * len(shared)
    assert np.mean(shared) > 0.98
    assert np.mean(reasons) > 0.98


def test_what_was_consumed_or_is_unavailable_is_no_candidate(model: OnlineModel) -> None:
    user_id = next(iter(model.rows_of))
    own = sum_up(model.events_of(user_id))
    opinions = ask_sources(model, history_of(user_id, own, model.items.ids), own)
    assert not set(opinions.candidates) & set(own.item[own.is_consumed])
    assert model.items.is_available[opinions.candidates].all()
