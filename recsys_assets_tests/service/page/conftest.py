"""The service over the published world, and the same with text that a page must not take for markup."""

from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from recsys_assets.config import Config, load_config
from recsys_assets.service.app import create_app
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish

SCRIPT = "<script>alert(1)</script>"
QUOTED = """The "6' <b>Boot</b>" & more"""
USER_URL = f"/users/{quote(SCRIPT, safe='')}"


class Outline(HTMLParser):
    """What a page is made of: its tags with their attributes, and ids of what labels name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


def make_home(home: Path) -> Config:
    """Two builds: one of each of the first two days of March 2024. The later one is in use."""
    config = load_config({"RECSYS_HOME": str(home)})
    make_warehouse(config)
    publish(config, datetime(2024, 3, 1))
    publish(config, datetime(2024, 3, 2))
    return config


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with TestClient(create_app(make_home(tmp_path_factory.mktemp("home")))) as opened:
        yield opened


@pytest.fixture(scope="module")
def odd_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A user and an item whose names are markup."""
    config = load_config({"RECSYS_HOME": str(tmp_path_factory.mktemp("odd"))})
    make_warehouse(config)
    with open_warehouse(config) as connection:
        connection.execute("UPDATE publishing.recommendations SET user_id = ? WHERE user_id = 'u2'", [SCRIPT])
        connection.execute("UPDATE features.user_features SET user_id = ? WHERE user_id = 'u2'", [SCRIPT])
        for table in ("publishing.recommendations", "publishing.trending_items"):
            connection.execute(f"UPDATE {table} SET title = ? WHERE item_id = 'i4'", [QUOTED])
        connection.execute("UPDATE publishing.similar_items SET title = ? WHERE similar_item_id = 'i4'", [QUOTED])
    publish(config, datetime(2024, 3, 1))
    with TestClient(create_app(config)) as opened:
        yield opened
