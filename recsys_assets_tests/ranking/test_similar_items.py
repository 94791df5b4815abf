"""What goes with an item, over the shop by hand."""

import polars as pl
import pytest

from recsys_assets.config import load_config
from recsys_assets.ranking import similar
from recsys_assets.ranking.similar import CONTENT_WEIGHT, build_similar_items

SCHEMA = {
    "item_id": pl.String,
    "rank": pl.Int32,
    "similar_item_id": pl.String,
    "title": pl.String,
    "score": pl.Float64,
}


@pytest.fixture
def config(quick_settings):
    """Titles count nothing, so that cosines are easy to see."""
    return load_config(quick_settings | {"RECSYS__CANDIDATES__CONTENT__TITLE_WEIGHT": "0"})


def similar_to(found: pl.DataFrame, item: str) -> list[tuple[str, float]]:
    own = found.filter(pl.col("item_id") == item)
    assert own["rank"].to_list() == list(range(1, len(own) + 1))
    return own.select("similar_item_id", "score").rows()


def test_moves_and_descriptions_by_hand(shop, config) -> None:
    found = build_similar_items(shop, config)
    assert found.schema == SCHEMA
    # a leads to b (2 of 2) and c (0.5 of 2); with d it shares its creator, half of both descriptions
    assert similar_to(found, "a") == [("b", 1.0), ("c", 0.25), ("d", pytest.approx(CONTENT_WEIGHT / 2, abs=1e-6))]
    assert found.filter(item_id="a")["title"].to_list() == ["Book", "Card", "Doll"]


def test_what_nobody_moved_from_has_neighbours_by_description(shop, config) -> None:
    found = build_similar_items(shop, config)
    # c is its category alone, b also has a creator
    assert similar_to(found, "c") == [("b", pytest.approx(CONTENT_WEIGHT * 2**-0.5, abs=1e-6))]
    assert similar_to(found, "d")[0] == ("k", pytest.approx(CONTENT_WEIGHT * 2**-0.5, abs=1e-6))


def test_what_is_known_from_events_alone_has_neighbours_by_behaviour(shop, config) -> None:
    assert similar_to(build_similar_items(shop, config), "z") == [("b", 1.0), ("c", pytest.approx(1 / 9, abs=1e-6))]


def test_scores_of_zero_are_no_link_and_spoil_nothing(shop, config) -> None:
    shop.execute("UPDATE staging.stg_raw__items SET categories = ['paper'] WHERE item_id = 'e'")
    found = build_similar_items(shop, config)
    # all moves from e are worth nothing; what remains is the category
    assert similar_to(found, "e") == [
        ("c", CONTENT_WEIGHT),
        ("b", pytest.approx(CONTENT_WEIGHT * 2**-0.5, abs=1e-6)),
    ]


def test_neither_itself_nor_unavailable_items_and_no_more_than_a_list(shop, config) -> None:
    found = build_similar_items(shop, config)
    assert "x" not in found["similar_item_id"].to_list()
    assert found.filter(pl.col("item_id") == pl.col("similar_item_id")).is_empty()
    short = config.model_copy(update={"rerank": config.rerank.model_copy(update={"list_length": 1})})
    assert similar_to(build_similar_items(shop, short), "a") == [("b", 1.0)]


def test_equal_scores_go_by_item_id(shop, config) -> None:
    shop.execute("DELETE FROM candidates.covisited_items")
    shop.execute("UPDATE staging.stg_raw__items SET categories = ['same'], creators = [] WHERE item_id <> 'x'")
    short = config.model_copy(update={"rerank": config.rerank.model_copy(update={"list_length": 2})})
    found = build_similar_items(shop, short)
    assert [item for item, _ in similar_to(found, "k")] == ["a", "b"]


def test_blocks_give_the_same_rows(shop, config, monkeypatch) -> None:
    at_once = build_similar_items(shop, config)
    monkeypatch.setattr(similar, "CELLS_PER_BLOCK", 17)  # two items a block
    assert build_similar_items(shop, config).equals(at_once)


@pytest.mark.parametrize("items", ["('only')", "('x') LIMIT 0"], ids=["one item", "no item"])
def test_too_few_items_give_an_empty_table_of_the_same_shape(shop, config, items) -> None:
    shop.execute("DELETE FROM staging.stg_raw__items; DELETE FROM candidates.covisited_items")
    shop.execute(f"CREATE OR REPLACE TABLE intermediate.int_interactions AS FROM (VALUES {items}) AS rows(item_id)")
    found = build_similar_items(shop, config)
    assert found.is_empty()
    assert found.schema == SCHEMA


def test_a_shop_without_descriptions_goes_by_behaviour_alone(shop, config) -> None:
    shop.execute("DELETE FROM staging.stg_raw__items")
    assert similar_to(build_similar_items(shop, config), "a") == [("b", 1.0), ("x", 0.75), ("c", 0.25)]
