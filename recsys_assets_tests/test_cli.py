import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from recsys_assets import __version__
from recsys_assets.cli import main
from recsys_assets.config import Config, load_config
from recsys_assets.publishing.switch import current_bundle, list_builds
from recsys_assets_tests.fixtures.published_world import make_warehouse, publish

COMMANDS = (
    "load",
    "sample",
    "simulate",
    "batches",
    "accept",
    "unload",
    "build",
    "refresh",
    "tune",
    "ablate",
    "tradeoff",
    "recommend",
    "similar",
    "report",
    "trace",
    "health",
    "rollback",
    "builds",
    "verify",
    "backup",
    "restore",
    "forget",
    "tour",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A home with the published world, for commands that only read."""
    config = load_config({"RECSYS_HOME": str(tmp_path_factory.mktemp("home"))})
    make_warehouse(config)
    publish(config, datetime(2024, 3, 1))
    return config


class Recsys:
    """Runs commands in this process, as the entry point does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, home: Path, *arguments: str) -> tuple[int, str, str]:
        """Status, stdout and stderr of a command."""
        self.monkeypatch.setenv("RECSYS_HOME", str(home))
        self.monkeypatch.setattr(sys, "argv", ["recsys", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self.capsys.readouterr()
        return int(ended.value.code or 0), out, err


@pytest.fixture
def recsys(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Recsys:
    return Recsys(monkeypatch, capsys)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(recsys: Recsys, tmp_path: Path, command: str) -> None:
    status, out, err = recsys(tmp_path, command, "--help")
    assert (status, err) == (0, "")
    assert f"Usage: recsys {command}" in out


def test_without_a_command_it_lists_them(recsys: Recsys, tmp_path: Path) -> None:
    status, out, _ = recsys(tmp_path)
    assert status == 0
    assert all(f" {command} " in out for command in COMMANDS if command != "tour")
    assert " tour " not in out


def test_it_tells_its_version(recsys: Recsys, tmp_path: Path) -> None:
    assert recsys(tmp_path, "--version") == (0, f"recsys {__version__}\n", "")


@pytest.mark.parametrize(
    "command", [["recommend", "u1"], ["similar", "i1"], ["report"], ["trace", "u1", "i1"], ["builds"]]
)
def test_before_the_first_build_every_reader_says_what_to_do(
    recsys: Recsys, tmp_path: Path, command: list[str]
) -> None:
    sentence = "Error: Nothing is published yet: run `recsys load DIR` and `recsys build` first.\n"
    assert recsys(tmp_path, *command) == (1, "", sentence)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "status", "start"),
    [
        (["recommend", "u1", "--surface", "best"], 1, "Error: There is no surface 'best'; there are: for_you, "),
        (["recommend", "u1", "--k", "0"], 1, "Error: A list needs a length of at least 1, not 0."),
        (["recommend", "u1", "--k", "ten"], 2, "Error: Invalid value for '--k'"),
        (["recommend"], 2, "Error: Missing argument 'USER'."),
        (["recommend", "u1", "--best"], 2, "Error: No such option: --best"),
        (["best"], 2, "Error: No such command 'best'."),
        (["similar", "boot"], 1, "Error: There is no item 'boot' in the published bundle; by title, did you mean i1 "),
        (["report", "--metric", "auc"], 1, "Error: The report has no metric 'auc'; there are: "),
        (["report", "--k", "7"], 1, "Error: The report has no k = 7; there are: 10, 20."),
        (["trace", "u2", "i3"], 1, "Error: Item 'i3' is in no published list of user 'u2'"),
        (["rollback", "nowhere"], 1, "Error: There is no bundle 'nowhere' in the published folder; there are: 2024"),
        (["rollback"], 1, "Error: Bundle 2024"),
        (
            ["tune", "--budget", "soon"],
            1,
            "Error: A budget is a number of seconds, or one with s, m or h (90s, 10m, 1h), ",
        ),
        (["tune", "--trials", "0"], 2, "Error: Invalid value for '--trials'"),
        (["unload", "june"], 1, "Error: There is no landed batch or file 'june': `recsys batches` lists them."),
        (["accept", "june"], 1, "Error: There is no landed batch 'june': `recsys batches` lists them."),
        (["load", "/no/such/folder"], 1, "Error: There is no folder /no/such/folder"),
        (["simulate", "x", "--days", "3", "--taste-change", "4"], 1, "Error: --taste-change 4 is after the last of 3"),
        (["sample", "nothing"], 1, "Error: There is no sample 'nothing'"),
    ],
)
def test_a_mistake_is_one_sentence_on_stderr(
    recsys: Recsys, world: Config, arguments: list[str], status: int, start: str
) -> None:
    ended, out, err = recsys(world.home, *arguments)
    assert (ended, out) == (status, "")
    assert err.startswith(start)
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["tune", "ablate"])
def test_before_the_first_build_an_experiment_says_what_to_do(recsys: Recsys, tmp_path: Path, command: str) -> None:
    sentence = (
        f"Error: There is no warehouse at {tmp_path}/warehouse.duckdb yet: run `recsys load DIR` and `recsys build` "
    )
    status, out, err = recsys(tmp_path, command)
    assert (status, out, err) == (1, "", f"{sentence}first.\n")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_setting_is_one_sentence(recsys: Recsys, world: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS__SEDE", "1")
    status, out, err = recsys(world.home, "report")
    assert (status, out) == (1, "")
    assert err == "Error: Configuration: unknown key 'sede' (recsys.yaml lists every key there is).\n"


def test_recommend_prints_titles_as_they_are_and_reasons(recsys: Recsys, world: Config) -> None:
    status, out, err = recsys(world.home, "recommend", "u1", "--k", "1")
    assert (status, err) == (0, "")
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert lines[-1] == ["1", "i3", "Trail", "Runner", "Goes", "with", "Sneaker", "[red]"]
    assert "2024-01-04 10:00" in out


def test_recommend_explains(recsys: Recsys, world: Config) -> None:
    _, out, _ = recsys(world.home, "recommend", "u1", "--explain")
    first = next(line for line in out.splitlines() if " i3 " in line)
    assert first.split()[-3:] == ["popular,", "als", "i2"]


def test_recommend_has_something_for_a_stranger(recsys: Recsys, world: Config) -> None:
    status, out, _ = recsys(world.home, "recommend", "stranger")
    assert status == 0
    assert out.startswith("User stranger is not known: this is what is popular now.")
    assert "Rain Boot" in out


def test_similar_prints_items(recsys: Recsys, world: Config) -> None:
    status, out, _ = recsys(world.home, "similar", "i1")
    assert status == 0
    assert out.startswith("Similar to i1 New Boot")
    assert out.index("Rain Boot") < out.index("Trail Runner")


def test_report_prints_models_sources_and_the_gate(recsys: Recsys, world: Config) -> None:
    status, out, _ = recsys(world.home, "report")
    assert status == 0
    assert out.index("ranker (published)") < out.index("popular") < out.index("union")
    assert out.endswith("Published: ranker. Gate passed: ranker is best.\n")


def test_trace_prints_the_way_back_to_file_and_line(recsys: Recsys, world: Config) -> None:
    status, out, _ = recsys(world.home, "trace", "u1", "i4")
    assert status == 0
    assert "recomputed from the bundle: equal to the last bit" in out
    assert "events.csv:3" in out
    assert "score_als" in out


def test_tour_shows_history_lists_report_and_where_to_look(recsys: Recsys, world: Config) -> None:
    status, out, _ = recsys(world.home, "tour")
    assert status == 0
    for words in ("The last events of user u1", "Because you liked New Boot", "ranker (published)", "make serve"):
        assert words in out
    assert f'"{world.published_path}/current/recsys.duckdb"' in out
    assert recsys(world.home, "tour")[1] == out


def test_builds_and_rollback(recsys: Recsys, tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    first, second = (publish(tiny_home, datetime(2024, 3, day)).name for day in (1, 2))
    marked = {
        line.split()[0]: line.split()[-1] for line in recsys(tiny_home.home, "builds")[1].splitlines() if "2024" in line
    }
    assert marked == {second: "current", first: "4"}
    assert recsys(tiny_home.home, "rollback") == (0, f"In use: bundle {first}, made 2024-03-01 00:00:00 UTC.\n", "")
    assert (current_bundle(tiny_home) or tiny_home.home).name == first
    assert recsys(tiny_home.home, "rollback", second)[0] == 0
    (tiny_home.published_path / first / "manifest.json").unlink()
    (tiny_home.published_path / first / "manifest.json").write_text("{}")
    _, out, _ = recsys(tiny_home.home, "builds")
    assert f"Bundle {first} is damaged: its manifest.json is not what was published." in out
    assert len(list_builds(tiny_home)) == 1


def test_load_counts_what_it_took_and_takes_nothing_twice(recsys: Recsys, tiny_home: Config, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "events.csv").write_text(
        "user_id,item_id,ts\nu1,i1,2024-01-01 10:00:00\nu1,i2,not a time\nu2,i1,2024-01-02 10:00:00\n"
    )
    status, out, err = recsys(tiny_home.home, "load", str(folder))
    assert (status, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert ["events", "events.csv", "3", "2", "1"] in lines
    assert "rejected in events: " in out
    assert out.endswith("Next: `recsys build`.\n")
    _, out, _ = recsys(tiny_home.home, "load", str(folder))
    assert ["events", "events.csv", "is", "loaded", "already"] in [line.split() for line in out.splitlines()]


def test_a_batch_is_listed_judged_accepted_and_taken_out_again(
    recsys: Recsys, tiny_home: Config, tiny_world: Path, tmp_path: Path
) -> None:
    recsys(tiny_home.home, "load", str(tiny_world))
    (tmp_path / "events.csv").write_text(
        "event_id,user_id,item_id,ts,event_type\n"
        + "".join(f"x{n},u01,other{n},2024-02-01 10:00:00,view\n" for n in range(60))
    )
    recsys(tiny_home.home, "load", str(tmp_path))
    status, out, err = recsys(tiny_home.home, "batches")
    assert (status, err) == (0, "")
    (batch,) = (line.split()[0] for line in out.splitlines() if line.split()[1:4] == ["events", "events.csv", "60"])
    assert f"items_known_as_before: batch {batch} (events: events.csv) has 0% of its 60 events" in out
    status, out, err = recsys(tiny_home.home, "accept", batch)
    assert (status, out) == (0, f"Batch {batch} is accepted. Next: `recsys build` or `recsys refresh`.\n")
    out = recsys(tiny_home.home, "batches")[1]
    assert "accepted by hand" in out
    assert "items_known_as_before" not in out
    status, out, err = recsys(tiny_home.home, "unload", batch)
    folder = tiny_home.quarantine_path / batch
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        f"events.csv of events is in {folder / 'events'}.",
        f"Next: `recsys build` or `recsys refresh`. Back: `recsys load {folder}`.",
    ]
    assert batch not in recsys(tiny_home.home, "batches")[1]
    assert recsys(tiny_home.home, "verify")[0] == 0


def test_verify_backup_and_restore(recsys: Recsys, tiny_home: Config, tiny_world: Path, tmp_path: Path) -> None:
    recsys(tiny_home.home, "load", str(tiny_world))
    status, out, err = recsys(tiny_home.home, "verify")
    assert (status, err) == (0, "")
    assert "3 of 3 hold what was landed." in out
    backup, restored = tmp_path / "backup.tar", tmp_path / "restored"
    status, out, err = recsys(tiny_home.home, "backup", str(backup))
    assert (status, out) == (
        0,
        f"Written: {backup}. Back: `recsys restore {backup}` with RECSYS_HOME on an empty folder.\n",
    )
    assert "MB" in err
    status, out, err = recsys(restored, "restore", str(backup))
    assert (status, err) == (0, "")
    assert out.endswith(f"UTC are in {restored}.\n")
    assert recsys(restored, "verify")[0] == 0
    (landed,) = (path for path in (restored / "landing" / "users").iterdir() if not path.name.startswith("."))
    landed.unlink()
    status, out, err = recsys(restored, "verify")
    assert status == 1
    assert "Restore it from a backup." in out
    assert err.startswith("Error: 1 of ")
    assert "was loaded and is gone" in err


def test_forget(recsys: Recsys, tiny_home: Config, tiny_world: Path, tmp_path: Path) -> None:
    recsys(tiny_home.home, "load", str(tiny_world))
    status, out, err = recsys(tiny_home.home, "forget", "stranger")
    assert (status, out) == (1, "")
    assert err.splitlines()[-1] == f"Error: There is nothing of a user 'stranger' in {tiny_home.home}."
    recsys(tiny_home.home, "backup", str(tmp_path / "home.tar"))
    status, out, err = recsys(tiny_home.home, "forget", "u03")
    assert status == 0
    assert "rewriting 2 landed files and the warehouse" in err
    assert "Erased: " in out
    assert "Backups that may still hold it: 1" in out
    assert "u03" not in out + err
    assert "rows of forgotten users were left out." in recsys(tiny_home.home, "load", str(tiny_world))[1]
    assert recsys(tiny_home.home, "verify")[0] == 0
    assert recsys(tiny_home.home, "forget")[2] == "Error: No erasure was stopped: name the USER to forget.\n"
    restored = tmp_path / "restored"
    status, out, _ = recsys(
        restored, "restore", str(tmp_path / "home.tar"), "--forgotten", str(tiny_home.forgotten_path)
    )
    assert status == 0
    assert "are erased from it" in out
    assert recsys(restored, "forget", "u03")[0] == 1


def test_the_entry_point_ends_with_a_status_and_without_a_traceback(tmp_path: Path) -> None:
    environment = os.environ | {"RECSYS_HOME": str(tmp_path)}
    command = [sys.executable, "-c", "from recsys_assets.cli import main; main()", "recommend", "u1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: Nothing is published yet: run `recsys load DIR` and `recsys build` first.\n"


def test_a_reader_that_stops_early_is_no_error(world: Config) -> None:
    environment = os.environ | {"RECSYS_HOME": str(world.home)}
    command = f"{sys.executable} -c 'from recsys_assets.cli import main; main()' report | true"
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_help_answers_without_loading_what_commands_need() -> None:
    heavy = {"duckdb", "lightgbm", "polars", "dagster", "numpy", "rich.table"}
    code = f"import sys, recsys_assets.cli; print(sorted({heavy!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_health_of_a_home_without_anything_says_how_to_begin(recsys, tmp_path: Path) -> None:
    status, out, _ = recsys(tmp_path / "home", "health")
    assert (status, out) == (0, "Nothing is made yet: run `recsys load DIR` and `recsys build`.\n")
