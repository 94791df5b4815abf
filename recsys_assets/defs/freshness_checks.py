"""Checks of the age, the number and the lateness of events. They warn: old data makes old lists, not wrong ones."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from recsys_assets.defs.resources import Settings
from recsys_assets.sources.freshness import measure_event_ages, measure_lateness, measure_volume

EVENTS = dg.AssetKey(["raw", "events"])


@dg.asset_check(asset=EVENTS, description="Of every event type some happened within freshness.max_age_days.")
def newest_events_are_recent(settings: Settings) -> dg.AssetCheckResult:
    """The age of the data, whenever it was loaded."""
    with settings.warehouse() as (config, connection):
        ages = measure_event_ages(connection, _now())
    limit = config.freshness.max_age_days
    old = [age for age in ages if age.age_days > limit]
    table = dg.TableMetadataValue(
        [
            dg.TableRecord(
                vars(age) | {"newest_at": f"{age.newest_at:%Y-%m-%d %H:%M}", "age_days": round(age.age_days, 1)}
            )
            for age in ages
        ],
        schema=dg.TableSchema([dg.TableColumn(name) for name in ("event_type", "newest_at", "file_name", "age_days")]),
    )
    found = [f"the newest {age.event_type} is of {age.newest_at:%Y-%m-%d}, {age.age_days:,.0f} days ago" for age in old]
    sentence = "; ".join(found) or f"Every event type has events of the last {limit:g} days."
    return _warn(bool(ages) and not old, sentence if ages else "There are no events.", {"by_event_type": table})


@dg.asset_check(asset=EVENTS, description="Yesterday had about as many events as that weekday usually has.")
def volume_is_as_on_the_same_weekday(settings: Settings) -> dg.AssetCheckResult:
    """An export that broke off, or one that came twice under new ids."""
    with settings.warehouse() as (config, connection):
        volume = measure_volume(connection, _now())
    limits = config.freshness
    metadata = {"n_events": volume.n_events, "usual": volume.usual if volume.usual is not None else "unknown"}
    day = f"{volume.day:%A, %Y-%m-%d}"
    if volume.ratio is None:
        sentence = f"{day} has {volume.n_events:,} events, and there is nothing usual in the eight weeks before."
        return _warn(False, sentence, metadata)
    sentence = f"{day} has {volume.n_events:,} events, usually {volume.usual:,.0f}."
    return _warn(limits.min_volume_ratio <= volume.ratio <= limits.max_volume_ratio, sentence, metadata)


@dg.asset_check(asset=EVENTS, description="Few of the events loaded last happened long before.")
def few_events_come_late(settings: Settings) -> dg.AssetCheckResult:
    """Late events change the past: features of earlier cutoffs too."""
    with settings.warehouse() as (config, connection):
        late = measure_lateness(connection, timedelta(days=config.freshness.late_after_days))
    sentence = (
        f"{late.n_late:,} of {late.n_events:,} events of the last week of loading were loaded more than "
        f"{config.freshness.late_after_days:g} days after they happened."
    )
    return _warn(late.share <= config.freshness.max_late_share, sentence, {"late_share": late.share})


def _warn(passed: bool, sentence: str, metadata: dict[str, Any]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=passed, severity=dg.AssetCheckSeverity.WARN, description=sentence, metadata=metadata
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


freshness_checks = [newest_events_are_recent, volume_is_as_on_the_same_weekday, few_events_come_late]
