"""One peer in a process of its own: try its settings, or learn and recommend.

    python -m benchmarks.peer tune SPLIT PEER GIVEN OUT    the best settings on a tuning split, and all tries
    python -m benchmarks.peer run SPLIT PEER SETTINGS OUT  its lists (OUT.parquet) and seconds

GIVEN and SETTINGS are JSON objects; what comes out is JSON in the file OUT.
"""

import itertools
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.interactions import make_lists, read_interactions
from benchmarks.peers import PEERS
from benchmarks.score import K
from recsys_assets.evaluation.metrics import per_user_metrics

TRIES = 20


def tune_peer(split: Path, name: str, given: dict[str, Any], budget: float) -> dict[str, Any]:
    """Try up to 20 settings, the same in every run; no new one is begun after `budget` seconds of processor time.

    Processor time, of all threads together, so that other work on the machine takes no settings away.

    Args:
        split: a tuning split, whose hidden part is used.
        name: a peer.
        given: settings that are not tried but set.
        budget: seconds of processor time.

    Returns:
        `settings` (the best by NDCG@10, the first of equals), `tries` (settings and NDCG@10 of each), `untried` (how
        many the time did not reach).
    """
    make, grid = PEERS[name]
    choices = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    if len(choices) > TRIES:
        choices = [choices[position] for position in np.random.default_rng(0).permutation(len(choices))[:TRIES]]
    if len(choices) == 1:
        return {"settings": choices[0] | given, "tries": [], "untried": 0}
    data, relevant = read_interactions(split), pl.read_parquet(split / "hidden" / "relevant.parquet")
    tries: list[tuple[float, dict[str, Any]]] = []
    started = time.process_time()
    for choice in choices:
        if tries and time.process_time() - started > budget:
            break
        peer = make(**choice, **given)
        peer.fit(data)
        lists = make_lists(data, peer.recommend(data, data.targets))
        tries.append((float(per_user_metrics(lists, relevant, K)["ndcg"].to_numpy().mean()), choice))
    best = max(tries, key=lambda one: one[0])[1]
    return {"settings": best | given, "tries": tries, "untried": len(choices) - len(tries)}


def run_peer(split: Path, name: str, settings: dict[str, Any], lists: Path) -> dict[str, float]:
    """Learn from what the split shows, write the top 10 of its target users.

    Returns:
        Seconds: `fit` from the events in memory to a model, `recommend` from that to the lists.
    """
    data = read_interactions(split)
    _ = data.seen, data.last_events, data.ages  # the events in memory, as a library wants them
    peer = PEERS[name][0](**settings)  # imports the library
    started = time.perf_counter()
    peer.fit(data)
    fitted = time.perf_counter()
    items = peer.recommend(data, data.targets)
    ended = time.perf_counter()
    make_lists(data, items).write_parquet(lists)
    return {"fit": fitted - started, "recommend": ended - fitted}


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    command, folder, peer_name, parameters, out, *rest = sys.argv[1:]
    done: dict[str, Any]
    if command == "tune":
        done = tune_peer(Path(folder), peer_name, json.loads(parameters), float(rest[0]))
    else:
        done = run_peer(Path(folder), peer_name, json.loads(parameters), Path(out).with_suffix(".parquet"))
    Path(out).write_text(json.dumps(done), encoding="utf-8")
