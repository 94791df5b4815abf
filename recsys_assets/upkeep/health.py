"""What is stale, since when, and what it waits for: facts in, one row a table out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """Of a table: made from all there is, from less than that, not made yet, or not wanted by the configuration."""

    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"
    OFF = "off"


@dataclass(frozen=True)
class AssetFact:
    """What is known of one asset.

    Attributes:
        name: `<layer>/<table>`.
        parents: the assets that it is made from.
        made_at: naive UTC; None if it never was.
        is_trained: made by a build and left alone by a refresh, so that older than its parents is as it should be.
        is_off: the configuration does not want it.
    """

    name: str
    parents: tuple[str, ...] = ()
    made_at: datetime | None = None
    is_trained: bool = False
    is_off: bool = False


@dataclass(frozen=True)
class HomeFacts:
    """What is known beside the assets. Times are naive UTC.

    Attributes:
        now: the present.
        waiting: files that are not in the warehouse, as a person reads it: `3 landed files`; empty if there are none.
        waiting_since: when the first of them came.
        reasons: to train again, from `reasons_to_retrain`.
        stale_before: what was stale already when the table was written last, and since when.
        switched_on: names of the sensors and schedules that are on.
    """

    now: datetime
    waiting: str = ""
    waiting_since: datetime | None = None
    reasons: tuple[str, ...] = ()
    stale_before: Mapping[str, datetime] | None = None
    switched_on: frozenset[str] = frozenset()


@dataclass(frozen=True)
class HealthRow:
    """One row of `health.assets`.

    Attributes:
        asset: `<layer>/<table>`.
        state: see `State`.
        made_at: naive UTC; None if it never was.
        stale_since: since when it could have been made from more; None unless it is stale.
        waits_for: why it is stale; empty unless it is.
        what_next: what brings it up to date: a sensor or schedule that is on, or the command.
    """

    asset: str
    state: State
    made_at: datetime | None
    stale_since: datetime | None = None
    waits_for: str = ""
    what_next: str = ""


def assess_health(assets: Iterable[AssetFact], home: HomeFacts) -> list[HealthRow]:
    """One row per asset, in the given order, in which parents come before their children.

    A raw table is stale while files wait; a trained one when there are reasons to train; any other one when a parent
    was made after it, or is stale itself. Trained parents pass on no staleness: lists are made with the model there is.
    """
    rows: dict[str, HealthRow] = {}
    trained: set[str] = set()
    for asset in assets:
        if asset.is_trained:
            trained.add(asset.name)
        parents = [rows[name] for name in asset.parents if name in rows]
        rows[asset.name] = _assess(asset, parents, trained, home)
    return list(rows.values())


def _assess(asset: AssetFact, parents: list[HealthRow], trained: set[str], home: HomeFacts) -> HealthRow:
    next_step = _next_build(home) if asset.is_trained else _next_refresh(home)
    if asset.is_off:  # made or not: a run makes it empty
        return HealthRow(asset.name, State.OFF, None, what_next="candidates.sources does not name it")
    if asset.made_at is None:
        return HealthRow(asset.name, State.MISSING, None, waits_for="the first build", what_next="`recsys build`")
    if asset.is_trained:
        causes = {reason: (home.stale_before or {}).get(asset.name, home.now) for reason in home.reasons}
    elif not asset.parents:
        causes = {f"{home.waiting} to be loaded": home.waiting_since or home.now} if home.waiting else {}
    else:
        causes = {}
        for parent in parents:
            if parent.made_at is not None and parent.made_at > asset.made_at:
                causes[f"{parent.asset}, which was made after it"] = parent.made_at
            if parent.stale_since is not None and parent.asset not in trained:
                for cause in parent.waits_for.split("; "):
                    causes[cause] = min(parent.stale_since, causes.get(cause, parent.stale_since))
    if not causes:
        return HealthRow(asset.name, State.FRESH, asset.made_at)
    since = min(causes.values())
    return HealthRow(asset.name, State.STALE, asset.made_at, since, "; ".join(causes), next_step)


def _next_refresh(home: HomeFacts) -> str:
    on = [name for name in ("new_files", "nightly_refresh", "weekly_build") if name in home.switched_on]
    return f"{on[0]} (on)" if on else "`recsys refresh` (new_files is off)"


def _next_build(home: HomeFacts) -> str:
    on = [name for name in ("retrain_when_needed", "weekly_build") if name in home.switched_on]
    return f"{on[0]} (on)" if on else "`recsys build` (retrain_when_needed is off)"


def render_markdown(rows: Iterable[HealthRow]) -> str:
    """The table as Markdown, what is not fresh first, each part in the order it came."""
    lines = ["| asset | state | made (UTC) | stale since (UTC) | waits for | what next |", "| --- " * 6 + "|"]
    for row in sort_for_reading(rows):
        made, since = show_moment(row.made_at), show_moment(row.stale_since)
        lines.append(f"| {row.asset} | {row.state} | {made} | {since} | {row.waits_for} | {row.what_next} |")
    return "\n".join(lines)


def sort_for_reading(rows: Iterable[HealthRow]) -> list[HealthRow]:
    """What needs someone first."""
    order = (State.MISSING, State.STALE, State.FRESH, State.OFF)
    return sorted(rows, key=lambda row: order.index(row.state))


def show_moment(moment: datetime | None) -> str:
    """To the minute; empty for None."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
