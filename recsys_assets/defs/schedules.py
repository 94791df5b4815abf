"""Schedules, for those who want lists by the clock. Switched on in the UI."""

import dagster as dg

from recsys_assets.config import load_config
from recsys_assets.defs.jobs import build, refresh
from recsys_assets.defs.runs import REASON, UNFINISHED, find_unfinished
from recsys_assets.publishing.switch import current_bundle


@dg.schedule(job=refresh, cron_schedule="0 3 * * *", description="New lists every night at 3:00 UTC.")
def nightly_refresh(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Unless a run is queued or at work, which takes the new events in as well."""
    if unfinished := find_unfinished(context.instance):
        return dg.SkipReason(unfinished)
    if current_bundle(load_config()) is None:
        return dg.SkipReason("Nothing is published yet: run `build` once.")
    return dg.RunRequest(tags={REASON: "every night"})


@dg.schedule(job=build, cron_schedule="0 4 * * 0", description="A new model every Sunday at 4:00 UTC.")
def weekly_build(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """It queues behind a refresh that is at work, and is left out where a build is."""
    for run in context.instance.get_runs(dg.RunsFilter(job_name=build.name, statuses=UNFINISHED), limit=1):
        return dg.SkipReason(f"Run {run.run_id[:8]} of build is {run.status.value.lower()} already.")
    return dg.RunRequest(tags={REASON: "every week"})


schedules = [nightly_refresh, weekly_build]
