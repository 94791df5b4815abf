"""What a person sees in the Dagster UI: layers, lineage, a run by the button, checks, freshness, what sensors start.

RECSYS_SCREENSHOTS=FOLDER keeps a picture of each page.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from recsys_assets_tests.fixtures.chromium import CHROMIUM_FLAGS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

REPOSITORY = Path(__file__).resolve().parents[2]
A_TABLE_OF_EACH_LAYER = {
    "raw": "events",
    "staging": "stg_raw__events",
    "intermediate": "int_history",
    "features": "user_features",
    "candidates": "merged",
    "ranking": "training_frame",
    "evaluation": "model_report",
    "publishing": "recommendations",
    "health": "assets",
}
START_SECONDS = 300
PAGE_SECONDS = 60
RUN_SECONDS = 900


@dataclass(frozen=True)
class Ui:
    """A browser window of its own on a running `dagster dev`, and the home that this serves."""

    page: Page
    url: str
    home: Path

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def keep_picture(self, name: str) -> None:
        if folder := os.environ.get("RECSYS_SCREENSHOTS"):
            self.page.wait_for_timeout(2000)  # the graph glides into place
            self.page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.fixture(scope="module")
def new_ui(tmp_path_factory: pytest.TempPathFactory, tiny_world: Path, browser_path: str) -> Iterator[Callable[[], Ui]]:
    """Opens windows on one `dagster dev` over the tiny world, loaded but not built."""
    home = tmp_path_factory.mktemp("ui")
    environment = os.environ | {
        "RECSYS_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # as in `make dev`
        "FRESHNESS_DAEMON_INTERVAL_SECONDS": "2",  # 30 otherwise
        "RECSYS__RETRAINING__NEW_EVENTS_SHARE": "null",  # age is what the sensor is shown
    }
    load = [sys.executable, "-c", "from recsys_assets.cli import main; main()", "load", str(tiny_world)]
    subprocess.run(load, env=environment, cwd=REPOSITORY, check=True)
    with dagster_dev(home, environment) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=CHROMIUM_FLAGS)
        expect.set_options(timeout=PAGE_SECONDS * 1000)

        def open_window() -> Ui:
            page = browser.new_context(viewport={"width": 1800, "height": 1400}).new_page()
            page.set_default_timeout(PAGE_SECONDS * 1000)
            return Ui(page, url, home)

        yield open_window
        browser.close()


@pytest.fixture
def ui(new_ui: Callable[[], Ui]) -> Iterator[Ui]:
    window = new_ui()
    yield window
    window.page.context.close()


@pytest.fixture(scope="module")
def materialized(new_ui: Callable[[], Ui]) -> None:
    """Every asset of a build is made, with the UI's own button on the page of the job."""
    window = new_ui()
    page = window.open("/locations/recsys_assets/jobs/build")
    with page.expect_response(lambda response: "mutation Launch" in (response.request.post_data or "")):
        page.get_by_role("button", name="Materialize all").click()
    window.open("/runs").locator('a[href^="/runs/"]').first.click()
    status = page.get_by_text(re.compile(r"^(Success|Failure|Canceled)$")).first
    status.wait_for(timeout=RUN_SECONDS * 1000)
    window.keep_picture("run")
    assert status.inner_text() == "Success", page.locator("body").inner_text()[-4000:]
    expect(page.get_by_text("Errored (0)")).to_be_visible()
    page.context.close()


@contextmanager
def dagster_dev(home: Path, environment: dict[str, str]) -> Iterator[str]:
    """`make dev` on a free port of the loopback address, until the end of the block; gives its URL."""
    (home / "dagster").mkdir(exist_ok=True)
    shutil.copy(REPOSITORY / "dagster.yaml", home / "dagster" / "dagster.yaml")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", port]
    command += ["--workspace", str(REPOSITORY / "workspace.yaml")]
    url, log = f"http://127.0.0.1:{port}", home / "dagster-dev.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=home / "dagster", stdout=output, stderr=output, start_new_session=True
        )
        try:
            wait_until_served(url, process, log)
            yield url
        finally:
            stop(process)


