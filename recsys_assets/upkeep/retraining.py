"""Whether the model should be trained again: a state in, reasons out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from recsys_assets.settings import RetrainingConfig

K = 10


@dataclass(frozen=True)
class Quality:
    """NDCG@10 of what was published, on what users chose afterwards, beside what the test cutoff had promised.

    Attributes:
        ndcg: mean over the users.
        ndcg_high: the upper end of its 95 % interval.
        test_ndcg: of the same method at the test cutoff of the build.
        n_users: known users who chose something relevant since.
    """

    ndcg: float
    ndcg_high: float
    test_ndcg: float
    n_users: int


@dataclass(frozen=True)
class Drift:
    """The feature whose values moved most since the training, and its population stability index."""

    feature: str
    psi: float


@dataclass(frozen=True)
class ModelState:
    """What is known of the model in use; None is unknown, and gives no reason.

    Attributes:
        now: naive UTC.
        trained_at: naive UTC; None before the first training.
        n_events_then: rows of `raw.events` when it was trained.
        n_events_now: and now.
        quality: of the lists made with this model, on the latest events that can judge them.
        drift: of the features, where it is measured.
    """

    now: datetime
    trained_at: datetime | None = None
    n_events_then: int | None = None
    n_events_now: int | None = None
    quality: Quality | None = None
    drift: Drift | None = None

    @property
    def age(self) -> timedelta | None:
        """Since the training."""
        return None if self.trained_at is None else self.now - self.trained_at

    @property
    def new_events_share(self) -> float | None:
        """Of all events, those that came after the training; removed events do not count against it."""
        if self.n_events_then is None or not self.n_events_now:
            return None
        return max(0, self.n_events_now - self.n_events_then) / self.n_events_now


def reasons_to_retrain(state: ModelState, limits: RetrainingConfig) -> list[str]:
    """One phrase a limit that is exceeded, with the figure and the limit; empty if the model can stay.

    Nothing is a reason within `min_days_between` of the last training: whatever that did not cure, another one on the
    same day would not either. Nor is there one before the first training, which is a build like any other.
    """
    if state.age is None or state.age < timedelta(days=limits.min_days_between):
        return []
    found = (
        _new_events(state, limits.new_events_share),
        _age(state.age, limits.max_age_days),
        _quality(state.quality, limits.quality_drop, limits.min_users),
        _drift(state.drift, limits.drift_psi),
    )
    return [reason for reason in found if reason is not None]


def _new_events(state: ModelState, limit: float | None) -> str | None:
    share = state.new_events_share
    if limit is None or share is None or share <= limit:
        return None
    return f"{share:.0%} of the events are newer than the model (limit {limit:.0%})".replace("%", " %")


def _age(age: timedelta, limit: float | None) -> str | None:
    days = age / timedelta(days=1)
    return None if limit is None or days <= limit else f"the model is {days:.0f} days old (limit {limit:g})"


def _quality(quality: Quality | None, limit: float | None, min_users: int) -> str | None:
    if limit is None or quality is None or quality.n_users < min_users or quality.test_ndcg <= 0:
        return None
    if quality.ndcg_high >= (1 - limit) * quality.test_ndcg:  # the whole interval lies below, or it may be chance
        return None
    drop = 1 - quality.ndcg / quality.test_ndcg
    return (
        f"NDCG@{K} of the published lists is {quality.ndcg:.3f} on what {quality.n_users:,} users chose since, "
        f"{drop:.0%} below the test's {quality.test_ndcg:.3f} (limit {limit:.0%})"
    ).replace("%", " %")


def _drift(drift: Drift | None, limit: float | None) -> str | None:
    if limit is None or drift is None or drift.psi <= limit:
        return None
    return f"{drift.feature} has drifted, PSI {drift.psi:.2f} (limit {limit:g})"
