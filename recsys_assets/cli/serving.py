"""The service, and the keys to it."""

import os
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from recsys_assets.config import load_config
from recsys_assets.errors import RecsysError

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the key is called.")]
keys = typer.Typer(help="API keys: what others than this machine need to ask the service.", no_args_is_help=True)


def serve(
    host: Annotated[str | None, typer.Option(help="Where to listen (default: service.host).")] = None,
    port: Annotated[int | None, typer.Option(help="Its port; 0: any that is free (default: service.port).")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes (default: service.workers).")] = None,
) -> None:
    """Answer requests over HTTP, by the published bundle and what users do meanwhile. The page is at /."""
    # one user is too little work to be shared, and what reads a bundle leaves cores to requests; read on import
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ[variable] = "1"
    # polars' allocator would keep 240 MiB of what reading a bundle took; read when polars is imported
    os.environ["_RJEM_MALLOC_CONF"] = "dirty_decay_ms:0,muzzy_decay_ms:0"
    import uvicorn

    from recsys_assets.service.keys import APP_NEEDS_KEYS, check_address, listens_beyond
    from recsys_assets.service.measures import SHARED_FOLDER
    from recsys_assets.service.wire import OneWriteProtocol

    config = load_config()
    settings = config.service
    host, workers = host or settings.host, workers or settings.workers
    check_address(config, host)
    os.environ["RECSYS_HOME"] = str(config.home)  # for the worker processes
    os.environ[APP_NEEDS_KEYS] = "1" if listens_beyond(host) else ""
    with ExitStack() as stack:
        if workers > 1:
            os.environ[SHARED_FOLDER] = stack.enter_context(TemporaryDirectory(prefix="recsys-metrics-"))
        try:
            uvicorn.run(
                "recsys_assets.service.worker:create_worker",
                factory=True,
                host=host,
                port=settings.port if port is None else port,
                workers=workers,
                log_level="warning",
                access_log=False,
                server_header=False,
                http=OneWriteProtocol,
                timeout_graceful_shutdown=10,
            )
        except KeyboardInterrupt:
            raise typer.Abort from None


@keys.command("add")
def add_key(
    name: Name,
    scope: Annotated[
        list[str] | None, typer.Option(help="read, write (events) or admin (everything); repeat it for several.")
    ] = None,
) -> None:
    """Make a key and print it; it is kept nowhere."""
    from recsys_assets.service.keys import SCOPES, add_key

    wanted = tuple(known for known in SCOPES if known in (scope or ["read"]))
    if set(scope or []) - set(SCOPES):
        raise RecsysError(f"A scope is one of {', '.join(SCOPES)}.")
    print(add_key(load_config(), name, wanted))


@keys.command("remove")
def remove_key(name: Name) -> None:
    """Take a key away."""
    from recsys_assets.service.keys import remove_key

    remove_key(load_config(), name)


@keys.command("list")
def list_keys() -> None:
    """Print the keys' names and scopes."""
    from recsys_assets.service.keys import read_keys

    for key in read_keys(load_config()):
        print(f"{key.name}\t{', '.join(key.scopes)}")
