"""The command `recsys`. What a command needs is imported when it runs, so that --help answers at once."""

import sys
from typing import Annotated, NoReturn

import typer

from recsys_assets import __version__
from recsys_assets.cli import experimenting, keeping, making, reading, serving, streaming
from recsys_assets.cli.command_log import log_command
from recsys_assets.collector import before_the_end
from recsys_assets.errors import RecsysError, explain_full_disk

app = typer.Typer(
    name="recsys",
    help="Recommendations from events: load, build, look, go back. Everything lies in $RECSYS_HOME (default: data/).",
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (  # in the order of the help
    making.load,
    making.sample,
    making.simulate,
    making.batches,
    making.accept,
    making.unload,
    making.build,
    making.refresh,
    experimenting.tune,
    experimenting.ablate,
    experimenting.tradeoff,
    experimenting.backtest,
    reading.recommend,
    reading.similar,
    reading.report,
    reading.trace,
    reading.health,
    serving.serve,
    streaming.stream,
    keeping.rollback,
    keeping.builds,
    keeping.push,
    keeping.pull,
    keeping.verify,
    keeping.backup,
    keeping.restore,
    keeping.forget,
):
    app.command()(log_command(command))
app.add_typer(serving.keys, name="keys")
app.command(hidden=True)(log_command(reading.tour))


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
    except Exception as error:
        if (full_disk := explain_full_disk(str(error))) is None:
            raise
        _fail(full_disk, 1)
    finally:
        before_the_end()
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
