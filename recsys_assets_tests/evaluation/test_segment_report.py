import polars as pl

from recsys_assets.evaluation.segment_report import SEGMENT_REPORT_SCHEMA, assign_segments, build_segment_report

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
