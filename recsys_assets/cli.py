"""The command `recsys`. What a command needs is imported when it runs, so that --help answers at once."""

import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from recsys_assets import __version__
from recsys_assets.config import Config, load_config, read_own_settings
from recsys_assets.errors import RecsysError
from recsys_assets.schema import FOR_YOU, SURFACES

app = typer.Typer(
    name="recsys",
    help="Recommendations from events: load, build, look, go back. Everything lies in $RECSYS_HOME (default: data/).",
    add_completion=False,
    pretty_exceptions_enable=False,
)

Length = Annotated[int, typer.Option("--k", help="How many.")]
TOUR_USERS = 3


def main() -> NoReturn:
    """Run the command line. A user's mistake ends with one sentence and status 1, a wrong call of a command with 2."""
    try:
        status = app(args=sys.argv[1:] or ["--help"], prog_name="recsys", standalone_mode=False)
    except RecsysError as error:
        _fail(str(error), 1)
    except typer.TyperException as error:  # an unknown command or option, an argument that is missing or does not fit
        _fail(error.format_message(), error.exit_code)
    except typer.Abort:
        _fail("Stopped.", 130)
    sys.exit(status)


def _fail(sentence: str, status: int) -> NoReturn:
    print(f"Error: {sentence}", file=sys.stderr)
    sys.exit(status)


@app.callback(invoke_without_command=True)
def show_version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Options of the command itself."""
    if version:
        print(f"recsys {__version__}")
        raise typer.Exit


@app.command()
def load(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Holds events, items, users, impressions.")],
) -> None:
    """Land a folder of files: .parquet, .csv or .jsonl, also .gz, or a folder of each."""
    _load(load_config(), folder)


@app.command()
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


@app.command()
def build() -> None:
    """Make everything from the landed files, in order, and publish it."""
    _run("build")


@app.command()
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


@app.command()
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
        say=_say,
    )
    open_console().print(*experiments.show_tuning(found, untuned.tuned_path), sep="\n", soft_wrap=True)


@app.command()
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
    runs = leave_out(config, kinds, _say)
    ablation = build_ablation(runs, config.evaluation.bootstrap_draws, config.seed)
    path = write_ablation(config, ablation)
    open_console().print(*experiments.show_ablation(ablation, path), sep="\n", soft_wrap=True)


@app.command()
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


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


@app.command()
def recommend(
    user: Annotated[str, typer.Argument(metavar="USER", help="A user_id.")],
    surface: Annotated[str, typer.Option(help=f"One of {', '.join(SURFACES)}.")] = FOR_YOU,
    k: Length = 10,
    explain: Annotated[bool, typer.Option("--explain", help="Scores, sources and evidence too.")] = False,
) -> None:
    """Print a user's list with reasons."""
    from recsys_assets.serving import lists, terminal
    from recsys_assets.serving.console import open_console

    found = lists.recommend(load_config(), user, surface, k)
    open_console().print(*terminal.show_recommendations(found, explain=explain), sep="\n")


@app.command()
def similar(item: Annotated[str, typer.Argument(metavar="ITEM", help="An item_id.")], k: Length = 10) -> None:
    """Print the items that go with an item."""
    from recsys_assets.serving import lists, terminal
    from recsys_assets.serving.console import open_console

    found = lists.similar(load_config(), item, k)
    open_console().print(*terminal.show_similar(found, item), sep="\n")


@app.command()
def report(
    metric: Annotated[str | None, typer.Option(help="One metric alone, such as novelty.")] = None,
    k: Annotated[int | None, typer.Option("--k", help="The length of the lists (default: 10).")] = None,
) -> None:
    """Print the quality report: every model, every source, and what the gate decided."""
    from recsys_assets.serving import reports
    from recsys_assets.serving.console import open_console
    from recsys_assets.serving.report_tables import show_report

    open_console().print(*show_report(reports.read_report(load_config()), metric, k), sep="\n")


@app.command()
def trace(
    user: Annotated[str, typer.Argument(metavar="USER", help="A user_id.")],
    item: Annotated[str, typer.Argument(metavar="ITEM", help="An item_id of one of the user's lists.")],
) -> None:
    """Follow a published row back to the raw events behind it."""
    from recsys_assets.serving import terminal
    from recsys_assets.serving.console import open_console
    from recsys_assets.serving.trace import trace_recommendation

    open_console().print(*terminal.show_trace(trace_recommendation(load_config(), user, item)), sep="\n")


@app.command()
def rollback(
    build_id: Annotated[
        str | None, typer.Argument(metavar="[BUILD]", help="Default: the one before the current.")
    ] = None,
) -> None:
    """Put an earlier bundle back into use."""
    from recsys_assets.publishing.switch import rollback as switch_back

    manifest = switch_back(load_config(), build_id)
    print(f"In use: bundle {manifest.build_id}, made {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC.")


@app.command()
def builds() -> None:
    """List the published bundles."""
    from recsys_assets.publishing.switch import current_bundle, list_builds, list_damaged
    from recsys_assets.serving import terminal
    from recsys_assets.serving.console import open_console

    config = load_config()
    found, damaged = list_builds(config), list_damaged(config)
    if not found and not damaged:
        raise RecsysError("Nothing is published yet: run `recsys load DIR` and `recsys build` first.")
    current = current_bundle(config)
    shown = terminal.show_builds(found, damaged, current.name if current else None)
    open_console().print(*shown, sep="\n")


@app.command()
def verify() -> None:
    """Hold landed files, ledger, raw tables and bundles against each other; status 1 if something is wrong."""
    from recsys_assets.serving.console import open_console
    from recsys_assets.serving.terminal import show_findings
    from recsys_assets.upkeep.verify import verify_home

    findings = verify_home(load_config())
    open_console().print(*show_findings(findings), sep="\n", soft_wrap=True)
    faults = [finding for finding in findings if finding.remedy]
    if faults:
        raise RecsysError(f"{len(faults)} of {len(findings)} findings are faults: {faults[0].fact}")


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The tar file to write; not there yet.")],
) -> None:
    """Write the whole home into one file: landed files, warehouse, models, bundles, what was tuned."""
    from recsys_assets.upkeep.backup import back_up

    config = load_config()
    back_up(config, target, _say)
    print(f"Written: {target}. Back: `recsys restore {target}` with RECSYS_HOME on an empty folder.")


@app.command()
def restore(source: Annotated[Path, typer.Argument(metavar="FILE", help="What `recsys backup` wrote.")]) -> None:
    """Make the home, which must be empty, from a backup; every file is held against its checksum."""
    from recsys_assets.upkeep.backup import restore as unpack

    config = load_config()
    contents = unpack(config, source)
    print(f"{len(contents.files):,} files of {contents.created_at:%Y-%m-%d %H:%M:%S} UTC are in {config.home}.")


@app.command(hidden=True)
def tour() -> None:
    """Show a few users' histories beside their lists, the report, and where to look next."""
    from rich.columns import Columns
    from rich.console import Group

    from recsys_assets.serving import history, lists, reports, terminal
    from recsys_assets.serving.console import open_console
    from recsys_assets.serving.report_tables import show_report
    from recsys_assets.serving.tour import choose_users

    config = load_config()
    console = open_console()
    for user_id in choose_users(config, TOUR_USERS):
        past = terminal.show_history(history.user_history(config, user_id), f"The last events of user {user_id}")
        found = terminal.show_recommendations(lists.recommend(config, user_id))
        console.print(Columns([Group(*past), Group(*found)]))
    console.print(*show_report(reports.read_report(config)), sep="\n")
    console.print(terminal.show_next_steps(config.published_path), soft_wrap=True)
