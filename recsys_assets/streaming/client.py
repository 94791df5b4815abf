"""What the Kafka client is started with, and what must be set before."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.sources.contract import TABLES

SECRET_PREFIX: Final = "file:"


def check_settings(config: Config) -> None:
    """Refuse to start without what is needed.

    Raises:
        RecsysError: it names what is missing.
    """
    settings = config.stream
    if find_spec("confluent_kafka") is None:
        raise RecsysError("`recsys stream` needs the Kafka client: pip install 'recsys-assets[stream]'.")
    if not settings.brokers or not settings.topics:
        raise RecsysError("Configuration: stream.brokers and stream.topics say what to read; set both.")
    if strange := sorted(set(settings.topics.values()) - set(TABLES)):
        raise RecsysError(f"Configuration: stream.topics names {strange[0]}, which is none of {', '.join(TABLES)}.")


def client_settings(config: Config) -> dict[str, Any]:
    """What the Kafka client is started with.

    Raises:
        RecsysError: a file that holds a secret cannot be read.
    """
    settings = config.stream
    own = {name: _reveal(name, value) for name, value in settings.client.items()}
    return own | {
        "bootstrap.servers": settings.brokers,
        "group.id": settings.group,
        "client.id": "recsys-assets",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
    }


def _reveal(name: str, value: str) -> str:
    if not value.startswith(SECRET_PREFIX):
        return value
    path = Path(value.removeprefix(SECRET_PREFIX))
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise RecsysError(f"Configuration: stream.client.{name}: {path} cannot be read: {error.strerror}.") from None
