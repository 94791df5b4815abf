from pathlib import Path
from time import perf_counter

import pytest

from recsys_assets.publishing.switch import current_bundle
from recsys_assets.service.loaded import load_bundle
from recsys_assets.service.page.catalogue import KINDS, SHOWN_OF_KIND, Catalogue, Shelf
from recsys_assets.service.page.words import Words
from recsys_assets_tests.service.page.conftest import make_home


def make_catalogue(users: dict[str, int], items: dict[str, str]) -> Catalogue:
    item_words = Words([f"{title}\n{item_id}" for item_id, title in items.items()])
    return Catalogue(users, Words(list(users)), items, item_words, {"a": (3, None)}, ("n", "p"), ())


@pytest.fixture(scope="module")
def shop() -> Catalogue:
    return make_catalogue({"Anna": 9, "ann": 5, "bo": 0}, {"a": "Red Boot", "b": "Boot, blue", "boot": "", "c": "Hat"})


def test_all_words_must_be_there_in_any_order_and_case(shop: Catalogue) -> None:
    assert shop.find_items("BOOT red", 9) == [("a", "Red Boot")]
    assert shop.find_items("red hat", 9) == []


def test_an_id_that_is_just_so_comes_first_and_once(shop: Catalogue) -> None:
    assert [item for item, _ in shop.find_items("boot", 9)] == ["boot", "a", "b"]
    assert shop.find_users("ann", 9) == [("ann", 5), ("Anna", 9)]


def test_no_more_than_asked_for_and_nothing_for_no_words(shop: Catalogue) -> None:
    assert len(shop.find_items("boot", 2)) == 2
    assert shop.find_items("boot", 0) == shop.find_items("  ", 9) == shop.find_users(" ", 9) == []


def test_names_and_numbers_leave_out_what_is_unknown(shop: Catalogue) -> None:
    assert [shop.name(item) for item in ("a", "boot", "gone")] == ["Red Boot", "boot", "gone"]
    assert (shop.numbers("a"), shop.numbers("gone")) == ({"n": 3}, {})


def test_kinds_are_thirds_of_those_who_did_something() -> None:
    many = make_catalogue({f"u{100 - count}": count for count in range(30, -1, -1)}, {})
    kinds = many.kinds()
    assert tuple(kinds) == KINDS
    for kind, (most, least) in zip(KINDS, ((30, 21), (20, 11), (10, 1)), strict=True):
        counts = [count for _, count in kinds[kind]]
        assert len(counts) == SHOWN_OF_KIND
        assert most == max(counts)
        assert min(counts) >= least
    assert make_catalogue({}, {}).kinds() == {kind: [] for kind in KINDS}


def test_search_of_ten_thousand_items_and_a_hundred_thousand_users_is_fast() -> None:
    large = make_catalogue(
        {f"user-{n:06}": 1 for n in range(100_000)}, {f"{n}": f"Film number {n}" for n in range(10_000)}
    )
    best = []
    for _ in range(5):
        started = perf_counter()
        large.find_users("nobody", 20)
        large.find_items("film nothing", 20)
        best.append(perf_counter() - started)
    assert min(best) < 0.05, "a search that finds nothing looks at everything; it takes 5 ms"


def test_a_bundle_that_is_read_anew_has_a_catalogue_of_its_own(tmp_path: Path) -> None:
    path = current_bundle(make_home(tmp_path))
    assert path is not None
    shelf, bundle, again = Shelf(), load_bundle(path), load_bundle(path)
    first = shelf.find(bundle)
    assert first.find_users("u1", 5) == [("u1", 6)]
    assert shelf.find(bundle) is first
    assert shelf.find(again) is not first, "an erasure writes a bundle anew under its name"
