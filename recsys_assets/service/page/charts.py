"""The numbers of drawings: where bars begin and end, and how a line runs. Templates draw them as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 100.0  # of a bar's drawing; its table says the number in words
PLOT_WIDTH, PLOT_HEIGHT, LABELS_WIDTH = 560.0, 380.0, 150.0
LEFT, TOP, BOTTOM = 44.0, 12.0, 34.0
LABEL_HEIGHT: Final = 15.0


@dataclass(frozen=True)
class Bar:
    """A bar in a drawing that is WIDTH wide: its left side and width, and an interval's ends; None: there is none."""

    x: float
    width: float
    low: float | None = None
    high: float | None = None
    is_negative: bool = False


@dataclass(frozen=True)
class Line:
    """A line of a plot: its points as SVG has them, and where its name stands."""

    name: str
    points: str
    end: tuple[float, float]
    label_y: float
    is_main: bool


@dataclass(frozen=True)
class Plot:
    """Lines over the same places of the x axis; ticks are (place, text)."""

    lines: list[Line]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    width: float = PLOT_WIDTH
    height: float = PLOT_HEIGHT
    left: float = LEFT
    right: float = PLOT_WIDTH - LABELS_WIDTH
    bottom: float = PLOT_HEIGHT - BOTTOM
    top: float = TOP


def bars(values: Sequence[float], intervals: Sequence[tuple[float | None, float | None]] = ()) -> list[Bar]:
    """A bar a value from 0 on; all share one scale that the longest bar or interval fills."""
    ends = intervals or [(None, None)] * len(values)
    scale = WIDTH / max([1e-12, *values, *(high for _, high in ends if high is not None)])

    def at(value: float | None) -> float | None:
        return None if value is None else round(max(value, 0) * scale, 2)

    return [
        Bar(0.0, round(max(value, 0) * scale, 2), at(low), at(high))
        for value, (low, high) in zip(values, ends, strict=True)
    ]


def bars_both_ways(values: Sequence[float]) -> list[Bar]:
    """A bar a value from the middle on, to the left where it is negative; the largest fills half of the drawing."""
    middle = WIDTH / 2
    scale = middle / max([1e-12, *map(abs, values)])
    return [
        Bar(
            round(middle + min(value, 0) * scale, 2),
            round(max(abs(value) * scale, 0.5), 2),
            is_negative=value < 0,
        )
        for value in values
    ]


def plot_lines(lines: Mapping[str, Mapping[int, float]], main: str) -> Plot:
    """Lines through (x, value), their names at their ends; the x axis has the places in order, evenly spaced."""
    places = sorted({x for line in lines.values() for x in line})
    highest = max([1e-12, *(value for line in lines.values() for value in line.values())])
    step, top = _steps(highest)
    right, bottom = PLOT_WIDTH - LABELS_WIDTH, PLOT_HEIGHT - BOTTOM
    apart = (right - LEFT) / max(len(places) - 1, 1)
    at_x = {x: round(LEFT + place * apart, 1) for place, x in enumerate(places)}

    def at_y(value: float) -> float:
        return round(bottom - value / top * (bottom - TOP), 1)

    ends = {name: (at_x[max(line)], at_y(line[max(line)])) for name, line in lines.items()}
    labels = _spread({name: end[1] for name, end in ends.items()})
    drawn = [
        Line(name, " ".join(f"{at_x[x]},{at_y(line[x])}" for x in sorted(line)), ends[name], labels[name], name == main)
        for name, line in sorted(lines.items(), key=lambda pair: pair[0] == main)  # the main one lies above
    ]
    ticks = [(at_y(number * step), f"{number * step:g}") for number in range(round(top / step) + 1)]
    return Plot(drawn, [(at_x[x], f"{x:,}") for x in places], ticks)


def _steps(highest: float) -> tuple[float, float]:
    """The distance of ticks, a round number, and the top of the axis: four to ten ticks."""
    step = 1e-6
    while highest / step > 10:
        step *= 2.5 if f"{step:e}".startswith("2") else 2
    return step, step * math.ceil(highest / step - 1e-9)


def _spread(wanted: Mapping[str, float]) -> dict[str, float]:
    """Places for the names, near where they are wanted and not upon one another."""
    placed: dict[str, float] = {}
    lowest = PLOT_HEIGHT - 4
    for left, (name, y) in enumerate(sorted(wanted.items(), key=lambda pair: -pair[1])):
        most = lowest if not placed else min(placed.values()) - LABEL_HEIGHT
        least = TOP + (len(wanted) - left - 1) * LABEL_HEIGHT
        placed[name] = round(max(min(y + 4, most), min(least, most)), 1)
    return placed
