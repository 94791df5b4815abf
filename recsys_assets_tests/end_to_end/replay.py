"""A shop's days through a home: files come into the inbox, the daemons tick, and the clock is moved on."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
import duckdb
import polars as pl
import time_machine

from recsys_assets.config import Config
from recsys_assets.defs.health import look_at_home
from recsys_assets.defs.runs import REASON
from recsys_assets.publishing.manifest import DATABASE_FILE
from recsys_assets.publishing.switch import current_bundle
from recsys_assets.sources.simulation import SimulatedShop, write_days
from recsys_assets.upkeep.health import State
from recsys_assets.warehouse import read_frame
from recsys_assets_tests.end_to_end.daemons import Daemons, open_daemons

FILES_COME_AT = time(3, 0, 5, tzinfo=UTC)  # with the tick of nightly_refresh
LONGEST_INTERVAL = timedelta(minutes=6)  # longer than any sensor's
MOST_RUNS = 4  # that one day can lead to, before it counts as without end
TOP = 10


@dataclass(frozen=True)
class Run:
    """A run that a sensor or schedule started, and how long it took in seconds."""

    job: str
    reason: str
    succeeded: bool
    seconds: float


@dataclass(frozen=True)
class Tastes:
    """What the first ten items of `for_you` are of, as shares.

    Attributes:
        new: of the lists of those whose taste changes, in the category that they change to.
        old: of the same lists, in the category that they come from.
        kept: of all other lists, in the user's favourite category.
    """

    new: float
    old: float
    kept: float


@dataclass(frozen=True)
class Day:
    """A day of traffic, as it looked a day later, just before the next files came.

    Attributes:
        day: the day of the events.
        runs: that they led to, in order.
        failed_checks: name and severity of every check that did not pass in one of them.
        freshness: the state of each published table under its policy.
        not_fresh: the assets that `recsys health` calls stale or missing.
        tastes: of the lists in use.
    """

    day: date
    runs: tuple[Run, ...]
    failed_checks: frozenset[tuple[str, str]]
    freshness: dict[str, str]
    not_fresh: tuple[str, ...]
    tastes: Tastes


def replay(config: Config, shop: SimulatedShop, n_before: int, n_days: int) -> Iterator[Day]:
    """Each of `n_days` of traffic, after `n_before` that are there at the first build.

    Those before end today, so that every file is older than the moment at which a sensor sees it.
    """
    traffic = write_days(shop, config.inbox_path, n_before + n_days)
    for _ in range(n_before):
        next(traffic)
    first = shop.first_day + timedelta(days=n_before)
    with time_machine.travel(datetime.combine(first, FILES_COME_AT)) as clock, open_daemons(config) as daemons:
        daemons.switch_on("new_files", "retrain_when_needed", "nightly_refresh")
        _live_on(daemons, clock)
        for day, _ in traffic:
            comes_at = datetime.combine(day + timedelta(days=1), FILES_COME_AT)
            clock.move_to(comes_at)
            _live_on(daemons, clock)
            clock.move_to(comes_at + timedelta(hours=23, minutes=59))
            yield _look_at(day, daemons, daemons.runs_since(comes_at), config, shop)


def _live_on(daemons: Daemons, clock: time_machine.Traveller) -> None:
    """Until nothing is started any more."""
    for _ in range(MOST_RUNS):
        if not daemons.tick():
            return
        daemons.run_queued()
        clock.shift(LONGEST_INTERVAL)
    raise AssertionError(f"{MOST_RUNS} runs did not bring the home to rest.")


def _look_at(day: date, daemons: Daemons, records: list[dg.RunRecord], config: Config, shop: SimulatedShop) -> Day:
    return Day(
        day=day,
        runs=tuple(
            Run(
                job=record.dagster_run.job_name,
                reason=record.dagster_run.tags[REASON],
                succeeded=record.dagster_run.is_success,
                seconds=(record.end_time or 0) - (record.start_time or 0),
            )
            for record in records
        ),
        failed_checks=frozenset(check for record in records for check in daemons.failed_checks(record)),
        freshness=daemons.judge_freshness(),
        not_fresh=tuple(row.asset for row in look_at_home(config) if row.state in (State.STALE, State.MISSING)),
        tastes=_measure_tastes(_read_lists(config), shop),
    )


def _read_lists(config: Config) -> pl.DataFrame:
    bundle = current_bundle(config)
    assert bundle is not None
    with duckdb.connect(str(bundle / DATABASE_FILE), read_only=True) as connection:
        return read_frame(
            connection, f"SELECT user_id, item_id FROM recommendations WHERE surface = 'for_you' AND rank <= {TOP}"
        )


def _measure_tastes(lists: pl.DataFrame, shop: SimulatedShop) -> Tastes:
    assert shop.taste_changes_on is not None
    old, new = (
        shop.users(day).rename({"favourite_category": name})
        for day, name in ((shop.first_day, "old"), (shop.taste_changes_on, "new"))
    )
    shown = lists.join(shop.items().select("item_id", "categories"), on="item_id").join(old, on="user_id")
    shown = shown.join(new, on="user_id")
    changing, others = shown.filter(pl.col("old") != pl.col("new")), shown.filter(pl.col("old") == pl.col("new"))
    return Tastes(
        new=float((changing["categories"] == changing["new"]).mean()),
        old=float((changing["categories"] == changing["old"]).mean()),
        kept=float((others["categories"] == others["old"]).mean()),
    )