def wait_until_served(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/server_info", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    pytest.fail(f"dagster dev did not serve {url} (exit status {process.poll()}):\n{log.read_text()[-3000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, and end what is left of its session."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=20)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_graph_shows_every_layer_as_a_group(ui: Ui) -> None:
    page = ui.open("/asset-groups")
    for layer in A_TABLE_OF_EACH_LAYER:
        expect(page.get_by_role("button", name=layer).first).to_be_visible()
    expect(page.get_by_role("img", name="unfold_more")).to_have_count(len(A_TABLE_OF_EACH_LAYER))
    ui.keep_picture("graph")


@pytest.mark.usefixtures("materialized")
@pytest.mark.parametrize(("layer", "table"), A_TABLE_OF_EACH_LAYER.items(), ids=A_TABLE_OF_EACH_LAYER.keys())
def test_layer_lists_its_tables_as_materialized(ui: Ui, layer: str, table: str) -> None:
    page = ui.open(f"/locations/recsys_assets/asset-groups/{layer}/list")
    expect(page.get_by_role("link", name=f"{layer} / {table}").first).to_be_visible()
    expect(page.get_by_text("Materialized", exact=True).first).to_be_visible()
    expect(page.get_by_text(re.compile("Never materialized|Failed"))).to_have_count(0)
    ui.open(f"/locations/recsys_assets/asset-groups/{layer}/lineage")
    ui.keep_picture(f"layer-{layer}")


def test_lineage_leads_from_features_back_to_raw_events_and_on_to_published_tables(ui: Ui) -> None:
    page = ui.open("/assets/features/user_features?view=lineage&lineageScope=upstream&lineageDepth=9")
    for table in ("events", "stg_raw__events", "int_history", "user_features"):
        expect(page.get_by_text(table, exact=True).last).to_be_visible()
    ui.keep_picture("lineage-upstream")
    page = ui.open("/assets/features/user_features?view=lineage&lineageScope=downstream&lineageDepth=9")
    expect(page.get_by_text("publishing", exact=True).last).to_be_visible()
    ui.keep_picture("lineage-downstream")


@pytest.mark.usefixtures("materialized")
def test_materialize_all_publishes_a_list_for_every_user(ui: Ui) -> None:
    published = ui.home / "published" / "current" / "recsys.duckdb"
    with duckdb.connect(str(published), read_only=True) as connection:
        rows = connection.execute("""
            SELECT user_id FROM recommendations WHERE surface = 'for_you' AND rank = 1 ORDER BY user_id
        """).fetchall()
    assert [user for (user,) in rows] == [f"u{number:02d}" for number in range(1, 13)]


@pytest.mark.usefixtures("materialized")
def test_published_table_shows_rows_checks_and_freshness(ui: Ui) -> None:
    page = ui.open("/assets/publishing/recommendations")
    for word in ("Row count", "Latest check results", "Freshness policy"):
        expect(page.get_by_text(word, exact=True).first).to_be_visible()
    expect(page.get_by_text("Passing", exact=True).first).to_be_visible()
    ui.keep_picture("published-table")


@pytest.mark.usefixtures("materialized")
def test_checks_page_says_what_the_gate_decided(ui: Ui) -> None:
    page = ui.open("/assets/publishing/recommendations?view=checks")
    page.get_by_text("gate_passed").first.click()
    for word in ("Passed", "decision", "method"):
        expect(page.get_by_text(word, exact=True).first).to_be_visible()
    ui.keep_picture("checks")


@pytest.mark.usefixtures("materialized")
def test_checks_of_old_events_warn_with_a_sentence(ui: Ui) -> None:
    page = ui.open("/assets/raw/events?view=checks")
    page.get_by_text("newest_events_are_recent").first.click()
    expect(page.get_by_text(re.compile(r"the newest \w+ is of 2024-0\d-\d\d, [\d,]+ days ago")).first).to_be_visible()
    for check in (r"^volume_is_as.*weekday$", r"^few_events_come_late$"):  # long names are cut in the middle
        expect(page.get_by_text(re.compile(check)).filter(visible=True).first).to_be_visible()
    ui.keep_picture("freshness-checks")


@pytest.mark.usefixtures("materialized")
def test_health_says_what_is_fresh_as_a_table(ui: Ui) -> None:
    page = ui.open("/assets/health/assets")
    page.get_by_text("Show Markdown").first.click()
    expect(page.get_by_role("cell", name="publishing/bundle", exact=True)).to_be_visible()
    expect(page.get_by_role("columnheader", name="waits for", exact=True)).to_be_visible()
    ui.keep_picture("health")


def test_what_starts_runs_is_listed_and_switched_off(ui: Ui) -> None:
    page = ui.open("/automation")
    for name in ("new_files", "retrain_when_needed", "nightly_refresh", "weekly_build", "dead_runs"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    ui.keep_picture("automation")


@pytest.mark.usefixtures("materialized")
def test_an_old_model_is_trained_again_and_the_run_says_why(ui: Ui) -> None:
    record = ui.home / "models" / "training.json"
    written = json.loads(record.read_text())
    old = datetime.fromisoformat(written["trained_at"]) - timedelta(days=40)
    record.write_text(json.dumps(written | {"trained_at": old.isoformat()}))
    page = ui.open("/locations/recsys_assets/sensors/retrain_when_needed")
    page.locator("input[type=checkbox]").first.dispatch_event("click")  # the switch is drawn over it
    reason = page.get_by_text(re.compile(r"recsys/reason: the model is 40 days old \(limit 30\)")).first
    deadline = time.monotonic() + RUN_SECONDS
    while not reason.is_visible() and time.monotonic() < deadline:
        ui.open("/runs")
        page.wait_for_timeout(5000)
    expect(reason).to_be_visible()
    ui.keep_picture("retraining-queued")
    page.locator('a[href^="/runs/"]').first.click()
    status = page.get_by_text(re.compile(r"^(Success|Failure|Canceled)$")).first
    status.wait_for(timeout=RUN_SECONDS * 1000)
    assert status.inner_text() == "Success"
    ui.keep_picture("retraining-run")
    assert json.loads(record.read_text())["trained_at"] > written["trained_at"]
