from datetime import datetime

import pytest
from rich.console import Console

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.serving.report_tables import show_report
from recsys_assets.serving.reports import Report, read_report
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish


def printed(report: Report, metric: str | None = None, k: int | None = None) -> list[list[str]]:
    """The words of each line that is not empty."""
    console = Console(width=200, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(*show_report(report, metric, k), sep="\n")
    return [line.split() for line in capture.get().splitlines() if line.strip(" ─")]


def test_models_are_sorted_by_ndcg_and_the_published_one_is_marked(world: Config) -> None:
    lines = printed(read_report(world))
    assert lines[0] == ["Models", "on", "the", "test", "cutoff,", "k", "=", "10"]
    assert lines[1] == ["model", "ndcg", "95", "%", "interval", "coverage", "users"]
    assert lines[2] == ["ranker", "(published)", "0.3000", "0.2500", "to", "0.3500", "0.6000", "40"]
    assert lines[3] == ["popular", "0.1000", "0.0500", "to", "0.1500", "40"]


def test_leave_last_is_flagged_and_the_gate_has_the_last_word(world: Config) -> None:
    lines = [" ".join(line) for line in printed(read_report(world))]
    assert any(line.startswith("Split leave_last:") for line in lines)
    assert "ranker - best other, NDCG@10: +0.2000 (95 % interval 0.1000 to 0.3000)" in lines
    assert lines[-1] == "Published: ranker. Gate passed: ranker is best."


def test_candidate_recall_has_the_union_first(world: Config) -> None:
    lines = printed(read_report(world))
    assert ["union", "0.3000", "0.7000", "100.0"] in lines
    assert lines.index(["union", "0.3000", "0.7000", "100.0"]) + 1 == lines.index(
        ["popular", "0.2000", "0.4000", "10.0%", "90.0"]
    )


def test_segments_stand_beside_plain_popularity(world: Config) -> None:
    lines = [" ".join(line) for line in printed(read_report(world))]
    start = lines.index("By segment: how active users are, how popular items are")
    assert lines[start + 1 : start + 5] == [
        "of segment measured ranker popular 95 % interval",
        "users with 0 to 4 events new ndcg@10 0.2500 0.1250 0.2000 to 0.3000",
        "items with 1 users tail recall@10 0.0500 0.0000 to 0.1000",  # nothing is known of popular there
        "items with 1 users tail share of the list@10 0.7500 0.7000 to 0.8000",
    ]


def test_one_metric_at_one_k(world: Config) -> None:
    lines = printed(read_report(world), "ndcg", 20)
    assert lines[0][-1] == "20"
    assert lines[2] == ["ranker", "(published)", "0.4000", "0.3500", "to", "0.4500", "40"]
    assert printed(read_report(world), "coverage")[2] == ["ranker", "(published)", "0.6000", "40"]


def test_an_unknown_metric_or_k_is_refused_with_those_there_are(world: Config) -> None:
    with pytest.raises(RecsysError, match="no metric 'auc'; there are: coverage, ndcg, ndcg_minus_best_baseline"):
        show_report(read_report(world), "auc")
    with pytest.raises(RecsysError, match="no k = 7; there are: 10, 20"):
        show_report(read_report(world), k=7)
    with pytest.raises(RecsysError, match="no k = 20; there are: 10"):
        show_report(read_report(world), "coverage", 20)


def test_an_empty_report_says_why(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    with open_warehouse(tiny_home) as connection:
        connection.execute("DELETE FROM evaluation.model_report")
    publish(tiny_home, datetime(2024, 3, 1), method="popular", gate_passed=False, gate_decision="Too few users.")
    lines = [" ".join(line) for line in printed(read_report(tiny_home))]
    assert lines == [
        "Nothing was measured: at the test cutoff nobody has a relevant item to find.",
        "Published: popular. Gate not passed: Too few users.",
    ]
