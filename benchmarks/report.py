"""Tables of what was measured, and their place in a page: between two markers a data set, the prose around stays."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import Result
from benchmarks.score import K, Score
from recsys_assets.evaluation.bootstrap import Interval, bootstrap_mean_interval, bootstrap_paired_difference

DRAWS, SEED = 1000, 0
HEAD = (
    "system",
    f"NDCG@{K} [95 %]",
    "ours minus it",
    f"recall@{K}",
    "coverage",
    "s",
    "s, whole",
    "CPU s, whole",
    "s, tuning",
    "MB",
)


@dataclass(frozen=True)
class Scored:
    """A system on a cut; without a score if it failed."""

    result: Result
    score: Score | None


def format_table(cuts: Sequence[Sequence[Scored]], ours: str) -> str:
    """A Markdown table with a row a system, best first, the failed ones last with their reason.

    With several cuts the user-cut pairs are pooled: means and intervals go over all of them; coverage and seconds are
    means over the cuts, memory is the largest. The interval is the percentile bootstrap over users, the difference that
    of the same users' NDCG.

    Args:
        cuts: the systems of each cut, the same ones in the same order.
        ours: the system that the others are compared with.
    """
    systems = list(zip(*cuts, strict=True))
    whole = {
        entries[0].result.system: _pool(entries, "ndcg") for entries in systems if all(one.score for one in entries)
    }
    done = [entries for entries in systems if entries[0].result.system in whole]
    done.sort(key=lambda entries: -float(whole[entries[0].result.system].mean()))
    rows = [_row(entries, whole, ours) for entries in done]
    for entries in systems:
        name = entries[0].result.system
        reasons = [
            _where(number, cuts) + one.result.failure for number, one in enumerate(entries, 1) if one.result.failure
        ]
        if reasons:
            rows.append([name, f"failed: {_in_a_cell('; '.join(reasons))}", *[""] * (len(HEAD) - 2)])
    lines = ["| " + " | ".join(row) + " |" for row in [list(HEAD), ["---"] * len(HEAD), *rows]]
    return "\n".join(lines)


def format_faults(cuts: Sequence[Sequence[Scored]]) -> str:
    """A sentence a fault: lists that hold what they should not, or too little."""
    faults: dict[str, Callable[[Score], int]] = {
        "items already in the user's history": lambda score: score.rows_in_history,
        "items that do not occur in train": lambda score: score.rows_not_in_train,
        "users without a list": lambda score: score.users_without_list,
        f"users with fewer than {K} items": lambda score: score.users_with_short_list,
    }
    found = []
    for entries in zip(*cuts, strict=True):
        scores = [one.score for one in entries if one.score]
        counts = {what: sum(count(score) for score in scores) for what, count in faults.items()}
        if any(counts.values()):
            told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
            found.append(f"{entries[0].result.system}: {told}.")
    return " ".join(found) or f"Every target user got {K} items of train that are new to her, from every system."


def describe_cut(number: int, meta: dict[str, Any]) -> str:
    """A sentence: where the cut is and how much lies on its sides."""
    at = f"at {meta['cut']}" if meta["cut"] else "of each user's last events"
    return (
        f"Cut {number}, {meta['protocol']}, {at}: {meta['train_events']:,} events of {meta['train_users']:,} users and "
        f"{meta['train_items']:,} items before; {meta['target_users']:,} target users."
    )


def write_section(page: Path, name: str, section: str) -> None:
    """Put a data set's section between its markers on a page; the first time, at the end of it."""
    begin, end = f"<!-- bench {name} -->", f"<!-- end of bench {name} -->"
    text = page.read_text(encoding="utf-8") if page.exists() else "# Benchmarks\n"
    between = f"{begin}\n{section.strip()}\n{end}"
    old = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    text = old.sub(lambda _: between, text) if old.search(text) else f"{text.rstrip()}\n\n{between}\n"
    page.write_text(text, encoding="utf-8")


def _pool(entries: Sequence[Scored], metric: str) -> Any:
    return np.concatenate([one.score.per_user[metric].to_numpy() for one in entries if one.score])


def _row(entries: Sequence[Scored], ndcg: dict[str, Any], ours: str) -> list[str]:
    name = entries[0].result.system
    results, scores = [one.result for one in entries], [one.score for one in entries if one.score]
    difference = ""
    if name != ours and ours in ndcg:
        difference = _show(bootstrap_paired_difference(ndcg[ours], ndcg[name], DRAWS, SEED), sign="+")
    memory = [result.memory_mb for result in results if result.memory_mb is not None]
    return [
        f"**{name}**" if name == ours else name,
        _show(bootstrap_mean_interval(ndcg[name], DRAWS, SEED)),
        difference,
        f"{_pool(entries, 'recall').mean():.4f}",
        f"{np.mean([score.coverage for score in scores]):.3f}",
        _mean([result.seconds for result in results]),
        _mean([result.whole_seconds for result in results]),
        _mean([result.processor_seconds for result in results]),
        _mean([result.tuning_seconds for result in results]),
        f"{max(memory):,}" if memory else "",
    ]


def _show(interval: Interval, sign: str = "") -> str:
    return f"{interval.mean:{sign}.4f} [{interval.low:.4f}, {interval.high:.4f}]"


def _mean(seconds: list[float | None]) -> str:
    known = [one for one in seconds if one is not None]
    return f"{sum(known) / len(known):.1f}" if len(known) == len(seconds) else ""


def _where(number: int, cuts: Sequence[Sequence[Scored]]) -> str:
    return f"cut {number}: " if len(cuts) > 1 else ""


def _in_a_cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())[:200]
