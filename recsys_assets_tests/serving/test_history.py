import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from recsys_assets.config import Config
from recsys_assets.serving.history import user_history, users_by_activity
from recsys_assets.serving.lists import recommend
from recsys_assets.serving.tour import choose_users
from recsys_assets.serving.trace import trace_recommendation

HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@contextmanager
def another_process_holds_the_warehouse(config: Config) -> Iterator[None]:
    command = [sys.executable, "-c", HOLD, str(config.warehouse_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.communicate()


def test_the_latest_events_come_first_with_their_file_and_line(world: Config) -> None:
    history = user_history(world, "u1", limit=3)
    assert history.note is None
    assert [
        (event.item_id, event.event_type, event.value, event.file_name, event.line) for event in history.events
    ] == [
        ("i2", "rating", 4.5, "events.csv", 8),
        ("i2", "cart", None, "events.csv", 7),
        ("i2", "view", None, "events.csv", 6),
    ]
    assert history.events[0].ts == datetime(2024, 1, 4, 10)


def test_an_item_that_came_twice_has_its_latest_title(world: Config) -> None:
    history = user_history(world, "u1", limit=None, item_id="i1")
    assert [(event.title, event.line) for event in history.events] == [("New Boot", 3), ("New Boot", 2)]


def test_a_user_without_events_has_an_empty_history(world: Config) -> None:
    history = user_history(world, "u3")
    assert (history.events, history.note) == ([], None)


def test_without_a_warehouse_the_note_says_so(tiny_home: Config) -> None:
    assert "There is no warehouse" in (user_history(tiny_home, "u1").note or "")
    assert not tiny_home.warehouse_path.exists()


def test_while_another_process_writes_lists_are_read_and_the_history_says_why_it_is_not(world: Config) -> None:
    with another_process_holds_the_warehouse(world):
        assert [row.item_id for row in recommend(world, "u1").rows] == ["i3", "i4"]
        history = user_history(world, "u1")
        assert history.events == []
        assert (history.note or "").startswith("The events are not shown. Another process holds the warehouse")
        trace = trace_recommendation(world, "u1", "i3")
        assert trace.is_reproduced
        assert "Another process holds the warehouse" in (trace.evidence.note or "")
        assert choose_users(world, 2) == ["u1", "u2"]


def test_users_are_found_by_their_number_of_events(world: Config) -> None:
    assert users_by_activity(world, 1, 6) == ["u1", "u2"]
    assert users_by_activity(world, 2, 6) == ["u1"]
    assert users_by_activity(world, 7, 9) == []


def test_the_tour_shows_users_with_a_history_one_can_take_in(world: Config) -> None:
    assert choose_users(world, 3) == ["u1"]
