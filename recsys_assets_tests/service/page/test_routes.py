import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from recsys_assets.config import Config, load_config
from recsys_assets.publishing.switch import current_bundle, list_builds
from recsys_assets.service.app import create_app
from recsys_assets.service.keys import add_key
from recsys_assets_tests.service.page.conftest import QUOTED, SCRIPT, USER_URL, Outline, make_home

PAGES = ("/", "/?q=boot", "/users/u1", "/items/i1", "/trending", "/report", "/builds", "/docs", "/users/nobody")


@pytest.fixture
def home(tmp_path: Path) -> Config:
    return make_home(tmp_path / "home")


@pytest.fixture
def own(home: Config) -> Iterator[TestClient]:
    """A service that a test may change."""
    with TestClient(create_app(home), follow_redirects=False) as opened:
        yield opened


@pytest.mark.parametrize("path", PAGES)
def test_page_has_a_language_a_title_one_heading_and_landmarks(client: TestClient, path: str) -> None:
    outline = Outline(client.get(path).text)
    assert [one.get("lang") for one in outline.all("html")] == ["en"]
    assert [len(outline.all(tag)) for tag in ("title", "h1", "main", "header", "footer")] == [1, 1, 1, 1, 1]
    assert {"class": "skip", "href": "#main"} in outline.all("a")


@pytest.mark.parametrize("path", PAGES)
def test_every_field_has_a_label_and_every_id_is_there_once(client: TestClient, path: str) -> None:
    outline = Outline(client.get(path).text)
    labelled = {label["for"] for label in outline.all("label")}
    fields = [one for one in outline.all("input", "select") if one.get("type") != "hidden"]
    assert [one for one in fields if one.get("id") not in labelled] == []
    ids = [one["id"] for _, one in outline.tags if "id" in one]
    assert len(ids) == len(set(ids))
    named = {name for _, one in outline.tags for name in (one.get("aria-labelledby") or "").split()}
    assert named - set(ids) == set()


@pytest.mark.parametrize("path", PAGES)
def test_page_keeps_to_the_policy_that_it_is_sent_with(client: TestClient, path: str) -> None:
    answer = client.get(path)
    outline = Outline(answer.text)
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert [one for _, one in outline.tags if "style" in one or any(name.startswith("on") for name in one)] == []
    assert outline.all("style") == []
    addresses = [one.get("src") or one.get("href") for one in outline.all("script", "link", "img")]
    assert [one for one in addresses if one is None or not one.startswith("/static/")] == []
    assert {client.get(one).status_code for one in addresses if one} == {200}


def test_every_link_of_every_page_leads_somewhere(client: TestClient) -> None:
    links = {one["href"] or "" for path in PAGES for one in Outline(client.get(path).text).all("a")}
    broken = {link: client.get(link).status_code for link in links if link.startswith("/")}
    assert {link: status for link, status in broken.items() if status != 200} == {}


def test_search_finds_items_by_words_and_users_by_id(client: TestClient) -> None:
    assert "New Boot" in client.get("/", params={"q": "BOOT new"}).text
    assert "Rain Boot" not in client.get("/", params={"q": "BOOT new"}).text
    assert 'href="/users/u1"' in client.get("/", params={"q": "u1"}).text
    assert "Nothing is found for “zebra”." in client.get("/", params={"q": "zebra"}).text


def test_start_names_the_bundle_in_use_and_what_the_gate_decided(client: TestClient) -> None:
    text = client.get("/").text
    assert "20240302T000000Z" in text
    assert "passed: ranker is best." in text


def test_user_page_has_each_item_with_its_reason_and_a_link_to_the_evidence(client: TestClient) -> None:
    text = client.get("/users/u1").text
    assert 'Goes with <a href="/items/i2">Sneaker [red]</a>' in text
    assert 'Because you liked <a href="/items/i1">New Boot</a>' in text
    assert "Found by: popular, als" in text
    assert "6 events; this bundle does not hold them." in text


def test_what_a_user_did_since_the_build_is_told_at_once(own: TestClient) -> None:
    for user_id in ("u1", "somebody new"):
        event = {"user_id": user_id, "item_id": "i3", "event_type": "view", "ts": "2024-03-03T10:00:00Z"}
        assert own.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
        text = own.get(f"/users/{user_id}").text
        assert "2024-03-03 <br><strong>since the build</strong>" in text


def test_a_user_who_is_to_be_erased_is_not_shown(own: TestClient) -> None:
    assert own.delete("/v1/users/u1").status_code == 202
    assert own.get("/users/u1").status_code == 404
    assert 'href="/users/u1"' not in own.get("/").text + own.get("/?q=u1").text


def test_item_page_has_numbers_and_what_goes_with_it_in_order(client: TestClient) -> None:
    text = client.get("/items/i1").text
    assert re.search(r"n users</th><td[^>]*>2<", text)
    assert text.index("Rain Boot") < text.index("Trail Runner")


