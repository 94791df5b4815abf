"""A line of progress, on stderr, beside what a command prints."""

import sys


def say(line: str) -> None:
    """Print it at once."""
    print(f"  {line}", file=sys.stderr, flush=True)
