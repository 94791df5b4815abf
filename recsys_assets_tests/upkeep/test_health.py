"""A small chain of tables, and what each is said to wait for."""

from datetime import datetime, timedelta

from recsys_assets.upkeep.health import AssetFact, HealthRow, HomeFacts, State, assess_health, render_markdown

NOW = datetime(2026, 11, 20, 12)


def hour(number: int) -> datetime:
    return NOW.replace(hour=number)


def chain(**made: int | None) -> list[AssetFact]:
    """raw -> lists; raw -> model (trained) -> report (trained); lists are scored with the model."""
    hours: dict[str, int | None] = {"raw": 1, "model": 2, "report": 3, "lists": 4, "bundle": 5} | made
    at = {name: None if number is None else hour(number) for name, number in hours.items()}
    return [
        AssetFact("raw/events", (), at["raw"]),
        AssetFact("ranking/model", ("raw/events",), at["model"], is_trained=True),
        AssetFact("evaluation/report", ("ranking/model",), at["report"], is_trained=True),
        AssetFact("publishing/lists", ("raw/events", "ranking/model"), at["lists"]),
        AssetFact("publishing/bundle", ("publishing/lists", "evaluation/report"), at["bundle"]),
    ]


def states(rows: list[HealthRow]) -> dict[str, State]:
    return {row.asset.split("/")[1]: row.state for row in rows}


def test_after_a_build_everything_is_fresh() -> None:
    rows = assess_health(chain(), HomeFacts(NOW))
    assert {row.state for row in rows} == {State.FRESH}
    assert {(row.stale_since, row.waits_for, row.what_next) for row in rows} == {(None, "", "")}


def test_before_the_first_build_everything_is_missing() -> None:
    rows = assess_health(chain(raw=None, model=None, report=None, lists=None, bundle=None), HomeFacts(NOW))
    assert {(row.state, row.what_next) for row in rows} == {(State.MISSING, "`recsys build`")}


def test_a_refresh_leaves_nothing_stale() -> None:
    rows = assess_health(chain(raw=7, lists=8, bundle=9), HomeFacts(NOW))
    assert {row.state for row in rows} == {State.FRESH}


def test_files_that_wait_make_raw_tables_and_lists_stale_and_not_the_model() -> None:
    home = HomeFacts(NOW, waiting="3 landed files", waiting_since=hour(10))
    rows = assess_health(chain(), home)
    expected = {"raw": State.STALE, "model": State.FRESH, "report": State.FRESH}
    assert states(rows) == {"events": State.STALE, "lists": State.STALE, "bundle": State.STALE} | {
        name: state for name, state in expected.items() if name != "raw"
    }
    lists = next(row for row in rows if row.asset == "publishing/lists")
    assert lists.stale_since == hour(10)
    assert lists.waits_for == "3 landed files to be loaded"
    assert lists.what_next == "`recsys refresh` (new_files is off)"


def test_what_is_switched_on_is_named_as_what_comes_next() -> None:
    home = HomeFacts(NOW, waiting="1 landed file", waiting_since=hour(10), switched_on=frozenset({"new_files"}))
    assert assess_health(chain(), home)[0].what_next == "new_files (on)"
    home = HomeFacts(NOW, reasons=("it is old",), switched_on=frozenset({"weekly_build", "new_files"}))
    assert assess_health(chain(), home)[1].what_next == "weekly_build (on)"


def test_reasons_to_retrain_make_the_model_and_its_reports_stale_and_no_list() -> None:
    home = HomeFacts(NOW, reasons=("the model is 31 days old (limit 30)",))
    rows = assess_health(chain(), home)
    assert [name for name, state in states(rows).items() if state is State.STALE] == ["model", "report"]
    assert rows[1].waits_for == "the model is 31 days old (limit 30)"
    assert rows[1].what_next == "`recsys build` (retrain_when_needed is off)"


def test_a_stale_model_is_stale_since_it_was_first_seen_to_be() -> None:
    first = assess_health(chain(), HomeFacts(NOW, reasons=("old",)))[1]
    assert first.stale_since == NOW
    later = HomeFacts(NOW + timedelta(days=2), reasons=("old",), stale_before={"ranking/model": NOW})
    assert assess_health(chain(), later)[1].stale_since == NOW


def test_a_table_made_before_its_parent_waits_for_it_and_so_do_those_after_it() -> None:
    rows = assess_health(chain(lists=8, bundle=5), HomeFacts(NOW))
    assert rows[-1] == HealthRow(
        "publishing/bundle",
        State.STALE,
        hour(5),
        hour(8),
        "publishing/lists, which was made after it",
        "`recsys refresh` (new_files is off)",
    )
    rows = assess_health(chain(raw=7, lists=4, bundle=9), HomeFacts(NOW))
    assert states(rows)["bundle"] is State.STALE  # made last, and from stale lists
    assert rows[-1].waits_for == "raw/events, which was made after it"


def test_what_the_configuration_does_not_want_is_off_and_not_missing() -> None:
    for made_at in (None, hour(3)):
        row = assess_health([AssetFact("candidates/sasrec", (), made_at, is_off=True)], HomeFacts(NOW))[0]
        assert (row.state, row.waits_for) == (State.OFF, "")


def test_markdown_has_a_line_an_asset_what_needs_someone_first() -> None:
    home = HomeFacts(NOW, reasons=("old",))
    lines = render_markdown(assess_health(chain(), home)).splitlines()
    assert len(lines) == 2 + 5
    assert lines[2].startswith("| ranking/model | stale | 2026-11-20 02:00 | 2026-11-20 12:00 | old |")
