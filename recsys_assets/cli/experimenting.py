"""Training otherwise, judged on validation; and what would have been published before, judged by what followed."""

import os
import re
import time
from datetime import timedelta
from typing import Annotated

import typer

from recsys_assets.cli.progress import say
from recsys_assets.config import load_config, read_own_settings
from recsys_assets.errors import RecsysError


def tune(
    budget: Annotated[str, typer.Option(help="No trial begins later: 90s, 10m, 1h.")] = "120s",
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Of the whole study, earlier runs included. Default: what the budget allows."),
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Go back to the settings without tuning.")] = False,
) -> None:
    """Search for better settings of the ranker on the last build; run again, it goes on."""
    from recsys_assets.experiments.tuned_file import forget_tuned

    untuned = load_config(tuned=False)
    if forget:
        path = untuned.tuned_path
        print(f"Removed {path}. Next: `recsys build`." if forget_tuned(untuned) else f"There is no {path}.")
        return
    seconds = _parse_duration(budget)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before LightGBM starts its threads: they would spin
    from recsys_assets.experiments.bench import read_bench
    from recsys_assets.experiments.tuning import tune as tune_ranker
    from recsys_assets.serving import experiments
    from recsys_assets.serving.console import open_console
    from recsys_assets.warehouse import open_warehouse

    with open_warehouse(untuned, read_only=True) as connection:
        bench = read_bench(connection, untuned)
    found = tune_ranker(
        untuned,
        load_config(),
        bench,
        read_own_settings(),
        budget_seconds=seconds,
        n_trials=trials,
        say=say,
    )
    open_console().print(*experiments.show_tuning(found, untuned.tuned_path), sep="\n", soft_wrap=True)


def ablate(
    groups: Annotated[bool, typer.Option("--groups", help="Leave out feature groups only.")] = False,
    sources: Annotated[bool, typer.Option("--sources", help="Leave out candidate sources only.")] = False,
) -> None:
    """Measure what each feature group and candidate source brings to the ranker, and costs; run again, it goes on."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from recsys_assets.experiments.ablation import GROUP, SOURCE
    from recsys_assets.experiments.ablation import ablate as leave_out
    from recsys_assets.experiments.ablation_report import build_ablation, write_ablation
    from recsys_assets.serving import experiments
    from recsys_assets.serving.console import open_console

    config = load_config()
    kinds = [kind for kind, wanted in ((GROUP, groups), (SOURCE, sources)) if wanted or groups == sources]
    runs = leave_out(config, kinds, say)
    ablation = build_ablation(runs, config.evaluation.bootstrap_draws, config.seed)
    path = write_ablation(config, ablation)
    open_console().print(*experiments.show_ablation(ablation, path), sep="\n", soft_wrap=True)


def tradeoff() -> None:
    """Measure what more diverse lists (rerank.diversity) cost in accuracy, and bring in novelty and coverage."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from recsys_assets.experiments.tradeoff import measure_tradeoff, write_tradeoff
    from recsys_assets.serving import experiments
    from recsys_assets.serving.console import open_console

    config = load_config()
    measured = measure_tradeoff(config)
    path = write_tradeoff(config, measured)
    open_console().print(*experiments.show_tradeoff(measured, path), sep="\n", soft_wrap=True)


def backtest(
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="The first origin, such as 2024-01-31.")],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="No origin lies later.")],
    every: Annotated[str, typer.Option(metavar="SPAN", help="From one origin to the next: 7d, 2w.")] = "7d",
    horizon: Annotated[str, typer.Option(metavar="SPAN", help="How long what follows an origin counts.")] = "7d",
) -> None:
    """Play the past again: what would have been published on each day, and how good it was; run again, it goes on.

    Each origin costs a whole build, on the events before its midnight (UTC) and in a home of its own; the home and its
    warehouse stay free for builds meanwhile.
    """
    from recsys_assets.backtesting.origins import choose_origins, parse_date, parse_days
    from recsys_assets.backtesting.plan import is_judged, make_plan
    from recsys_assets.backtesting.record import read_record
    from recsys_assets.backtesting.report import describe_origin, read_backtest, write_report
    from recsys_assets.serving import experiments
    from recsys_assets.serving.console import open_console
    from recsys_assets.warehouse import open_warehouse

    config = load_config()
    every_days, horizon_days = parse_days(every, "--every"), parse_days(horizon, "--horizon")
    first_day, last_day = parse_date(first, "--from"), parse_date(last, "--to")
    with open_warehouse(config, read_only=True) as connection:
        record = read_record(connection)
    origins = choose_origins(first_day, last_day, every_days, horizon_days, record)
    if origins.left_out:
        say(origins.left_out)
    missing = [day for day in origins.judged if not is_judged(config, make_plan(config, record, day, horizon_days))]
    say(f"{len(origins.judged)} origins, {len(origins.judged) - len(missing)} of them done already")
    if missing:
        from recsys_assets.defs.runner import open_backtest

        with open_backtest(config) as run_origin:
            began = time.monotonic()
            for number, day in enumerate(missing, 1):
                started = time.monotonic()
                run_origin(day, horizon_days)
                now = time.monotonic()
                left = timedelta(seconds=round((now - began) / number * (len(missing) - number)))
                found = describe_origin(config, make_plan(config, record, day, horizon_days))
                say(f"{number} of {len(missing)}: {day}: {found} ({now - started:.0f} s; about {left} left)")
    measured = read_backtest(config, [make_plan(config, record, day, horizon_days) for day in origins.judged])
    path = write_report(config, measured)
    open_console().print(*experiments.show_backtest(measured, path), sep="\n", soft_wrap=True)


def _parse_duration(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h|)", text.strip())
    if found is None:
        raise RecsysError(f"A budget is a number of seconds, or one with s, m or h (90s, 10m, 1h), not '{text}'.")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]
