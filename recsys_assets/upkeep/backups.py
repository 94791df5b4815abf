"""`backups.json`: which backups of the home were written, since an erasure cannot reach them."""

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import replace_file


class Backup(BaseModel):
    """One backup: where it was written to, and when (UTC)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    created_at: datetime


_LIST = TypeAdapter(tuple[Backup, ...])


def list_backups(config: Config) -> tuple[Backup, ...]:
    """The backups that this home was written into, the oldest first, whether or not they are still there.

    Raises:
        RecsysError: the list is damaged.
    """
    path = config.backups_path
    try:
        return _LIST.validate_json(path.read_bytes()) if path.exists() else ()
    except ValidationError:
        raise RecsysError(f"{path} is damaged: mend it, or remove it and keep in mind where backups are.") from None


def enter_backup(config: Config, backup: Backup) -> None:
    """Add a backup to the list, in one step."""
    replace_file(config.backups_path, _LIST.dump_json((*list_backups(config), backup), indent=1) + b"\n")
