"""Bad files from the command line: the old lists stay, a sentence says why, and there is a way out."""

import shutil
from pathlib import Path

import duckdb
import pytest

from recsys_assets_tests.end_to_end.command_line import recsys


def load_events(home: Path, name: str, item_prefix: str) -> str:
    """Load 300 events of users that are known; returns the batch's name."""
    folder = home / "incoming" / name
    folder.mkdir(parents=True)
    rows = (f"{name}{n},user{n % 50:03},{item_prefix}{n % 80:03},2024-05-01 10:00:00,view\n" for n in range(300))
    (folder / "events.csv").write_text("event_id,user_id,item_id,ts,event_type\n" + "".join(rows))
    done = recsys(home, "load", str(folder))
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in recsys(home, "batches").stdout.splitlines() if line.split()[3:4] == ["300"]]
    return line.split()[0]


def errors(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if line.startswith("Error: ")]


@pytest.mark.slow
def test_another_shops_file_changes_nothing_until_it_is_taken_out(built_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(built_home, home, symlinks=True)
    current = (home / "published/current").resolve()
    batch = load_events(home, "foreign", "sku")

    for job in ("refresh", "build"):
        done = recsys(home, job)
        assert done.returncode == 1
        sentence = (
            f"Check items_known_as_before did not pass, so nothing was published: batch {batch} (events: events.csv) "
            "has 0% of its 300 events on items of the catalogue, where 100% were before; take it out with "
            f"`recsys unload {batch}`, or keep it as it is with `recsys accept {batch}`."
        )
        assert errors(done.stderr) == [f"Error: {sentence}"]
        assert "Traceback" not in done.stderr
        assert (home / "published/current").resolve() == current
        assert recsys(home, "recommend", "user000").returncode == 0

    done = recsys(home, "unload", batch)
    assert done.returncode == 0, done.stderr
    assert (home / "quarantine" / batch / "events" / "events.csv").is_file()
    assert recsys(home, "verify").returncode == 0
    done = recsys(home, "refresh")
    assert done.returncode == 0, done.stderr
    published = (home / "published/current").resolve()
    assert published != current
    with duckdb.connect() as connection:
        for name, folder in (("before", current), ("after", published)):
            connection.execute(f"ATTACH '{folder}/recsys.duckdb' AS {name} (READ_ONLY)")
        lists = "SELECT user_id, surface, rank, item_id, score FROM {}.recommendations"
        different = f"{lists.format('before')} EXCEPT ALL {lists.format('after')}"
        assert connection.execute(f"SELECT count(*) FROM ({different})").fetchall() == [(0,)]


@pytest.mark.slow
def test_what_a_person_accepts_or_switches_off_is_published(
    built_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    shutil.copytree(built_home, home, symlinks=True)
    batch = load_events(home, "foreign", "sku")
    assert "items_known_as_before: batch" in recsys(home, "batches").stdout
    done = recsys(home, "accept", batch)
    assert done.returncode == 0, done.stderr
    assert "items_known_as_before" not in recsys(home, "batches").stdout
    (home / "accepted_batches.txt").unlink()
    for gate in ("ITEMS_KNOWN_AS_BEFORE", "EVENT_TYPES_AS_BEFORE"):
        monkeypatch.setenv(f"RECSYS__GATES__{gate}", "off")
    done = recsys(home, "refresh")
    assert done.returncode == 0, done.stderr
    assert recsys(home, "recommend", "user000").returncode == 0
