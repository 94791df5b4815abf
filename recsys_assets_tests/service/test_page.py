"""What a person sees of the Explorer in a browser, with the service running as `recsys serve`.

RECSYS_SCREENSHOTS=FOLDER keeps a picture of each page.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from recsys_assets.config import load_config
from recsys_assets.publishing.manifest import MANIFEST_FILE
from recsys_assets.publishing.switch import current_bundle
from recsys_assets.service.keys import add_key
from recsys_assets_tests.end_to_end.servers import serve
from recsys_assets_tests.fixtures.chromium import CHROMIUM_FLAGS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OLDER = "20240101T000000Z-000000"
PAGE_SECONDS = 30
PAGES = (
    "/",
    "/?q=shoes",
    "/users/user003",
    "/users/user003?explain=for_you",
    "/items/item006",
    "/trending",
    "/report",
    "/builds",
    "/docs",
    "/users/nobody",
)


@dataclass(frozen=True)
class Explorer:
    """A running service, the home that it serves, and a browser to look at it with."""

    url: str
    home: Path
    browser: Browser

    @contextmanager
    def window(
        self, path: str, scripts: bool = True, scheme: Literal["light", "dark"] = "light", width: int = 1200
    ) -> Iterator[Page]:
        """A window of its own; what the browser complains of fails the test."""
        context = self.browser.new_context(
            java_script_enabled=scripts, color_scheme=scheme, viewport={"width": width, "height": 900}
        )
        page, complaints = context.new_page(), []
        page.set_default_timeout(PAGE_SECONDS * 1000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(self.url + path)
        yield page
        assert [text for text in complaints if "404" not in text and "403" not in text] == []
        context.close()


def keep_picture(page: Page, name: str) -> None:
    if folder := os.environ.get("RECSYS_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.fixture(scope="module")
def home(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is published there, and an older build beside it: the same under another name."""
    home = tmp_path_factory.mktemp("explorer")
    shutil.copytree(built_home / "published", home / "published", symlinks=True)
    current = (home / "published/current").resolve()
    older = shutil.copytree(current, home / "published" / OLDER)
    manifest = json.loads((current / MANIFEST_FILE).read_text())
    told = manifest | {"build_id": OLDER, "created_at": "2024-01-01T00:00:00"}
    (older / MANIFEST_FILE).write_text(json.dumps(told))
    return home


@pytest.fixture(scope="module")
def explorer(home: Path, browser_path: str) -> Iterator[Explorer]:
    with serve(home) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=CHROMIUM_FLAGS)
        expect.set_options(timeout=PAGE_SECONDS * 1000)
        yield Explorer(str(server.http.base_url).rstrip("/"), home, browser)
        browser.close()


@pytest.mark.parametrize("path", PAGES)
def test_page_reads_without_scripts(explorer: Explorer, path: str) -> None:
    with explorer.window(path, scripts=False) as page:
        expect(page.get_by_role("main").get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
        expect(page.get_by_role("contentinfo")).to_contain_text("Bundle 20")


@pytest.mark.parametrize("path", PAGES)
def test_page_can_be_used_by_everyone(explorer: Explorer, path: str) -> None:
    with explorer.window(path) as page:
        assert page.locator("html").get_attribute("lang") == "en"
        assert page.locator("h1").count() == 1
        unlabelled = """fields => fields.filter(f => f.type !== 'hidden' && !f.labels.length).map(f => f.outerHTML)"""
        assert page.locator("input, select").evaluate_all(unlabelled) == []
        nameless = """all => all.filter(e => !e.textContent.trim() && !e.ariaLabel).map(e => e.outerHTML)"""
        assert page.locator("a, button, summary, caption, h1, h2, h3, th").evaluate_all(nameless) == []
        assert page.locator("table").count() == page.locator("table > caption").count()
        levels = page.locator("h1, h2, h3").evaluate_all("all => all.map(e => Number(e.tagName[1]))")
        assert levels[0] == 1
        assert [pair for pair in pairwise(levels) if pair[1] - pair[0] > 1] == []


@pytest.mark.parametrize("path", PAGES)
def test_page_fits_a_phone(explorer: Explorer, path: str) -> None:
    with explorer.window(path, width=360) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_reader_and_stand_apart(explorer: Explorer, scheme: Literal["light", "dark"]) -> None:
    with explorer.window("/users/user003?explain=for_you", scheme=scheme) as page:
        keep_picture(page, f"explorer_user_{scheme}")
        ground = luminance(colour(page, "body", "backgroundColor"))
        assert (ground > 0.5) == (scheme == "light")
        for part in ("p.small", ".muted", "a", "caption", "th", "td", "h1", "h2", "summary"):
            on = page.locator(f"main {part}").first.evaluate(
                "e => { while (getComputedStyle(e).backgroundColor === 'rgba(0, 0, 0, 0)') e = e.parentElement;"
                " return getComputedStyle(e).backgroundColor }"
            )
            ink = colour(page, f"main {part}", "color")
            assert contrast(luminance(ink), luminance(numbers(on))) >= 4.5, part
        button = luminance(colour(page, "button", "color")), luminance(colour(page, "button", "backgroundColor"))
        assert contrast(*button) >= 4.5
    with explorer.window("/report", scheme=scheme) as page:
        keep_picture(page, f"explorer_report_{scheme}")


def test_keyboard_leads_past_the_menu_to_the_search_and_to_an_item(explorer: Explorer) -> None:
    with explorer.window("/") as page:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        search = page.get_by_role("searchbox")
        expect(search).to_be_focused()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.type("shoes no. 6")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"\?q=shoes"))
        expect(page.get_by_role("link", name="shoes no. 6", exact=True)).to_be_visible()


