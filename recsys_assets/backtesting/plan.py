"""One origin's plan and its folder `$RECSYS_HOME/backtest/<origin>`: what is asked, and whether its answer is there."""

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict

from recsys_assets.backtesting.origins import instant, refuse_beyond_record, refuse_without_history
from recsys_assets.backtesting.record import Record
from recsys_assets.config import PROJECT_ROOT, Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import replace_file
from recsys_assets.publishing.manifest import read_git_sha

KEY = "backtest"  # of the metadata of a Parquet file: for which plan it was made


class Plan(BaseModel):
    """What decides an origin's result.

    Attributes:
        origin: the day at whose midnight (UTC) the past ends.
        horizon_days: how long what follows counts.
        config_hash: of the configuration, `tuned.yaml` included.
        code: the commit, as in a bundle's manifest.
        history: fingerprint of the files with rows before the origin.
        future: fingerprint of those with rows before the end of the horizon.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: date
    horizon_days: int
    config_hash: str
    code: str
    history: str
    future: str

    @property
    def begins_at(self) -> datetime:
        """The origin's instant: the history is what lies before."""
        return instant(self.origin)

    @property
    def ends_at(self) -> datetime:
        """The horizon is what lies from `begins_at` on and before this."""
        return self.begins_at + timedelta(days=self.horizon_days)

    @property
    def lists_key(self) -> str:
        """Changes with what decides the lists; the horizon does not."""
        return self.model_dump_json(include={"origin", "config_hash", "code", "history"})

    @property
    def judged_key(self) -> str:
        """Changes with what decides how the lists are judged."""
        return self.model_dump_json()


class OriginFolder:
    """Where an origin's files lie.

    Attributes:
        history: the raw tables before the origin, as files to load; goes when the lists are there.
        future: those before the end of the horizon; goes when the lists are judged.
        home: in which the project is built as it was; goes when the lists are there.
        labels_home: in which the labels of the horizon are made; goes when the lists are judged.
        lists: Parquet, stays: one row per model, user and rank.
        judged: Parquet, stays: one row per model, k and user with a relevant item in the horizon.
    """

    def __init__(self, config: Config, origin: date) -> None:
        self.path = backtest_path(config) / origin.isoformat()
        self.history, self.future = self.path / "history", self.path / "future"
        self.home, self.labels_home = self.path / "home", self.path / "labels"
        self.lists, self.judged = self.path / "lists.parquet", self.path / "judged.parquet"
        self.plan = self.path / "plan.json"


def backtest_path(config: Config) -> Path:
    """The folder of all origins."""
    return config.home / "backtest"


def backtest_lock_path(config: Config) -> Path:
    """The lock file of `recsys backtest`."""
    return backtest_path(config) / ".lock"


def make_plan(config: Config, record: Record, origin: date, horizon_days: int) -> Plan:
    """The plan of an origin with the configuration, the code and the files of now."""
    begins_at = instant(origin)
    return Plan(
        origin=origin,
        horizon_days=horizon_days,
        config_hash=config.config_hash,
        code=read_git_sha(PROJECT_ROOT),
        history=record.fingerprint(begins_at),
        future=record.fingerprint(begins_at + timedelta(days=horizon_days)),
    )


def start_plan(config: Config, record: Record, origin: date, horizon_days: int) -> Plan:
    """Make the plan of an origin and keep it in its folder, for the steps to come.

    Raises:
        RecsysError: nothing happened before the origin, or the record ends before its horizon does.
    """
    refuse_without_history(origin, record)
    refuse_beyond_record(origin, horizon_days, record)
    plan = make_plan(config, record, origin, horizon_days)
    replace_file(OriginFolder(config, origin).plan, plan.model_dump_json().encode())
    return plan


def read_plan(config: Config, origin: date) -> Plan:
    """The plan that was started last.

    Raises:
        RecsysError: there is none.
    """
    path = OriginFolder(config, origin).plan
    if not path.exists():
        raise RecsysError(f"Nothing was begun for {origin}: run `recsys backtest --from {origin} --to {origin}`.")
    return Plan.model_validate_json(path.read_text(encoding="utf-8"))


def is_judged(config: Config, plan: Plan) -> bool:
    """Whether this very plan was carried out to its end."""
    return read_key(OriginFolder(config, plan.origin).judged) == plan.judged_key


def has_lists(config: Config, plan: Plan) -> bool:
    """Whether the lists of this plan, or of one that differs in its horizon alone, are there."""
    return read_key(OriginFolder(config, plan.origin).lists) == plan.lists_key


def read_key(path: Path) -> str | None:
    """What a Parquet file was made for; None where there is no file."""
    return pl.read_parquet_metadata(path).get(KEY) if path.exists() else None


def finished_plans(config: Config, record: Record, plan: Plan) -> list[Plan]:
    """A finished plan and all others with a result that compares with it, in order.

    They have its configuration, code and horizon, and what was landed since does not concern them.
    """
    origins = sorted(date.fromisoformat(path.parent.name) for path in backtest_path(config).glob("*/judged.parquet"))
    plans = [
        plan
        if origin == plan.origin
        else make_plan(config, record, origin, plan.horizon_days).model_copy(update={"code": plan.code})
        for origin in origins
    ]
    return [other for other in plans if is_judged(config, other)]
