"""The console that commands print on, and the one look of its tables."""

import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

# a pipe has no width, and a row must not be cut there
PIPE_WIDTH = 200


def open_console() -> Console:
    """The console that commands print on; it takes titles as they are, square brackets and all."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(width=width, markup=False, highlight=False, emoji=False)


def make_table(title: str, columns: Sequence[str], right: Sequence[str] = ()) -> Table:
    """An empty table with a title; the columns of `right` stand on the right, and nothing is cut off."""
    table = Table(title=Text(title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table
