"""Training otherwise, judged on validation."""

import os
import re
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


def _parse_duration(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h|)", text.strip())
    if found is None:
        raise RecsysError(f"A budget is a number of seconds, or one with s, m or h (90s, 10m, 1h), not '{text}'.")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]
