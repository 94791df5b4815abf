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
    from recsys_assets.publishing.store import push_bundles
    from recsys_assets.publishing.switch import rollback as switch_back
    from recsys_assets.upkeep.build_metrics import write_metrics

    config = load_config()
    manifest = switch_back(config, build_id)
    write_metrics(config)
    if config.store.url is not None:
        push_bundles(config)
    print(f"In use: bundle {manifest.build_id}, made {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC.")


def push() -> None:
    """Make the object store of `store.url` hold this home's bundles, and the one in use there the one in use here."""
    from recsys_assets.publishing.store import push_bundles

    pushed = push_bundles(load_config())
    sent = f"{pushed.n_files:,} files sent ({pushed.n_bytes / 1e6:,.1f} MB), {pushed.n_removed:,} removed"
    print(f"In the store: bundle {pushed.build_id}; {sent}.")


def pull(
    every: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=1, help="Go on, and look again so often; Ctrl-C ends it.")
    ] = None,
) -> None:
    """Put the bundle of the object store into use here, for a service on this machine: it takes it up by itself."""
    from recsys_assets.publishing.store import follow_store, pull_bundle

    config = load_config()
    if every is not None:
        follow_store(config, every, say)
    elif (manifest := pull_bundle(config)) is None:
        print("The store's bundle was in use here already.")
    else:
        print(f"In use: bundle {manifest.build_id}, made {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC.")


def builds() -> None:
    """List the published bundles."""
    from recsys_assets.publishing.switch import current_bundle, list_builds, list_damaged
    from recsys_assets.serving import terminal
    from recsys_assets.serving.console import open_console
    from recsys_assets.sources.forgotten import read_forgotten

    config = load_config()
    found, damaged = list_builds(config), list_damaged(config)
    if not found and not damaged:
        raise RecsysError("Nothing is published yet: run `recsys load DIR` and `recsys build` first.")
    current = current_bundle(config)
    shown = terminal.show_builds(found, damaged, current.name if current else None, read_forgotten(config))
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


def restore(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="What `recsys backup` wrote.")],
    forgotten: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="forgotten.json of the home as it was last: those users stay forgotten."),
    ] = None,
) -> None:
    """Make the home, which must be empty, from a backup; every file is held against its checksum."""
    from recsys_assets.upkeep.backup import restore as unpack
    from recsys_assets.upkeep.forget import finish_erasure

    config = load_config()
    contents = unpack(config, source, forgotten)
    print(f"{len(contents.files):,} files of {contents.created_at:%Y-%m-%d %H:%M:%S} UTC are in {config.home}.")
    if forgotten is not None and (finished := finish_erasure(config, say)) is not None:
        print(f"The users of {forgotten} are erased from it: {finished[0]}.")


def forget(
    user_id: Annotated[
        str | None, typer.Argument(metavar="[USER]", help="Left out: finish an erasure that was stopped.")
    ] = None,
) -> None:
    """Erase a user everywhere in the home, keep them out of what is loaded later, and certify it."""
    from recsys_assets.serving.terminal import show_certificate
    from recsys_assets.upkeep.forget import finish_erasure, forget_user

    config = load_config()
    done = finish_erasure(config, say) if user_id is None else forget_user(config, user_id, say)
    if done is None:
        raise RecsysError("No erasure was stopped: name the USER to forget.")
    print(*show_certificate(*done), sep="\n")
