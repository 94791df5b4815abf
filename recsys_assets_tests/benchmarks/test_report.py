from pathlib import Path

import polars as pl
import pytest

from benchmarks.report import Scored, format_faults, format_table, write_section
from benchmarks.results import Result
from benchmarks.score import Score


def scored(system: str, ndcg: list[float], faults: int = 0, seconds: float = 1.0) -> Scored:
    users = {"user_id": [f"u{number}" for number in range(len(ndcg))], "ndcg": ndcg, "recall": ndcg}
    result = Result(system, f"{system}.parquet", seconds, 2 * seconds, 3 * seconds, 0.0, 100 if seconds < 2 else 1234)
    return Scored(result, Score(pl.DataFrame(users), 0.25, faults, 0, 0, 0))


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_best_first_with_the_difference_to_ours() -> None:
    cut = [scored("weak", [0.0, 0.25]), scored("ours", [0.5, 0.75])]
    first, second = cells(format_table([cut], "ours"))
    assert first[0] == "**ours**"
    assert first[1] == "0.6250 [0.5000, 0.7500]"
    assert first[2] == ""
    assert second[:4] == ["weak", "0.1250 [0.0000, 0.2500]", "+0.5000 [0.5000, 0.5000]", "0.1250"]
    assert second[4:] == ["0.250", "1.0", "2.0", "3.0", "0.0", "100"]


def test_a_failure_is_a_row_that_says_why() -> None:
    cut = [Scored(Result("ease", failure="out of | memory"), None), scored("ours", [0.5])]
    assert cells(format_table([cut], "ours"))[1][:2] == ["ease", "failed: out of / memory"]


def test_cuts_are_pooled_over_their_users() -> None:
    cuts = [[scored("ours", [1.0])], [scored("ours", [0.0, 0.0, 0.0], seconds=3.0)]]
    ((name, ndcg, _, _, coverage, *costs),) = cells(format_table(cuts, "ours"))
    assert (name, ndcg[:6], coverage) == ("**ours**", "0.2500", "0.250")
    assert costs == ["2.0", "4.0", "6.0", "0.0", "1,234"]


def test_a_system_that_failed_on_one_cut_is_not_pooled() -> None:
    cuts = [[scored("als", [1.0])], [Scored(Result("als", failure="killed"), None)]]
    assert cells(format_table(cuts, "ours")) == [["als", "failed: cut 2: killed", *[""] * 8]]


def test_faults_are_told() -> None:
    assert format_faults([[scored("a", [1.0])]]).startswith("Every target user got 10 items")
    told = format_faults([[scored("a", [1.0]), scored("b", [1.0], faults=1200)]])
    assert told == "b: 1,200 items already in the user's history."


@pytest.mark.parametrize("again", [False, True])
def test_a_section_replaces_itself_and_nothing_else(tmp_path: Path, again: bool) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Benchmarks\n\nBefore.\n\n<!-- bench shop -->\nold\n<!-- end of bench shop -->\n\nAfter.\n")
    for _ in range(1 + again):
        write_section(page, "shop", "| new |")
        write_section(page, "films", "| \\1 |")
    assert page.read_text() == (
        "# Benchmarks\n\nBefore.\n\n<!-- bench shop -->\n| new |\n<!-- end of bench shop -->\n\nAfter.\n\n"
        "<!-- bench films -->\n| \\1 |\n<!-- end of bench films -->\n"
    )
