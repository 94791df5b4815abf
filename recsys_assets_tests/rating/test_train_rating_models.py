"""All models on a warehouse with three windows of ratings, and on one without."""

from collections.abc import Iterator

import duckdb
import polars as pl
import pytest

from recsys_assets import torch_extra
from recsys_assets.config import load_config
from recsys_assets.errors import RecsysError
from recsys_assets.rating.frame import read_snapshot, read_window
from recsys_assets.rating.train import train_rating_models

ROLES = {"training": ["train_1"], "validation": ["validation"], "test": ["test"], "live": ["live"]}
ENDS = {"train_1": "2024-01-31", "validation": "2024-02-10", "test": "2024-02-20", "live": None}


@pytest.fixture
def rated_warehouse(world) -> Iterator[duckdb.DuckDBPyConnection]:
    """The world's 2,400 ratings over 60 days; the cutoffs leave about 400 in each window."""
    snapshot, window = world
    ratings = pl.concat([snapshot.ratings, window]).with_row_index("n")
    with duckdb.connect() as connection:
        connection.register("ratings", ratings)
        connection.register("users", snapshot.users.rename({"user_n_events": "n_events"}))
        connection.register("items", snapshot.items.rename({"item_price": "price"}))
        cutoffs = list(ENDS.items())
        ends = ", ".join(f"({cutoff!r}, {repr(end) if end else 'NULL'}::TIMESTAMP)" for cutoff, end in cutoffs)
        connection.execute(
            f"""
            CREATE SCHEMA intermediate; CREATE SCHEMA features;
            CREATE TABLE intermediate.int_cutoffs AS SELECT 'temporal' AS split;
            CREATE TABLE intermediate.int_interactions AS
            SELECT user_id, item_id, value, 'rating' AS event_type, n AS event_number,
                   TIMESTAMP '2024-01-01' + to_minutes(36 * n::BIGINT) AS occurred_at FROM ratings
            UNION ALL SELECT user_id, item_id, 9, 'view', 10000 + n, TIMESTAMP '2024-02-12' FROM ratings;
            CREATE TABLE cutoffs AS
            SELECT *, lead(visible_until) OVER (ORDER BY visible_until NULLS LAST) AS labels_until
            FROM (VALUES {ends}) AS rows(cutoff, visible_until);
            CREATE TABLE intermediate.int_user_cutoffs AS FROM cutoffs, (SELECT user_id FROM users);
            CREATE TABLE intermediate.int_history AS
            SELECT cutoff, events.* FROM cutoffs, intermediate.int_interactions AS events
            WHERE visible_until IS NULL OR occurred_at < visible_until;
            CREATE TABLE features.user_features AS SELECT cutoff, users.*, 'shoes' AS top_category FROM cutoffs, users;
            CREATE TABLE features.item_features AS SELECT cutoff, items.*, true AS is_new FROM cutoffs, items;
            """
        )
        yield connection


def test_a_window_holds_the_ratings_between_two_cutoffs_and_nothing_else(rated_warehouse) -> None:
    visible, window, later = (
        len(read_snapshot(rated_warehouse, "validation").ratings),
        len(read_window(rated_warehouse, "validation")),
        len(read_snapshot(rated_warehouse, "test").ratings),
    )
    assert (visible, window, later) == (1600, 400, 2000)
    assert read_window(rated_warehouse, "live").is_empty()
    assert read_window(rated_warehouse, "validation")["value"].max() <= 5  # a view's value is no rating


def test_features_are_numbers_named_by_whose_they_are(rated_warehouse) -> None:
    snapshot = read_snapshot(rated_warehouse, "test")
    assert (snapshot.users.columns, snapshot.items.columns) == (
        ["user_id", "user_n_events"],
        ["item_id", "item_price", "item_is_new"],
    )


def test_each_model_is_judged_at_test_and_better_ones_are_better(rated_warehouse, tiny_home) -> None:
    lines: list[str] = []
    trained = train_rating_models(rated_warehouse, tiny_home, ROLES, lines.append)
    mse = dict(trained.report.filter(pl.col("metric") == "mse").select("model", "value").iter_rows())
    assert list(trained.models) == ["rating_mean", "rating_bias", "rating_forest"]
    assert max(mse["rating_bias"], mse["rating_forest"]) < 0.6 * mse["rating_mean"]
    assert len(lines) == 3
    again = train_rating_models(rated_warehouse, tiny_home, ROLES, lines.append)
    assert again.report.equals(trained.report)


def test_what_comes_after_a_cutoff_changes_nothing_of_what_it_predicts(rated_warehouse, tiny_home) -> None:
    before = train_rating_models(rated_warehouse, tiny_home, ROLES, lambda line: None)
    rated_warehouse.execute("DELETE FROM intermediate.int_history WHERE cutoff = 'live' AND occurred_at > '2024-02-20'")
    after = train_rating_models(rated_warehouse, tiny_home, ROLES, lambda line: None)
    assert after.report.equals(before.report)


def test_data_without_ratings_has_no_models_and_one_sentence_says_so(rated_warehouse, tiny_home) -> None:
    rated_warehouse.execute("UPDATE intermediate.int_history SET event_type = 'play'")
    rated_warehouse.execute("UPDATE intermediate.int_interactions SET event_type = 'play'")
    trained = train_rating_models(rated_warehouse, tiny_home, ROLES, lambda line: None)
    assert (len(trained.report), trained.models) == (0, {})
    assert trained.note.startswith("No rating models: ")
    assert train_rating_models(rated_warehouse, tiny_home, {"live": ["live"]}, lambda line: None).models == {}


def test_the_network_without_pytorch_is_one_sentence(rated_warehouse, monkeypatch) -> None:
    monkeypatch.setattr(torch_extra, "has_torch", lambda: False)
    config = load_config({"RECSYS__RATING__MODELS": "[rating_network]"})
    with pytest.raises(RecsysError, match=r"^rating.models names rating_network, which needs PyTorch: run `make"):
        train_rating_models(rated_warehouse, config, ROLES, lambda line: None)


def test_the_network_is_judged_beside_the_others_when_it_is_named(rated_warehouse, torch_extra) -> None:
    config = load_config(
        {"RECSYS__RATING__MODELS": "[rating_mean, rating_network]", "RECSYS__RATING__NETWORK__HIDDEN": "16"}
    )
    trained = train_rating_models(rated_warehouse, config, ROLES, lambda line: None)
    assert set(trained.report["model"]) == {"rating_mean", "rating_network"}
