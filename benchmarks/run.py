"""The benchmark behind `make bench`: cut, tune and run the peers, build ours, score all on what was hidden."""

import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.dataset import fingerprint
from benchmarks.ours import NAME as OURS
from benchmarks.ours import build_ours
from benchmarks.peers import PEERS
from benchmarks.processes import PEERS_PYTHON, FailedSystemError, run_peer_step
from benchmarks.report import Scored, describe_cut, format_faults, format_table, write_section
from benchmarks.results import Result, find_result, keep_result, key_of_cutting, key_of_method, key_of_project
from benchmarks.score import read_lists, score_lists
from benchmarks.split import ENOUGH_USERS, PROTOCOLS, cut_data, cut_to_tune, demand_users, read_meta
from recsys_assets.config import PROJECT_ROOT, load_config
from recsys_assets.errors import RecsysError
from recsys_assets.publishing.manifest import read_git_sha

DEFAULT_PEERS = " ".join(PEERS)
REPEATS = 2  # a peer runs twice and the faster counts: other work on the machine only ever adds
UNTUNED = {"als": {"factors": 64, "alpha": 5, "regularization": 1}, "ease_regularization": 300}


def main(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A folder with events, and items and users if any.")],
    cuts: Annotated[int, typer.Option(min=1, help="Cuts, each made of the train part of the one before.")] = 1,
    peers: Annotated[str, typer.Option(help="Names with spaces between.")] = DEFAULT_PEERS,
    protocol: Annotated[str, typer.Option(help="global, llo, or auto: global unless it leaves few users.")] = "auto",
    table: Annotated[Path | None, typer.Option(help="Score this .duckdb or .parquet on cut 1; no build.")] = None,
    cut_only: Annotated[bool, typer.Option("--cut-only", help="Cut, say where, and stop.")] = False,
    budget: Annotated[float, typer.Option(help="Processor seconds to tune a peer; at most 20 settings.")] = 120,
    limit: Annotated[float, typer.Option(help="Seconds after which a process is ended.")] = 7200,
    scratch: Annotated[Path, typer.Option(help="What is kept between runs.")] = PROJECT_ROOT / "data" / "benchmarks",
    page: Annotated[Path, typer.Option(help="Where the tables go.")] = PROJECT_ROOT / "docs" / "benchmarks.md",
) -> None:
    """Measure this project and the peers on cuts of the data."""
    names = peers.split()
    if unknown := [name for name in names if name not in PEERS]:
        raise RecsysError(f"There is no peer {unknown[0]}: choose from {', '.join(PEERS)}.")
    if table and cuts > 1:
        raise RecsysError("A table is of one cut: leave CUTS out.")
    if not PEERS_PYTHON.exists():
        raise RecsysError(
            f"The peers' environment is not at {PEERS_PYTHON.parents[1]}: use `make bench`, which makes it."
        )
    data = data.resolve()
    folder = scratch.resolve() / f"{data.name}-{fingerprint(data)}-{key_of_cutting()}"
    splits = cut_all(data, folder, protocol, cuts)
    if cut_only:
        return
    measured = []
    for split in splits:
        results = [run_peer_on(split, names, name, budget, limit) for name in names]
        ours = Result(str(table.name), lists=str(table.resolve())) if table else run_ours_on(split, limit)
        measured.append([score_result(split, result) for result in [ours, *results]])
        _say(f"{format_table(measured[-1:], measured[-1][0].result.system)}\n")
    command = f"make bench DATA={data.name}"
    command += (f" CUTS={cuts}" if cuts > 1 else "") + (f" PROTOCOL={protocol}" if protocol != "auto" else "")
    command += f' PEERS="{peers}"' if peers != DEFAULT_PEERS else ""
    section = format_section(data.name, command, splits, measured)
    print(section)
    if not table:
        write_section(page, data.name, section)
        _say(f"Written to {page}.")


def cut_all(data: Path, folder: Path, protocol: str, cuts: int) -> list[Path]:
    """The splits of the data, cut unless they are there: each but the first out of the train part of the one before.

    Raises:
        RecsysError: the protocol is unknown, or a cut leaves nobody to recommend for.
    """
    if protocol not in (*PROTOCOLS, "auto"):
        raise RecsysError(f"There is no protocol {protocol}: choose global, llo or auto.")
    if protocol == "auto":
        first = folder / "global-1"
        meta = read_meta(first) or cut_data(data, first, "global")
        protocol = "global" if meta["target_users"] >= ENOUGH_USERS else "llo"
        if protocol == "llo":
            _say(f"A global cut leaves {meta['target_users']} target users, too few to tell systems apart: llo.")
    splits: list[Path] = []
    for number in range(1, cuts + 1):
        split = folder / f"{protocol}-{number}"
        meta = read_meta(split) or cut_data(splits[-1] / "seen" if splits else data, split, protocol)
        demand_users(split, meta)
        _say(f"{describe_cut(number, meta)} What a system may see: {split / 'seen'}")
        splits.append(split)
    return splits


