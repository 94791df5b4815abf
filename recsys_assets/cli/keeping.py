"""Bundles and the home, and whether they are sound."""

from pathlib import Path
from typing import Annotated

import typer

from recsys_assets.cli.progress import say
from recsys_assets.config import load_config
from recsys_assets.errors import RecsysError


def rollback(
    build_id: Annotated[
        str | None, typer.Argument(metavar="[BUILD]", help="Default: the one before the current.")
    ] = None,
) -> None:
    """Put an earlier bundle back into use."""
    from recsys_assets.publishing.switch import rollback as switch_back

    manifest = switch_back(load_config(), build_id)
    print(f"In use: bundle {manifest.build_id}, made {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC.")


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


def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The tar file to write; not there yet.")],
) -> None:
    """Write the whole home into one file: landed files, warehouse, models, bundles, what was tuned."""
    from recsys_assets.upkeep.backup import back_up

    config = load_config()
    back_up(config, target, say)
    print(f"Written: {target}. Back: `recsys restore {target}` with RECSYS_HOME on an empty folder.")


def restore(source: Annotated[Path, typer.Argument(metavar="FILE", help="What `recsys backup` wrote.")]) -> None:
    """Make the home, which must be empty, from a backup; every file is held against its checksum."""
    from recsys_assets.upkeep.backup import restore as unpack

    config = load_config()
    contents = unpack(config, source)
    print(f"{len(contents.files):,} files of {contents.created_at:%Y-%m-%d %H:%M:%S} UTC are in {config.home}.")
