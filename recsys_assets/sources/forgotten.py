"""Who was forgotten: `forgotten.json` in the home, salted hashes by which a user is known again and not named.

Whoever has the file and a list of ids can try them all, as with every hash of an id: it is to be kept as the home is.
"""

import hashlib
import re
import secrets
from datetime import datetime
from functools import cached_property
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import replace_file

LONGEST_ID: Final = 16  # pieces, of an id that is looked for in a line that cannot be parsed
# what parts a line into values; -, . and @ are part of ids, and `7` is not named by `7-b`
_PIECE: Final = re.compile(r"""[^\s,;|"'(){}\[\]<>:=]+|.""", re.DOTALL)


class Tombstone(BaseModel):
    """One forgotten user.

    Attributes:
        hash: BLAKE2b (256 bits, hex) of the id, keyed with the salt of the home.
        forgotten_at: UTC.
        models: versions of rankers that may have learnt from the user.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hash: str
    forgotten_at: datetime
    models: tuple[str, ...]


class Unfinished(BaseModel):
    """An erasure that was begun: when (UTC), of whom, and what was found of them: place -> rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    began_at: datetime
    hashes: tuple[str, ...]
    found: dict[str, int]


class Forgotten(BaseModel):
    """`forgotten.json`: the tombstones of a home; `unfinished` until nothing of a forgotten user is left in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    salt: str = Field(default_factory=lambda: secrets.token_hex(32))
    users: tuple[Tombstone, ...] = ()
    unfinished: Unfinished | None = None

    @cached_property
    def _hashes(self) -> frozenset[str]:
        return frozenset(tombstone.hash for tombstone in self.users)

    def hash_id(self, user_id: str) -> str:
        """What a tombstone says instead of the id."""
        return hashlib.blake2b(user_id.encode(), key=bytes.fromhex(self.salt), digest_size=32).hexdigest()

    def holds(self, user_id: str) -> bool:
        """Whether the user was forgotten."""
        return self.hash_id(user_id) in self._hashes

    def is_named_in(self, text: str) -> bool:
        """Whether a line that cannot be parsed names a forgotten user, as a value between signs that part values."""
        pieces = _PIECE.findall(text)
        return any(
            self.holds("".join(pieces[first:last]))
            for first in range(len(pieces))
            if not pieces[first].isspace()
            for last in range(first + 1, min(first + LONGEST_ID, len(pieces)) + 1)
        )

    def clean_name(self, file_name: str) -> str:
        """The name of a file that forgotten users' rows were cut out of: where it is a user's id, another."""
        stem, dot, rest = file_name.partition(".")
        return f"forgotten{dot}{rest}" if self.holds(stem) else file_name

    def count_in_model(self, model_version: str) -> int:
        """How many forgotten users a ranker may have learnt from."""
        return sum(model_version in tombstone.models for tombstone in self.users)

    def describe_flag(self, model_version: str) -> str | None:
        """One sentence on a bundle whose ranker may have learnt from forgotten users; None if it has not."""
        if not (n_users := self.count_in_model(model_version)):
            return None
        users = "1 user" if n_users == 1 else f"{n_users:,} users"
        return f"Its models were trained with {users} since forgotten: the next `recsys build` trains without."


def read_forgotten(config: Config) -> Forgotten:
    """The tombstones of the home; none where nobody was forgotten yet.

    Raises:
        RecsysError: the file is damaged.
    """
    path = config.forgotten_path
    try:
        return Forgotten.model_validate_json(path.read_bytes()) if path.exists() else Forgotten()
    except ValidationError:
        raise RecsysError(f"{path} is damaged: restore it from a backup, or forgotten users may come back.") from None


def write_forgotten(config: Config, forgotten: Forgotten) -> None:
    """Replace the tombstones of the home, in one step."""
    replace_file(config.forgotten_path, forgotten.model_dump_json(indent=1).encode() + b"\n")


def demand_finished(config: Config) -> None:
    """See that no erasure is half done: files and warehouse may then be of different times.

    Raises:
        RecsysError: one is.
    """
    if read_forgotten(config).unfinished is not None:
        raise RecsysError("An erasure is at work, or was stopped: run `recsys forget`, which brings it to its end.")


def clear_model(config: Config, model_version: str) -> None:
    """A ranker was trained anew: where it is one that was there before, it learnt nothing from who was forgotten."""
    forgotten = read_forgotten(config)
    if forgotten.count_in_model(model_version):
        users = tuple(
            one.model_copy(update={"models": tuple(model for model in one.models if model != model_version)})
            for one in forgotten.users
        )
        write_forgotten(config, forgotten.model_copy(update={"users": users}))
