import polars as pl

from recsys_assets.evaluation.segment_report import (
    SEGMENT_REPORT_SCHEMA,
    assign_item_segments,
    assign_segments,
    build_item_segment_report,
    build_segment_report,
)

USERS = [f"u{number}" for number in range(8)]
HISTORY = pl.DataFrame({"user_id": USERS[1:], "n_history_events": [4, 5, 6, 7, 8, 9, 30]})  # u0 has none
LABELS = pl.DataFrame({"user_id": USERS, "item_id": ["a"] * 8})


def make_lists(model: str, rank_of_hit: dict[str, int]) -> pl.DataFrame:
    rows = [
        (model, user, "a" if rank == hit else f"x{rank}", rank)
        for user, hit in rank_of_hit.items()
        for rank in range(1, 4)
    ]
    return pl.DataFrame(rows, schema=["model", "user_id", "item_id", "rank"], orient="row")


def build(lists: pl.DataFrame, labels: pl.DataFrame = LABELS, models: tuple[str, ...] = ()) -> pl.DataFrame:
    return build_segment_report(
        lists, labels, HISTORY, k=3, draws=100, seed=0, cutoff="test", split="leave_last", models=models
    )


def test_segments_are_cut_at_the_terciles_of_the_known_users() -> None:
    segments = assign_segments(LABELS, HISTORY, min_history_events=5)
    assert segments["n_history_events"].to_list() == [0, 4, 5, 6, 7, 8, 9, 30]
    assert segments["segment"].to_list() == ["new", "new", "light", "light", "medium", "medium", "heavy", "heavy"]


def test_users_with_the_same_number_share_a_segment() -> None:
    history = pl.DataFrame({"user_id": USERS, "n_history_events": [5] * 7 + [6]})
    assert set(assign_segments(LABELS, history, 5)["segment"][:7]) == {"light"}
    assert assign_segments(LABELS, history, 5)["segment"][7] == "heavy"


def test_only_new_users_are_all_new() -> None:
    assert set(assign_segments(LABELS, HISTORY.head(0), 5)["segment"]) == {"new"}


def test_values_by_hand() -> None:
    report = build(make_lists("ranker", {"u0": 3, "u2": 1, "u3": 3, "u6": 1}))
    assert dict(report.schema) == SEGMENT_REPORT_SCHEMA
    columns = ("model", "segment", "metric", "k", "value", "n_users", "min_events", "max_events", "cutoff", "split")
    assert report.select(columns).rows() == [
        ("ranker", "new", "ndcg", 3, 1 / 4, 2, 0, 4, "test", "leave_last"),
        ("ranker", "light", "ndcg", 3, 3 / 4, 2, 5, 6, "test", "leave_last"),
        ("ranker", "medium", "ndcg", 3, 0.0, 2, 7, 8, "test", "leave_last"),  # no lists
        ("ranker", "heavy", "ndcg", 3, 1 / 2, 2, 9, 30, "test", "leave_last"),
    ]
    assert report.select("ci_low", "ci_high").row(3) == (0.0, 1.0)


def test_each_model_is_reported_on_the_same_users() -> None:
    report = build(make_lists("fusion", {"u0": 1}), models=("silent",))
    assert report.group_by("model").agg(pl.col("n_users").sum()).sort("model").rows() == [("fusion", 8), ("silent", 8)]
    assert set(report.filter(pl.col("model") == "silent")["value"]) == {0.0}
    assert not report.select("model", "segment", "metric", "k").is_duplicated().any()


def test_without_labels_it_is_empty_but_has_its_columns() -> None:
    report = build(make_lists("fusion", {"u0": 1}), LABELS.head(0))
    assert report.is_empty()
    assert dict(report.schema) == SEGMENT_REPORT_SCHEMA


POPULARITY = pl.DataFrame({"item_id": list("abcdef"), "n_users": [6, 4, 4, 2, 1, 1]})  # thirds of 18: a; b, c; d, e, f


def build_items(lists: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    return build_item_segment_report(
        lists, labels, POPULARITY.reverse(), k=2, draws=50, seed=0, cutoff="test", split="temporal"
    )


def test_items_are_cut_where_they_hold_thirds_of_all_pairs() -> None:
    found = assign_item_segments(POPULARITY.reverse())
    assert dict(found.select("item_id", "segment").iter_rows()) == {
        "a": "head",
        "b": "middle",
        "c": "middle",
        "d": "tail",
        "e": "tail",
        "f": "tail",
    }


def test_recall_and_exposure_by_hand() -> None:
    rows = [("m", "u1", "a", 1), ("m", "u1", "d", 2), ("m", "u1", "e", 3), ("m", "u2", "b", 1), ("m", "u3", "a", 1)]
    lists = pl.DataFrame(rows, schema=["model", "user_id", "item_id", "rank"], orient="row")
    labels = pl.DataFrame({"user_id": ["u1", "u1", "u1", "u2", "u4"], "item_id": ["d", "e", "a", "c", "b"]})
    report = build_items(lists, labels)  # u3 has nothing relevant, u4 no list
    assert dict(report.schema) == SEGMENT_REPORT_SCHEMA
    assert report.select("segment", "metric", "value", "n_users", "min_events", "max_events").rows() == [
        ("head", "recall", 1.0, 1, 6, 6),
        ("head", "exposure", 1 / 4, 2, 6, 6),
        ("middle", "recall", 0.0, 2, 4, 4),
        ("middle", "exposure", 1 / 2, 2, 4, 4),
        ("tail", "recall", 1 / 2, 1, 1, 2),  # d and not e, which is beyond k
        ("tail", "exposure", 1 / 4, 2, 1, 2),
    ]


def test_without_labels_no_items_are_judged() -> None:
    assert build_items(make_lists("m", {"u0": 1}), LABELS.head(0)).is_empty()
