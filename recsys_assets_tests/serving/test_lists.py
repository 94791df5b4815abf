import re
from datetime import datetime

import duckdb
import pytest

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.publishing.switch import current_bundle
from recsys_assets.serving.bundle import open_bundle
from recsys_assets.serving.lists import recommend, similar
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish


def test_a_known_user_gets_her_list_by_rank(world: Config) -> None:
    found = recommend(world, "u1", k=2)
    assert [(row.rank, row.item_id, row.title, row.reason) for row in found.rows] == [
        (1, "i3", "Trail Runner", "Goes with Sneaker [red]"),
        (2, "i4", "Rain Boot", "Because you liked New Boot"),
    ]
    assert found.note is None
    assert (found.rows[0].candidate_sources, found.rows[0].evidence_item_id) == (["popular", "als"], "i2")
    assert found.rows[0].as_of == datetime(2024, 1, 4, 10)
    assert found.rows[0].build_id == found.manifest.build_id


def test_k_cuts_and_a_list_that_ends_before_says_so(world: Config) -> None:
    assert [row.item_id for row in recommend(world, "u1", k=1).rows] == ["i3"]
    assert recommend(world, "u1", k=9).note == "The published list ends at 2."


def test_an_unknown_user_gets_what_is_popular_with_a_note(world: Config) -> None:
    found = recommend(world, "nobody'; --")
    assert [(row.rank, row.item_id, row.score, row.surface) for row in found.rows] == [
        (1, "i4", 5.0, "trending"),
        (2, "i2", 3.0, "trending"),
    ]
    assert found.note == "User nobody'; -- is not known: this is what is popular now."


def test_a_known_user_without_this_list_gets_what_is_popular_with_a_note(world: Config) -> None:
    found = recommend(world, "u2", surface="discover")
    assert [row.item_id for row in found.rows] == ["i4", "i2"]
    assert found.note == "User u2 has no discover list: this is what is popular now."


def test_an_unknown_surface_is_refused_with_those_there_are(world: Config) -> None:
    with pytest.raises(RecsysError, match="no surface 'best'; there are: for_you, because_you_liked, new_releases"):
        recommend(world, "u1", surface="best")


@pytest.mark.parametrize("k", [0, -1])
def test_a_length_below_one_is_refused(world: Config, k: int) -> None:
    with pytest.raises(RecsysError, match=f"at least 1, not {k}"):
        recommend(world, "u1", k=k)
    with pytest.raises(RecsysError, match=f"at least 1, not {k}"):
        similar(world, "i1", k=k)


def test_similar_items_come_by_rank(world: Config) -> None:
    found = similar(world, "i1")
    assert [(row.rank, row.similar_item_id, row.title, row.score) for row in found.rows] == [
        (1, "i4", "Rain Boot", 0.75),
        (2, "i3", "Trail Runner", 0.25),
    ]
    assert (found.title, found.note) == ("New Boot", None)
    assert [row.similar_item_id for row in similar(world, "i1", k=1).rows] == ["i4"]


def test_a_known_item_without_similar_ones_says_so(world: Config) -> None:
    found = similar(world, "i5")
    assert (found.rows, found.note) == ([], "Item i5 has no similar items: too little is known of it.")


def test_an_unknown_item_is_refused_with_titles_that_match(world: Config) -> None:
    sentence = "There is no item 'BOOT' in the published bundle; by title, did you mean i1 (New Boot), i4 (Rain Boot)?"
    with pytest.raises(RecsysError, match=f"^{re.escape(sentence)}$"):
        similar(world, "BOOT")
    with pytest.raises(RecsysError, match="no item '%' in the published bundle, and no title that contains it"):
        similar(world, "%")


def test_before_the_first_build_the_sentence_says_what_to_do(tiny_home: Config) -> None:
    with pytest.raises(RecsysError, match="Nothing is published yet: run `recsys load DIR` and `recsys build` first"):
        recommend(tiny_home, "u1")


def test_a_bundle_that_cannot_be_read_is_one_sentence(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    database = publish(tiny_home, datetime(2024, 3, 1)) / "recsys.duckdb"
    database.chmod(0o644)
    database.write_bytes(b"x" * 5000)
    with pytest.raises(
        RecsysError, match=r"^The published bundle \S+ cannot be read \([^\n]*run `recsys rollback`[^\n]*$"
    ):
        recommend(tiny_home, "u1")


def test_reading_needs_no_lock_and_gives_none(world: Config) -> None:
    path = current_bundle(world)
    assert path is not None
    with open_bundle(world) as first, open_bundle(world) as second, open_warehouse(world):
        assert first.rows("SELECT count(*) AS n FROM builds") == second.rows("SELECT count(*) AS n FROM builds")
        with pytest.raises(duckdb.Error, match="read-only"):
            first.connection.execute("DELETE FROM builds")