def test_slash_goes_to_the_search_and_what_is_found_shows_while_one_types(explorer: Explorer) -> None:
    with explorer.window("/") as page:
        page.keyboard.press("/")
        page.keyboard.type("hats no")
        expect(page.get_by_role("link", name="hats no. 3", exact=True)).to_be_visible()
        assert page.url.endswith("/")


def test_user_page_tells_history_lists_reasons_and_contributions(explorer: Explorer) -> None:
    with explorer.window("/users/user003") as page:
        expect(page.get_by_role("table", name=re.compile("events, the latest first"))).to_be_visible()
        for surface in ("For you", "Because you liked", "New releases", "Trending", "Discover"):
            expect(page.get_by_role("heading", name=surface, exact=True)).to_be_visible()
        page.get_by_role("link", name="Show what moved the scores of for you").click()
        table = page.locator("#for_you").get_by_role("table").first
        expect(table).to_be_visible()
        assert re.fullmatch(r"[+-]\d+\.\d{3}", table.locator("td.number").nth(1).inner_text())


@pytest.mark.parametrize("scripts", [False, True], ids=["without_scripts", "with_scripts"])
def test_what_if_changes_the_list_and_says_what_moved(explorer: Explorer, scripts: bool) -> None:
    with explorer.window("/users/user003", scripts=scripts) as page:
        published = titles(page, "#for_you")
        page.get_by_text("What if?").last.click()
        for title in ("books no. 10", "books no. 16"):
            page.get_by_label("Item: its id").fill(title)
            page.get_by_label("Event").select_option("purchase")
            page.get_by_role("button", name="Find items").click()
            page.get_by_role("button", name=f"Add purchase: {title}", exact=True).click()
        before, after = (titles(page, f"#what-if .columns > div:nth-child({place})") for place in (1, 2))
        assert before == published
        assert after != before
        moved = page.locator("#what-if .moved").all_inner_texts()
        assert any(re.fullmatch(r"new|up \d+|down \d+", words) for words in moved)
        assert titles(page, "#for_you") == published, "nothing is kept"
        keep_picture(page, "explorer_what_if")
        page.get_by_role("link", name="remove books no. 10").click()
        expect(page.locator("#what-if ul li")).to_have_count(1)


def test_rollback_wants_the_right_key(explorer: Explorer) -> None:
    config = load_config({"RECSYS_HOME": str(explorer.home)})
    in_use = current_bundle(config)
    with explorer.window("/builds") as page:
        expect(page.get_by_text("recsys keys add NAME --scope admin")).to_be_visible()
        key = add_key(config, "boss", ("admin",))
        page.reload()
        page.get_by_label("Key with the scope admin").fill("rk_wrong")
        page.get_by_role("button", name="Put into use").click()
        expect(page.get_by_role("alert")).to_have_text("This key is not known.")
        assert current_bundle(config) == in_use
        page.get_by_label("Key with the scope admin").fill(key)
        page.get_by_role("button", name="Put into use").click()
        expect(page.get_by_role("status")).to_contain_text(OLDER)
        expect(page.get_by_role("row").filter(has_text=OLDER)).to_contain_text("yes")
        assert (current_bundle(config) or Path()).name == OLDER
        assert key not in page.url
        keep_picture(page, "explorer_builds")


def titles(page: Page, part: str) -> list[str]:
    return page.locator(f"{part} ol.places > li").evaluate_all("all => all.map(e => e.querySelector('a').textContent)")


def colour(page: Page, selector: str, name: str) -> list[float]:
    return numbers(page.locator(selector).first.evaluate(f"e => getComputedStyle(e).{name}"))


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"[\d.]+", text)][:3]


def luminance(rgb: list[float]) -> float:
    """Relative luminance: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    parts = [part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in rgb]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: float, other: float) -> float:
    """Contrast ratio, 1 to 21, of two luminances."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)
