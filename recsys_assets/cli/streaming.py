"""Events as a stream."""

import signal
import threading
from typing import Annotated

import typer

from recsys_assets.config import load_config


def stream(
    until_end: Annotated[bool, typer.Option("--until-end", help="Stop where the topics end now.")] = False,
) -> None:
    """Read the topics of `stream.topics` from Kafka into the inbox, each message once; Ctrl-C ends it.

    What it writes is landed by the inbox's sensor (`make dev`); a message that is no row goes to the rejected rows.
    """
    from prometheus_client import start_http_server

    from recsys_assets.streaming.reader import StreamReader

    config = load_config()
    reader = StreamReader(config, lambda line: print(line, flush=True))
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    if port := config.stream.metrics_port:
        start_http_server(port, addr=config.stream.metrics_host, registry=reader.measures.registry)
    reader.run(stopped.is_set, until_end=until_end)
