"""API keys: `$RECSYS_HOME/service/keys.json` holds hashes and scopes, never a key."""

import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import replace_file

Scope = Literal["read", "write", "admin"]
SCOPES: Final[tuple[Scope, ...]] = ("read", "write", "admin")
_PREFIX: Final = "rk_"
APP_NEEDS_KEYS: Final = "RECSYS_SERVICE_NEEDS_KEYS"  # an environment variable: worker processes are started anew


class Key(BaseModel):
    """One key: its name, what it may do, and the SHA-256 of it (it has 256 random bits: no salt is needed)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    scopes: tuple[Scope, ...]
    sha256: str


_KEYS: Final = TypeAdapter(tuple[Key, ...])


def keys_path(config: Config) -> Path:
    """The file of the keys."""
    return config.home / "service" / "keys.json"


def read_keys(config: Config) -> tuple[Key, ...]:
    """All keys; none where there is no file.

    Raises:
        RecsysError: the file is damaged.
    """
    path = keys_path(config)
    try:
        return _KEYS.validate_json(path.read_bytes()) if path.exists() else ()
    except ValidationError:
        raise RecsysError(
            f"{path} does not hold keys any more: remove it and make new ones with `recsys keys add`."
        ) from None


def add_key(config: Config, name: str, scopes: tuple[Scope, ...]) -> str:
    """Make a key; the text that is returned is kept nowhere.

    Raises:
        RecsysError: there is one of this name.
    """
    keys = read_keys(config)
    if any(key.name == name for key in keys):
        raise RecsysError(f"There is a key '{name}' already: `recsys keys remove {name}` takes it away.")
    text = _PREFIX + secrets.token_urlsafe(32)
    _write(config, (*keys, Key(name=name, scopes=scopes, sha256=_hash(text))))
    return text


def remove_key(config: Config, name: str) -> None:
    """Take a key away; services see it within seconds.

    Raises:
        RecsysError: there is none of this name.
    """
    keys = read_keys(config)
    if all(key.name != name for key in keys):
        raise RecsysError(f"There is no key '{name}'.")
    _write(config, tuple(key for key in keys if key.name != name))


def find_key(keys: tuple[Key, ...], text: str) -> Key | None:
    """The key that a request shows."""
    shown = _hash(text)
    return next((key for key in keys if secrets.compare_digest(key.sha256, shown)), None)


@dataclass
class RateLimit:
    """A bucket of tokens for each client: a second's worth at once, then so many a second.

    Attributes:
        per_second: 0: no limit.
    """

    per_second: float
    buckets: dict[str, tuple[float, float]] = field(default_factory=dict)

    def allows(self, client: str) -> bool:
        """Whether the client may ask now."""
        if self.per_second == 0:
            return True
        now = time.monotonic()
        left, at = self.buckets.get(client, (max(self.per_second, 1), now))
        left = min(max(self.per_second, 1), left + (now - at) * self.per_second)
        self.buckets[client] = (left - 1 if left >= 1 else left, now)
        if len(self.buckets) > 10_000:  # clients without a key are addresses: there may be many
            self.buckets = {name: kept for name, kept in self.buckets.items() if now - kept[1] < 60}
        return left >= 1


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write(config: Config, keys: tuple[Key, ...]) -> None:
    path = keys_path(config)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps([key.model_dump(mode="json") for key in keys], indent=1).encode())
    path.chmod(0o600)


def listens_beyond(host: str) -> bool:
    """Whether others than this machine can reach a service at this address."""
    return host not in ("127.0.0.1", "::1", "localhost")


def check_address(config: Config, host: str) -> None:
    """Refuse an address that others reach while there is no key.

    Raises:
        RecsysError: there is none.
    """
    if listens_beyond(host) and not read_keys(config):
        raise RecsysError(
            f"{host} can be reached from other machines, and there is no key yet: make one by `recsys keys add NAME`, "
            "or listen at 127.0.0.1."
        )
