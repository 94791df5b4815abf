"""What was landed together, as the gates see it."""

import pytest

from recsys_assets.errors import RecsysError
from recsys_assets.sources.batches import accept_batch, read_accepted, read_batches
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.sources.conftest import Shop


def read(shop: Shop):
    with open_warehouse(shop.config) as connection:
        return read_batches(connection, shop.config)


def test_a_batch_is_what_was_landed_together(shop: Shop) -> None:
    shop.write("items.csv", "item_id,title,categories\ni1,One,\ni2,,a|b\n")
    shop.write(
        "events/a.csv", "user_id,item_id,ts,event_type,event_id\nu1,i1,2024-05-01,view,e1\nu1,i9,never,view,e2\n"
    )
    shop.write(
        "events/b.csv", "user_id,item_id,ts,event_type,event_id\nu1,i9,2024-05-01,Buy,e1\nu1,i9,2024-05-01,Buy,\n"
    )
    shop.load()
    shop.write("events/c.csv", "user_id,item_id,ts,value\nu1,i2,2024-05-01,3\nu2,i2,2024-05-01,\n")
    shop.load()
    items, first, second = read(shop)
    assert (items.table, items.files, items.n_rows, items.n_known) == ("items", ("items.csv",), 2, None)
    assert items.filled == {
        "title": 1, "categories": 1, "creators": 0, "released_at": 0, "price": 0, "description": 0
    }  # fmt: skip
    assert items.name == first.name < second.name
    assert (first.files, first.n_rows) == (("a.csv", "b.csv"), 2)
    assert first.n_refused == 1  # the time that is none; a repeated event_id is no fault of the file
    assert (first.event_types, first.n_known) == ({"view": 1, "buy": 1}, 1)
    assert (second.filled["value"], second.filled["event_id"], second.n_known) == (1, 0, 2)


def test_without_a_catalogue_nothing_is_known_of_items(shop: Shop) -> None:
    shop.write("events.csv", "user_id,item_id,ts\nu1,i1,2024-05-01\n")
    shop.load()
    assert [batch.n_known for batch in read(shop)] == [None]


def test_a_warehouse_that_is_made_anew_has_the_same_batches(shop: Shop) -> None:
    for number in range(3):
        shop.write(f"events/{number}.csv", f"user_id,item_id,ts\nu{number},i1,2024-05-01\n")
        shop.load()
    before = read(shop)
    shop.config.warehouse_path.unlink()
    shop.load()
    assert read(shop) == before
    assert len({batch.name for batch in before}) == 3


def test_a_batch_is_accepted_by_name(shop: Shop) -> None:
    shop.write("events.csv", "user_id,item_id,ts\nu1,i1,2024-05-01\n")
    shop.load()
    (batch,) = read(shop)
    assert not batch.is_accepted
    accept_batch(shop.config, batch.name)
    accept_batch(shop.config, batch.name)
    assert read_accepted(shop.config) == {batch.name}
    assert [batch.is_accepted for batch in read(shop)] == [True]
    with pytest.raises(RecsysError, match=r"There is no landed batch '7': `recsys batches` lists them\."):
        accept_batch(shop.config, "7")
