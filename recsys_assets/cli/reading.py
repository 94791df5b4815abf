"""What the bundle in use holds."""

from typing import Annotated

import typer

from recsys_assets.config import load_config
from recsys_assets.schema import FOR_YOU, SURFACES

Length = Annotated[int, typer.Option("--k", help="How many.")]
TOUR_USERS = 3


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


def similar(item: Annotated[str, typer.Argument(metavar="ITEM", help="An item_id.")], k: Length = 10) -> None:
    """Print the items that go with an item."""
    from recsys_assets.serving import lists, terminal
    from recsys_assets.serving.console import open_console

    found = lists.similar(load_config(), item, k)
    open_console().print(*terminal.show_similar(found, item), sep="\n")


def report(
    metric: Annotated[str | None, typer.Option(help="One metric alone, such as novelty.")] = None,
    k: Annotated[int | None, typer.Option("--k", help="The length of the lists (default: 10).")] = None,
) -> None:
    """Print the quality report: every model, every source, and what the gate decided."""
    from recsys_assets.serving import reports
    from recsys_assets.serving.console import open_console
    from recsys_assets.serving.report_tables import show_report

    open_console().print(*show_report(reports.read_report(load_config()), metric, k), sep="\n")


def trace(
    user: Annotated[str, typer.Argument(metavar="USER", help="A user_id.")],
    item: Annotated[str, typer.Argument(metavar="ITEM", help="An item_id of one of the user's lists.")],
) -> None:
    """Follow a published row back to the raw events behind it."""
    from recsys_assets.serving import terminal
    from recsys_assets.serving.console import open_console
    from recsys_assets.serving.trace import trace_recommendation

    open_console().print(*terminal.show_trace(trace_recommendation(load_config(), user, item)), sep="\n")


def health() -> None:
    """Print what is stale, since when, what it waits for, and what will bring it up to date."""
    from recsys_assets.cli.progress import say
    from recsys_assets.defs.health import look_at_home
    from recsys_assets.serving.console import open_console
    from recsys_assets.serving.terminal import show_health

    say("reading the asset graph")
    open_console().print(*show_health(look_at_home(load_config())), sep="\n")


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
