"""From files to a published bundle."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from recsys_assets.cli.progress import say
from recsys_assets.collector import loading
from recsys_assets.config import Config, load_config
from recsys_assets.errors import RecsysError


def load(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Holds events, items, users, impressions.")],
) -> None:
    """Land a folder of files: .parquet, .csv or .jsonl, also .gz, or a folder of each."""
    _load(load_config(), folder)


def sample(name: Annotated[str, typer.Argument(metavar="NAME", help="movielens")]) -> None:
    """Land a named sample data set."""
    from recsys_assets.sources.samples import write_sample

    with TemporaryDirectory() as folder:  # what is landed stays, and nothing beside it
        _load(load_config(), write_sample(name, Path(folder)))


def _load(config: Config, folder: Path) -> None:
    from recsys_assets.serving.console import open_console
    from recsys_assets.serving.terminal import show_ingest
    from recsys_assets.sources.landing import load_folder
    from recsys_assets.upkeep.build_metrics import write_metrics

    report = load_folder(config, folder, datetime.now(UTC))
    write_metrics(config)
    open_console().print(*show_ingest(report), sep="\n")
    print("Next: `recsys build`." if report.files else "There was nothing to load.")


def simulate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go; $RECSYS_HOME/inbox, say.")],
    days: Annotated[int, typer.Option(min=1, help="How many days of traffic.")] = 30,
    first_day: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="The first of them. Default: so that the last is yesterday."),
    ] = None,
    seconds_per_day: Annotated[float, typer.Option(min=0, help="Time from one day's file to the next.")] = 0,
    users: Annotated[int, typer.Option(min=1, help="How many people.")] = 200,
    items: Annotated[int, typer.Option(min=6, help="How many items.")] = 120,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 7,
    taste_change: Annotated[
        int | None, typer.Option(min=2, help="On this day, from 1, people begin to like another category.")
    ] = None,
    changing_share: Annotated[float, typer.Option(min=0, max=1, help="How many of them do, as a share.")] = 1.0,
) -> None:
    """Make the traffic of a shop whose people's tastes are known, a file a day; their favourites are in users."""
    from recsys_assets.sources.simulation import SimulatedShop, write_days

    if taste_change is not None and taste_change > days:
        raise RecsysError(f"--taste-change {taste_change} is after the last of {days} days.")
    first = first_day.date() if first_day else datetime.now(UTC).date() - timedelta(days=days)
    change = first + timedelta(days=taste_change - 1) if taste_change else None
    shop = SimulatedShop(seed, users, items, first, change, changing_share)
    started = time.monotonic()
    for number, (day, n_events) in enumerate(write_days(shop, folder, days), start=1):
        say(f"{day}: {n_events:,} events" + (", and other tastes than before" if day == change else ""))
        if number < days:
            time.sleep(max(0.0, started + number * seconds_per_day - time.monotonic()))
    print(f"{days} days are in {folder}. Next: `recsys load {folder}`, or let the inbox sensor take them.")


def batches() -> None:
    """List what was landed, by landing, with what the gates say of it."""
    from recsys_assets.serving.batches import show_batches
    from recsys_assets.serving.console import open_console
    from recsys_assets.sources.batch_gates import judge_batches
    from recsys_assets.sources.batches import read_batches
    from recsys_assets.warehouse import open_warehouse

    config = load_config()
    with open_warehouse(config, read_only=True) as connection:
        found = read_batches(connection, config)
    open_console().print(*show_batches(found, judge_batches(found, config)), sep="\n", soft_wrap=True)


def unload(
    name: Annotated[str, typer.Argument(metavar="BATCH|FILE", help="As `recsys batches` names them.")],
) -> None:
    """Take landed files out again, into the quarantine: the next build is as if they had never come."""
    from recsys_assets.cli.progress import say
    from recsys_assets.serving.console import open_console
    from recsys_assets.serving.terminal import show_ingest
    from recsys_assets.sources.landing import ingest_landed
    from recsys_assets.sources.quarantine import unload as take_out

    config = load_config()
    unloaded = take_out(config, name, say)
    report = ingest_landed(config, datetime.now(UTC))
    for file in unloaded:
        print(f"{file.file_name} of {file.table_name} is in {file.path.parent}.")
    if report.files:
        print("Read again without it, since their rows repeated an id of it:")
        open_console().print(*show_ingest(report), sep="\n")
    print(f"Next: `recsys build` or `recsys refresh`. Back: `recsys load {unloaded[0].path.parents[1]}`.")


def accept(batch: Annotated[str, typer.Argument(metavar="BATCH", help="As `recsys batches` names it.")]) -> None:
    """Let a batch pass the gates as it is; what comes later is compared with it."""
    from recsys_assets.sources.batches import accept_batch

    accept_batch(load_config(), batch)
    print(f"Batch {batch} is accepted. Next: `recsys build` or `recsys refresh`.")


def build() -> None:
    """Make everything from the landed files, in order, and publish it."""
    _run("build")


def refresh() -> None:
    """Make new lists from new events with the model there is, and publish them."""
    _run("refresh")


def _run(job: str) -> None:
    with loading():
        from recsys_assets.defs.runner import run_job
    from recsys_assets.publishing.switch import current_bundle

    config = load_config()
    run_job(config, job)
    bundle = current_bundle(config)
    if bundle is not None:
        print(f"In use: bundle {bundle.name}. Look at it with `recsys report` and `recsys recommend USER`.")
