"""`certificates/<time>.json`: what an erasure took away, and what it could not reach."""

from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from recsys_assets import __version__
from recsys_assets.config import Config
from recsys_assets.files import replace_file
from recsys_assets.sources.forgotten import Forgotten, Unfinished
from recsys_assets.upkeep.backups import Backup, list_backups

HASH: Final = "BLAKE2b, 256 bits, keyed with the salt of forgotten.json"
ON_BACKUPS: Final = (
    "These files were written before the erasure, lie outside the home and may hold the users: delete them. Restored "
    "by `recsys restore FILE --forgotten forgotten.json` a home forgets the users again; without it they are back."
)


class Certificate(BaseModel):
    """What a file of `certificates/` says. No id stands in it.

    Attributes:
        erased_at: UTC, when the erasure began.
        users: salted hashes of the users, as in `forgotten.json`.
        hash: how they were made.
        removed: landed file, table or file of a model -> rows or entries of the users that were there.
        models_to_train_anew: versions of rankers that may have learnt from the users; `recsys build` trains anew.
        backups: that were written before; see `on_backups`.
        on_backups: what that means.
        mentions: files of the home that still name a user, in rows that are not the user's: look at them. None where
            they were not looked for: the id is too short to be told from other text, or was not given.
        version: of the project.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    erased_at: datetime
    users: tuple[str, ...]
    hash: str = HASH
    removed: dict[str, int]
    models_to_train_anew: tuple[str, ...]
    backups: tuple[Backup, ...]
    on_backups: str = ON_BACKUPS
    mentions: tuple[str, ...] | None
    version: str = __version__


def write_certificate(
    config: Config, forgotten: Forgotten, erasure: Unfinished, mentions: list[str] | None
) -> tuple[Path, Certificate]:
    """Certify an erasure that is done; the same erasure has one file, however often it was resumed."""
    certificate = Certificate(
        erased_at=erasure.began_at,
        users=erasure.hashes,
        removed=erasure.found,
        models_to_train_anew=tuple(
            sorted({model for one in forgotten.users if one.hash in erasure.hashes for model in one.models})
        ),
        backups=tuple(one for one in list_backups(config) if one.created_at <= erasure.began_at),
        mentions=None if mentions is None else tuple(mentions),
    )
    path = config.certificates_path / f"{erasure.began_at:%Y%m%dT%H%M%S%fZ}.json"
    replace_file(path, certificate.model_dump_json(indent=1).encode() + b"\n")
    return path, certificate
