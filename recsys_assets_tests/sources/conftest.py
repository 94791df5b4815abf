"""Folders written by hand, loaded into a fresh home, and looked at again."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from recsys_assets.config import Config
from recsys_assets.sources.landing import load_folder
from recsys_assets.sources.report import IngestReport
from recsys_assets.warehouse import open_warehouse

NOW = datetime(2024, 6, 1, 12)


class Shop:
    """A home, and a folder of files to load into it."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.config = config
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def write_jsonl(self, name: str, records: list[Any]) -> Path:
        return self.write(name, "".join(json.dumps(record) + "\n" for record in records))

    def load(self, now: datetime = NOW) -> IngestReport:
        return load_folder(self.config, self.folder, now)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with open_warehouse(self.config) as connection:
            return connection.execute(sql).fetchall()

    def rejected(self) -> list[tuple[Any, ...]]:
        return self.query("SELECT line, reason FROM raw.rejected_rows ORDER BY table_name, file_id, line")

    def landed(self) -> list[str]:
        """The landed files, without the hash before their names."""
        files = (path for path in self.config.landing_path.rglob("*") if path.is_file() and path.name != ".lock")
        return sorted(f"{path.parent.name}/{path.name.partition('__')[2] or path.name}" for path in files)


@pytest.fixture
def shop(tiny_home: Config, tmp_path: Path) -> Shop:
    return Shop(tiny_home, tmp_path / "shop")


@pytest.fixture
def make_shop(tmp_path: Path, tiny_home: Config) -> Callable[[str], Shop]:
    """Further homes, by name."""
    return lambda name: Shop(tiny_home.model_copy(update={"home": tmp_path / name}), tmp_path / f"{name}_files")