def test_trending_of_a_category_holds_that_category_alone(client: TestClient) -> None:
    assert "Rain Boot" in client.get("/trending").text
    text = client.get("/trending", params={"category": "shoes"}).text
    assert "New Boot" in text
    assert "Rain Boot" not in text
    assert client.get("/trending", params={"category": "hats"}).status_code == 404


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/users/nobody", "There is no user “nobody” in this bundle."),
        ("/items/i99", "There is no item “i99” in this bundle."),
        (USER_URL, "There is no user “&lt;script&gt;alert(1)&lt;/script&gt;” in this bundle."),
    ],
)
def test_what_is_unknown_is_said_in_a_sentence(client: TestClient, path: str, sentence: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert f'<p class="fault" role="alert">{sentence}</p>' in answer.text


def test_without_a_bundle_every_page_says_what_to_do(tmp_path: Path) -> None:
    with TestClient(create_app(load_config({"RECSYS_HOME": str(tmp_path)}))) as empty:
        for path in ("/", "/users/u1", "/items/i1", "/trending", "/report"):
            answer = empty.get(path)
            assert answer.status_code == 503
            assert "Nothing is published yet: run <code>recsys load FOLDER</code>" in answer.text
        assert [empty.get(path).status_code for path in ("/builds", "/docs")] == [200, 200]


def test_names_that_are_markup_are_shown_as_text(odd_client: TestClient) -> None:
    pages = {path: odd_client.get(path).text for path in ("/", "/?q=boot", "/?q=alert", USER_URL, "/items/i4")}
    for path, text in pages.items():
        assert SCRIPT not in text, path
        assert "<b>" not in text, path
        assert [one.get("src") for one in Outline(text).all("script")] == ["/static/explorer.js"]
    assert f'href="{USER_URL}"' in pages["/?q=alert"]
    for path in ("/?q=boot", USER_URL, "/items/i4"):
        assert QUOTED in html.unescape(pages[path]), path


def test_what_is_searched_for_stays_in_its_field(client: TestClient) -> None:
    text = client.get("/", params={"q": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in text
    assert [one["value"] for one in Outline(text).all("input")] == ['"><script>alert(1)</script>']


def test_docs_describe_every_route_of_the_api(client: TestClient) -> None:
    text = client.get("/docs").text
    described = {
        f"{method.upper()} {path}"
        for path, of_path in client.get("/openapi.json").json()["paths"].items()
        for method in of_path
    }
    assert "GET /v1/trending" in described
    assert {route for route in described if f"<code>{route}</code>" not in text} == set()


def test_builds_say_how_to_make_a_key_where_there_is_none(own: TestClient) -> None:
    text = own.get("/builds").text
    assert "make one with <code>recsys keys add NAME --scope admin</code>" in text
    assert 'name="key"' not in text


def test_rollback_wants_a_key_with_the_scope_admin(own: TestClient, home: Config) -> None:
    reader = add_key(home, "reader", ("read",))
    assert "There is no key with the scope admin yet" in own.get("/builds").text
    add_key(home, "boss", ("admin",))
    older, newer = (manifest.build_id for manifest in list_builds(home))
    assert 'type="password"' in own.get("/builds").text
    for key, sentence in (
        ("rk_wrong", "This key is not known."),
        (reader, "needs one with the scope admin"),
        ("", "not known"),
    ):
        answer = own.post("/builds/rollback", data={"build_id": older, "key": key})
        assert answer.status_code == 403
        assert sentence in answer.text
    assert (current_bundle(home) or Path()).name == newer


def test_rollback_with_the_key_puts_the_build_into_use_at_once(own: TestClient, home: Config) -> None:
    key = add_key(home, "boss", ("admin",))
    older = list_builds(home)[0].build_id
    answer = own.post("/builds/rollback", data={"build_id": older, "key": key})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/builds?done={older}")
    assert (current_bundle(home) or Path()).name == older
    assert own.get("/readyz").json()["build_id"] == older
    assert f"Build <code>{older}</code> is in use now." in own.get(answer.headers["location"]).text


def test_rollback_to_a_damaged_or_unknown_build_changes_nothing(own: TestClient, home: Config) -> None:
    key = add_key(home, "boss", ("admin",))
    older, newer = (manifest.build_id for manifest in list_builds(home))
    database = home.published_path / older / "recsys.duckdb"
    database.chmod(0o644)
    database.write_bytes(b"no database")
    for build_id, words in ((older, "is damaged"), ("../..", "There is no bundle"), ("", "There is no bundle")):
        answer = own.post("/builds/rollback", data={"build_id": build_id, "key": key})
        assert answer.status_code == 409
        assert words in answer.text
    assert (current_bundle(home) or Path()).name == newer


def test_report_page_has_every_model_of_the_report(client: TestClient) -> None:
    text = client.get("/report").text
    assert "Gate passed: ranker is best." in text
    assert "<table>" in text


def test_the_api_beside_it_answers_as_before(client: TestClient) -> None:
    items = json.loads(client.get("/v1/users/u1/recommendations").text)["items"]
    assert [item["item_id"] for item in items] == ["i3", "i4"]
