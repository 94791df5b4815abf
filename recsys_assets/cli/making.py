"""From files to a published bundle."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from recsys_assets.config import Config, load_config


def load(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Holds events, items, users, impressions.")],
) -> None:
    """Land a folder of files: .parquet, .csv or .jsonl, also .gz, or a folder of each."""
    _load(load_config(), folder)


def sample(name: Annotated[str, typer.Argument(metavar="NAME", help="movielens")]) -> None:
    """Land a named sample data set."""
    from recsys_assets.sources.samples import write_sample

    config = load_config()
    _load(config, write_sample(name, config.home / "samples" / name))


def _load(config: Config, folder: Path) -> None:
    from recsys_assets.serving.console import open_console
    from recsys_assets.serving.terminal import show_ingest
    from recsys_assets.sources.landing import load_folder

    report = load_folder(config, folder, datetime.now(UTC))
    open_console().print(*show_ingest(report), sep="\n")
    print("Next: `recsys build`." if report.files else "There was nothing to load.")


def build() -> None:
    """Make everything from the landed files, in order, and publish it."""
    _run("build")


def refresh() -> None:
    """Make new lists from new events with the model there is, and publish them."""
    _run("refresh")


def _run(job: str) -> None:
    from recsys_assets.defs.runner import run_job
    from recsys_assets.publishing.switch import current_bundle

    config = load_config()
    run_job(config, job)
    bundle = current_bundle(config)
    if bundle is not None:
        print(f"In use: bundle {bundle.name}. Look at it with `recsys report` and `recsys recommend USER`.")