def run_peer_on(split: Path, names: list[str], name: str, budget: float, limit: float) -> Result:
    """Tune a peer, run it, and keep what came out; a failure is a result too, and is tried again the next time."""
    given = _take_from_tuned(split, names, budget) if name == "rectools_two_stage" else {}
    key = key_of_method(budget=budget, given=given)
    kept = split / "results" / f"{name}-{key}.json"
    kept.parent.mkdir(exist_ok=True)
    if found := find_result(kept):
        return found
    tuned = _tuned(split, name, budget, given)
    try:
        if not tuned.exists():
            _say(f"  {name}: tuning")
            part = tuned.with_suffix(".part")
            tries, cost = run_peer_step(
                "tune", cut_to_tune(split, (read_meta(split) or {})["protocol"]), name, given, part, limit, str(budget)
            )
            part.write_text(json.dumps(tries | {"seconds": cost.seconds}), encoding="utf-8")
            part.replace(tuned)
        tries = json.loads(tuned.read_text(encoding="utf-8"))
        _say(f"  {name}: learning and recommending with {tries['settings']}")
        step = kept.with_suffix(".run")
        runs = [run_peer_step("run", split, name, tries["settings"], step, limit) for _ in range(REPEATS)]
        seconds, cost = min(runs, key=lambda run: run[0]["fit"] + run[0]["recommend"])
        result = Result(
            system=name,
            lists=kept.with_suffix(".parquet").name,
            seconds=seconds["fit"] + seconds["recommend"],
            whole_seconds=cost.seconds,
            processor_seconds=cost.processor_seconds,
            tuning_seconds=tries["seconds"] if tries["tries"] else 0.0,
            memory_mb=cost.memory_mb,
            settings=tries["settings"],
        )
    except FailedSystemError as failure:
        _say(f"  {name}: failed: {failure}")
        result = Result(name, failure=str(failure))
    return keep_result(kept, result)


def run_ours_on(split: Path, limit: float) -> Result:
    """Build this project on what the split shows, and keep its lists; a failure is a result too."""
    kept = split / "results" / f"ours-{key_of_project(load_config())}.json"
    kept.parent.mkdir(exist_ok=True)
    if found := find_result(kept):
        return found
    _say(f"  {OURS}: building; the log is {split / 'home.build.log'}")
    try:
        return keep_result(kept, build_ours(split, split / "home", kept.with_suffix(".parquet"), limit))
    except FailedSystemError as failure:
        _say(f"  {OURS}: failed: {failure}")
        return keep_result(kept, Result(OURS, failure=str(failure)))


def score_result(split: Path, result: Result) -> Scored:
    """Score the lists of a result, if there are any."""
    return Scored(result, score_lists(split, read_lists(split / "results" / result.lists)) if result.lists else None)


def format_section(name: str, command: str, splits: list[Path], measured: list[list[Scored]]) -> str:
    """What `docs/benchmarks.md` says of a data set: how it was measured, a table a cut, and a pooled one."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    ours = measured[0][0].result.system
    lines = [
        f"## {name}",
        "",
        (
            f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, commit {read_git_sha(PROJECT_ROOT)[:10]}, "
            f"{os.cpu_count()} cores, {memory:.0f} GB; load average at the end {os.getloadavg()[0]:.1f}."
        ),
    ]
    for number, (split, systems) in enumerate(zip(splits, measured, strict=True), 1):
        lines += ["", describe_cut(number, read_meta(split) or {}), "", format_table([systems], ours), ""]
        lines += [format_faults([systems])]
    if len(measured) > 1:
        lines += ["", "All cuts together:", "", format_table(measured, ours)]
    return "\n".join(lines)


def _take_from_tuned(split: Path, names: list[str], budget: float) -> dict[str, object]:
    """The settings that the two-stage model's own ALS and EASE take: those tuned for these peers, where they ran."""
    given: dict[str, object] = dict(UNTUNED)
    files = {name: _tuned(split, name, budget, {}) for name in names}
    if (file := files.get("implicit_als")) and file.exists():
        given["als"] = json.loads(file.read_text(encoding="utf-8"))["settings"]
    if (file := files.get("rectools_ease")) and file.exists():
        given["ease_regularization"] = json.loads(file.read_text(encoding="utf-8"))["settings"]["regularization"]
    return given


def _tuned(split: Path, name: str, budget: float, given: dict[str, object]) -> Path:
    return split / "results" / f"{name}-{key_of_method(budget=budget, given=given)}.tuned.json"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))
    try:
        typer.run(main)
    except RecsysError as error:
        sys.exit(f"Error: {error}")
