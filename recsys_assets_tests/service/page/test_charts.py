from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from recsys_assets.service.page.charts import (
    LABEL_HEIGHT,
    PLOT_HEIGHT,
    TOP,
    WIDTH,
    Bar,
    bars,
    bars_both_ways,
    plot_lines,
)

SHARES = st.floats(0, 1, allow_nan=False)


def test_longest_bar_or_interval_fills_the_drawing() -> None:
    assert bars([2.0, 1.0, 0.0]) == [Bar(0, 100), Bar(0, 50), Bar(0, 0)]
    assert bars([1.0], [(0.5, 2.0)]) == [Bar(0, 50, 25, 100)]
    assert bars([0.0], [(None, None)]) == [Bar(0, 0)]


def test_bars_both_ways_begin_or_end_in_the_middle() -> None:
    assert bars_both_ways([1.0, -0.5]) == [Bar(50, 50), Bar(25, 25, is_negative=True)]
    assert bars_both_ways([]) == []


@given(st.lists(st.floats(-1e6, 1e6), max_size=8))
def test_no_bar_leaves_its_drawing(values: list[float]) -> None:
    for bar in (*bars(values), *bars_both_ways(values)):
        assert bar.x >= 0
        assert bar.x + bar.width <= WIDTH + 0.5


def test_lines_run_from_the_left_to_the_right_and_up() -> None:
    plot = plot_lines({"union": {10: 0.0, 20: 1.0}, "als": {10: 0.5, 20: 0.5}}, "union")
    assert [line.name for line in plot.lines] == ["als", "union"]
    assert plot.lines[1].is_main
    assert plot.lines[1].points == f"{plot.left},{plot.bottom} {plot.right},{plot.top}"
    assert [text for _, text in plot.x_ticks] == ["10", "20"]
    assert [plot.y_ticks[0][1], plot.y_ticks[-1][1]] == ["0", "1"]


@given(st.lists(SHARES, min_size=1, max_size=20))
def test_names_of_lines_stay_in_the_plot_and_apart(values: list[float]) -> None:
    plot = plot_lines({f"s{place}": {1: value} for place, value in enumerate(values)}, "s0")
    places = sorted(line.label_y for line in plot.lines)
    assert all(TOP <= place <= PLOT_HEIGHT for place in places)
    assert all(below - above >= LABEL_HEIGHT - 0.2 for above, below in pairwise(places))
