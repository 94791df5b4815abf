"""Each gate for new files: silent on what is usual, one sentence on what is not, and what accepting changes."""

from dataclasses import replace

import pytest

from recsys_assets.config import load_config
from recsys_assets.sources.batch_gates import judge_batches
from recsys_assets.sources.batches import Batch

CONFIG = load_config({})
USUAL = Batch("1", "events", ("a.csv",), False, 1000, 0, {"value": 300}, {"view": 700, "purchase": 300}, 990)


def batch(name: str, **changes: object) -> Batch:
    return replace(USUAL, name=name, **changes)  # type: ignore[arg-type]


def red(*batches: Batch) -> dict[str, list[tuple[str, str]]]:
    """Gate -> (batch, what was found) for every gate that finds something."""
    judged = judge_batches(batches, CONFIG)
    return {name: [(one.batch, one.found) for one in findings] for name, findings in judged.items() if findings}


def test_batches_like_those_before_are_not_red() -> None:
    assert red(USUAL, batch("2", n_rows=900), batch("3", n_rows=2000, n_known=1700)) == {}


def test_the_first_batch_has_nothing_to_be_compared_with() -> None:
    assert red(batch("1", n_known=0, filled={"value": 0}, event_types={"look": 1000})) == {}


def test_another_shops_file() -> None:
    assert red(USUAL, batch("2", n_known=20)) == {
        "items_known_as_before": [("2", "2% of its 1,000 events on items of the catalogue")]
    }


@pytest.mark.parametrize("n_known", [495, 600])
def test_some_items_may_be_new(n_known: int) -> None:
    assert red(USUAL, batch("2", n_known=n_known)) == {}


def test_without_a_catalogue_no_item_is_strange() -> None:
    assert red(batch("1", n_known=None), batch("2", n_known=None)) == {}


def test_a_handful_of_events_says_nothing_of_its_items() -> None:
    few = {"n_rows": 49, "filled": {"value": 15}, "event_types": {"view": 30, "purchase": 19}}
    assert red(USUAL, batch("2", n_known=0, **few)) == {}


def test_a_column_that_is_empty_now() -> None:
    assert red(USUAL, batch("2", filled={"value": 0})) == {"batches_keep_their_columns": [("2", "no value in value")]}
    # 300 of 1000 rows had one: of 67 rows 20 should, of 66 it could be chance
    assert red(USUAL, batch("2", n_rows=67, n_known=66, filled={"value": 0})) != {}
    assert red(USUAL, batch("2", n_rows=66, n_known=66, filled={"value": 0})) == {}


def test_a_column_that_few_batches_had_may_go() -> None:
    without = {"filled": {"value": 0}}
    assert red(batch("1", **without), batch("2", **without), batch("3"), batch("4", **without)) == {}


def test_event_types_gone_and_new() -> None:
    assert red(USUAL, batch("2", event_types={"view": 990, "puchase": 10})) == {
        "event_types_as_before": [("2", "no event of type 'purchase'"), ("2", "10 events of type 'puchase'")]
    }


def test_a_new_event_type_with_a_worth_is_welcome() -> None:
    assert red(USUAL, batch("2", event_types={"view": 700, "purchase": 290, "return": 10})) == {}


def test_a_size_is_odd_only_where_enough_batches_say_what_is_usual() -> None:
    four = [batch(str(number)) for number in range(1, 5)]
    tiny = {"n_rows": 99, "n_known": 98, "filled": {"value": 30}, "event_types": {"view": 69, "purchase": 30}}
    assert red(*four, batch("5", **tiny)) == {}
    assert red(*four, batch("5"), batch("6", **tiny)) == {"batch_sizes_as_usual": [("6", "99 rows")]}
    large = {"n_rows": 10_001, "n_known": 9_900}
    assert red(*four, batch("5"), batch("6", **large)) == {"batch_sizes_as_usual": [("6", "10,001 rows")]}
    assert red(*four, batch("5"), batch("6", n_rows=10_000, n_known=9_900)) == {}
    history = batch("0", n_rows=1_000_000, n_known=990_000)  # the past as one file, then a file a day
    assert red(history, *four, batch("5")) == {}


def test_quiet_days_that_were_there_before_are_no_news() -> None:
    week = [batch(str(number)) for number in range(6)]
    quiet = {"n_rows": 60, "n_known": 59, "filled": {"value": 18}, "event_types": {"view": 42, "purchase": 18}}
    days = [*week, batch("6", **quiet), batch("7", **quiet), batch("8", **quiet), batch("9", **quiet)]
    assert red(*days) == {"batch_sizes_as_usual": [("6", "60 rows"), ("7", "60 rows")]}


def test_many_rejected_rows_are_told_of_the_first_batch_too() -> None:
    assert red(batch("1", n_refused=52)) == {}
    assert red(batch("1", n_refused=53)) == {"rejected_share_below_limit": [("1", "53 of 1,053 rows rejected")]}


def test_an_accepted_batch_is_not_judged_and_is_what_the_next_are_compared_with() -> None:
    changed = {"filled": {"value": 0}, "event_types": {"view": 1000}}
    assert set(red(USUAL, batch("2", **changed))) == {"batches_keep_their_columns", "event_types_as_before"}
    accepted = batch("2", **changed, is_accepted=True)
    assert red(USUAL, accepted, batch("3", **changed)) == {}
    assert red(USUAL, accepted, batch("3")) == {}


def test_one_bad_batch_does_not_make_the_next_one_good() -> None:
    bad = {"n_known": 20}
    assert red(USUAL, batch("2"), batch("3", **bad), batch("4", **bad))["items_known_as_before"] == [
        ("3", "2% of its 1,000 events on items of the catalogue"),
        ("4", "2% of its 1,000 events on items of the catalogue"),
    ]


def test_tables_are_compared_with_themselves() -> None:
    items = Batch("2", "items", ("items.csv",), False, 10, 0, {"title": 10}, {}, None)
    assert red(USUAL, items, batch("3")) == {}


def test_the_sentence_says_which_file_what_was_expected_and_what_to_do() -> None:
    (finding,) = judge_batches([USUAL, batch("2", n_known=20, files=("b.csv", "c.csv"))], CONFIG)[
        "items_known_as_before"
    ]
    assert finding.sentence == (
        "batch 2 (events: b.csv and 1 more) has 2% of its 1,000 events on items of the catalogue, where 99% were "
        "before; take it out with `recsys unload 2`, or keep it as it is with `recsys accept 2`"
    )
