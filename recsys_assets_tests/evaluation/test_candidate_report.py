import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_assets.evaluation.candidate_report import CANDIDATE_REPORT_SCHEMA, build_candidate_report

LISTS = {"user_id": pl.String, "item_id": pl.String, "rank": pl.Int64}
LABELS = pl.DataFrame({"user_id": ["u1", "u1", "u1", "u1", "u2"], "item_id": ["a", "b", "c", "d", "a"]})


def make_lists(**items_of_user: str) -> pl.DataFrame:
    rows = [(user, item, rank) for user, items in items_of_user.items() for rank, item in enumerate(items, start=1)]
    return pl.DataFrame(rows, schema=LISTS, orient="row")


SOURCES = {
    "popular": make_lists(u1="axb", u2="ax", u3="abc"),  # u3 has no labels
    "repeat": make_lists(u1="bcx"),
    "silent": make_lists(),
}
UNION = make_lists(u1="baxc", u2="xa")


def test_by_hand() -> None:
    report = build_candidate_report(SOURCES.items(), UNION, LABELS, ns=(1, 3))
    assert dict(report.schema) == CANDIDATE_REPORT_SCHEMA
    assert report.rows() == [
        # first places: popular hits u1's a and u2's a, repeat hits u1's b
        ("popular", 1, (1 / 4 + 1) / 2, 1.0, 1.0),
        # of popular's hits u1 a, u1 b, u2 a, repeat has u1's b too
        ("popular", 3, (2 / 4 + 1) / 2, 2 / 3, (3 + 2) / 2),
        ("repeat", 1, (1 / 4 + 0) / 2, 1.0, 1 / 2),
        ("repeat", 3, (2 / 4 + 0) / 2, 1 / 2, 3 / 2),
        ("silent", 1, 0.0, None, 0.0),
        ("silent", 3, 0.0, None, 0.0),
        ("union", 1, (1 / 4 + 0) / 2, None, 1.0),
        # u1's first three are b, a, x
        ("union", 3, (2 / 4 + 1) / 2, None, 5 / 2),
    ]


def test_sources_may_come_one_after_the_other() -> None:
    generated = build_candidate_report(((source, SOURCES[source]) for source in SOURCES), UNION, LABELS)
    assert generated.equals(build_candidate_report(SOURCES.items(), UNION, LABELS))
    assert generated["n"].unique(maintain_order=True).to_list() == [10, 20, 50, 100, 200, 300]


def test_without_labels_it_is_empty_but_has_its_columns() -> None:
    report = build_candidate_report(SOURCES.items(), UNION, LABELS.head(0))
    assert report.is_empty()
    assert dict(report.schema) == CANDIDATE_REPORT_SCHEMA


items = st.lists(st.sampled_from("abcdefgh"), unique=True)


@settings(max_examples=40)
@given(one=items, two=items, relevant=st.sets(st.sampled_from("abcdefgh"), min_size=1))
def test_recall_grows_with_n_and_shares_stay_in_range(one: list[str], two: list[str], relevant: set[str]) -> None:
    sources = {"one": make_lists(u="".join(one)), "two": make_lists(u="".join(two))}
    labels = pl.DataFrame({"user_id": ["u"] * len(relevant), "item_id": sorted(relevant)})
    report = build_candidate_report(sources.items(), UNION.head(0), labels, ns=(1, 2, 4, 8))
    assert not report.select("source", "n").is_duplicated().any()
    for source, listed, other in (("one", one, two), ("two", two, one)):
        rows = report.filter(pl.col("source") == source)
        recalls = rows["recall"].to_list()
        assert recalls == sorted(recalls)
        assert recalls[-1] == len(relevant & set(listed)) / len(relevant)
        hits = relevant & set(listed)
        expected = len(hits - set(other)) / len(hits) if hits else None
        assert rows["share_unique"][-1] == (pytest.approx(expected) if hits else None)
