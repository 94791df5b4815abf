import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from benchmarks.dataset import fingerprint
from benchmarks.split import cut_data, cut_to_tune, read_meta
from recsys_assets.errors import RecsysError

Event = tuple[str | None, str | None, str | None, float | None, int | None]  # user, item, type, value, day
COLUMNS = {
    "user_id": pl.String,
    "item_id": pl.String,
    "event_type": pl.String,
    "value": pl.Float64,
    "day": pl.Int64,
}


def write_events(folder: Path, events: list[Event]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame(events, schema=COLUMNS, orient="row")
    times = pl.datetime(2024, 1, 1) + pl.duration(days="day")
    frame.with_columns(ts=times).drop("day").write_parquet(folder / "events.parquet")
    return folder


def views(user: str, items: str, first_day: int = 1) -> list[Event]:
    return [(user, item, "view", None, first_day + number) for number, item in enumerate(items)]


def relevant(split: Path) -> list[tuple[str, str]]:
    return pl.read_parquet(split / "hidden" / "relevant.parquet").rows()


def train(split: Path) -> list[tuple[str, str]]:
    return pl.read_parquet(split / "seen" / "events.parquet").select("user_id", "item_id").rows()


def test_global_cut_by_hand(tmp_path: Path) -> None:
    before = [*views("u", "abcdef"), *views("v", "abcdef"), *views("w", "abcd"), *views("x", "abcdefghi", first_day=0)]
    test: list[Event] = [  # the cut is the time of event 27 of 30, and all five of that day are test
        ("u", "g", "purchase", 1.0, 9),
        ("u", "a", "view", None, 9),  # she has it
        ("v", "new", "view", None, 9),  # not in train
        ("v", "h", "rating", 3.0, 9),  # not liked
        ("w", "i", "view", None, 9),  # four events before are too few
    ]
    left_out: list[Event] = [("u", "h", "return", 1.0, 9), (None, "h", "view", None, 9), ("u", "i", "view", None, None)]
    meta = cut_data(write_events(tmp_path / "data", [*test, *left_out, *before]), tmp_path / "split", "global")
    assert relevant(tmp_path / "split") == [("u", "g")]
    assert sorted(train(tmp_path / "split")) == sorted((user, item) for user, item, *_ in before)
    assert meta == read_meta(tmp_path / "split")
    assert meta == {
        "protocol": "global",
        "cut": "2024-01-10 00:00:00",
        "events": 30,
        "train_events": 25,
        "train_users": 4,
        "train_items": 9,
        "relevant_events": 4,
        "of_users_with_history": 3,
        "of_known_items": 2,
        "relevant_pairs": 1,
        "users_with_relevant_pairs": 1,
        "target_users": 1,
    }


def test_leave_last_out_by_hand(tmp_path: Path) -> None:
    ties: list[Event] = [
        ("b", item, "view", None, 30) for item in "zyxwv"
    ]  # one instant: the order is that of the items
    events = [*views("a", "abcdefghij"), *ties, *views("c", "ijyz"), *views("d", "abcdefghi")]
    cut_data(write_events(tmp_path / "data", events), tmp_path / "split", "llo")
    # 20 % of 10, 5, 4 and 9 events, rounded down: 2, 1, none (under five), 1
    assert relevant(tmp_path / "split") == [("a", "i"), ("a", "j"), ("b", "z"), ("d", "i")]


@pytest.mark.parametrize(("scale", "liked"), [(5.0, 4.0), (10.0, 8.0)])
def test_what_counts_of_ratings_depends_on_their_scale(tmp_path: Path, scale: float, liked: float) -> None:
    rated: list[Event] = [("a", "i", "rating", liked - 0.5, 20), ("a", "j", "rating", liked, 21)]
    events = [*views("a", "abcdefgh"), *rated, ("b", "i", "rating", scale, 1), ("b", "j", "rating", 1.0, 2)]
    cut_data(write_events(tmp_path / "data", events), tmp_path / "split", "llo")
    assert relevant(tmp_path / "split") == [("a", "j")]


def test_formats_and_missing_columns_change_nothing(tmp_path: Path) -> None:
    events = views("a", "abcdefghij") + views("b", "jihgfedcba")
    parquet = write_events(tmp_path / "parquet", events)
    frame = pl.read_parquet(parquet / "events.parquet").drop("value", "event_type")
    (tmp_path / "csv").mkdir()
    (tmp_path / "jsonl" / "events").mkdir(parents=True)
    frame.write_csv(tmp_path / "csv" / "events.csv")
    for number, part in enumerate((frame[:7], frame[7:])):
        part.with_columns(pl.col("ts").dt.to_string()).write_ndjson(tmp_path / "jsonl" / "events" / f"{number}.jsonl")
    for kind in ("parquet", "csv", "jsonl"):
        cut_data(tmp_path / kind, tmp_path / f"split-{kind}", "llo")
        assert relevant(tmp_path / f"split-{kind}") == [("a", "i"), ("a", "j"), ("b", "a"), ("b", "b")]
        assert train(tmp_path / f"split-{kind}") == train(tmp_path / "split-parquet")


def test_a_system_sees_items_and_users_but_no_impressions(tmp_path: Path) -> None:
    data = write_events(tmp_path / "data", views("a", "abcdefghij") + views("b", "jihgfedcba"))
    for name in ("items.csv", "users.jsonl.gz", "impressions.csv", "notes.txt"):
        (data / name).write_text(name)
    cut_data(data, tmp_path / "split", "llo")
    assert sorted(path.name for path in (tmp_path / "split" / "seen").iterdir()) == [
        "events.parquet",
        "items.csv",
        "users.jsonl.gz",
    ]


def test_the_fingerprint_is_that_of_the_bytes(tmp_path: Path) -> None:
    data = write_events(tmp_path / "data", views("a", "abcde"))
    before = fingerprint(data)
    assert fingerprint(Path(shutil.copytree(data, tmp_path / "copy"))) == before
    write_events(data, views("a", "abcdf"))
    assert fingerprint(data) != before


def test_a_tuning_slice_is_cut_out_of_train(tmp_path: Path) -> None:
    data = write_events(tmp_path / "data", views("a", "abcdefghij") + views("b", "jihgfedcba"))
    cut_data(data, tmp_path / "split", "llo")
    tuning = cut_to_tune(tmp_path / "split", "llo")  # the last 20 % of 8 events
    assert relevant(tuning) == [("a", "h"), ("b", "c")]
    assert set(train(tuning)) < set(train(tmp_path / "split"))


def test_a_tuning_slice_falls_back_to_leave_last_out(tmp_path: Path) -> None:
    events = [*views("a", "abcdefghij"), *views("b", "jihgfedcba"), *views("c", "xyzvw", first_day=20)]
    meta = cut_data(write_events(tmp_path / "data", events), tmp_path / "split", "global")
    assert meta["target_users"] == 0  # c comes late
    tuning = cut_to_tune(tmp_path / "split", "global")
    assert (read_meta(tuning) or {})["protocol"] == "llo"


def test_what_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    data = write_events(tmp_path / "data", views("a", "abc"))
    with pytest.raises(RecsysError, match=r"^There is no protocol random: choose one of global, llo\.$"):
        cut_data(data, tmp_path / "split", "random")
    cut_data(data, tmp_path / "split", "llo")
    with pytest.raises(RecsysError, match=r"leaves nobody to recommend for: it needs more events\.$"):
        cut_to_tune(tmp_path / "split", "llo")
    with pytest.raises(RecsysError, match=r"needs events in one format .*, and has none\.$"):
        cut_data(tmp_path, tmp_path / "split", "llo")
    (data / "events.parquet").rename(data / "events.csv")
    with pytest.raises(RecsysError, match=r"^The events in .* (cannot be read: |have no column )"):
        cut_data(data, tmp_path / "split", "llo")


@pytest.mark.realdata
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("protocol", ["global", "llo"])
def test_the_foreign_scorer_cuts_the_same(
    foreign_scorer: Callable[[str], ModuleType], tmp_path: Path, protocol: str, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    n = 1500
    kinds = np.array([None, "view", "rating", "return", "purchase"], dtype=object)
    columns = {
        "user_id": [f"u{number}" for number in generator.geometric(0.02, n)],
        "item_id": [f"i{number}" for number in generator.geometric(0.01, n)],
        "event_type": kinds[generator.integers(0, 5, n)].tolist(),
        "value": generator.integers(1, 11 if seed else 6, n).astype(float).tolist(),
        "day": generator.integers(0, 60, n).tolist(),  # many a tie
    }
    frame = pl.DataFrame(columns, schema=COLUMNS).unique(["user_id", "item_id", "day"], maintain_order=True)
    data, ours, theirs = write_events(tmp_path / "data", frame.rows()), tmp_path / "ours", tmp_path / "theirs"
    meta = cut_data(data, ours, protocol, max_users=20)
    expected = foreign_scorer("split").split(str(data), str(theirs), protocol, max_users=20)
    assert 10 < meta["target_users"] <= 20
    assert meta["users_with_relevant_pairs"] == expected["target_users_before_sample"]
    for mine, other in (
        ("seen/events", "train_events"),
        ("target_users", "target_users"),
        ("hidden/relevant", "hidden/test"),
    ):
        left, right = pl.read_parquet(ours / f"{mine}.parquet"), pl.read_parquet(theirs / f"{other}.parquet")
        assert len(left) > 10
        assert_frame_equal(left, right, check_row_order=False)
