"""`recsys ablate`: the ranker of this build without one feature group, or without one candidate source."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from recsys_assets.config import Config
from recsys_assets.experiments.ablation_runs import RUNS_SCHEMA, read_runs, write_runs
from recsys_assets.experiments.bench import Bench, read_bench
from recsys_assets.experiments.feature_groups import group_features
from recsys_assets.experiments.without_source import measure_fit_seconds, read_bench_without
from recsys_assets.locks import only_one
from recsys_assets.ranking.frame import RankingFrame
from recsys_assets.ranking.train import TrainingPlan, refit, train_with_validation
from recsys_assets.warehouse import open_warehouse

ALL, GROUP, SOURCE = "all", "group", "source"
N_SEEDS = 3
RUNS_FILE = "ablation_runs.parquet"
Row = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """What is left out: nothing, a feature group with its columns, or a candidate source."""

    kind: str
    left_out: str
    columns: tuple[str, ...] = ()


def ablate(config: Config, kinds: Sequence[str], say: Callable[[str], None]) -> pl.DataFrame:
    """Train every variant with N_SEEDS seeds, as far as that is not done yet; returns all runs of this build.

    Every ranker has the same plan: the numbers of trees that validation decides with everything present.

    Args:
        config: the configuration of the last build.
        kinds: GROUP, SOURCE or both.
        say: gets one line a variant.

    Raises:
        RecsysError: as `read_bench`.
    """
    with open_warehouse(config, read_only=True) as connection:
        bench = read_bench(connection, config)
    groups = [
        Variant(GROUP, name, tuple(columns)) for name, columns in group_features(bench.rows.feature_names).items()
    ]
    sources = [Variant(SOURCE, name) for name in config.candidates.sources]
    if len(sources) == 1:
        sources = []  # nothing would be left to rank
    variants = [variant for variant in (*groups, *sources) if variant.kind in kinds]
    with only_one(config.reports_path / "ablation.lock", "recsys ablate"):
        return _run_missing(config, bench, variants, say)


def _run_missing(config: Config, bench: Bench, variants: Sequence[Variant], say: Callable[[str], None]) -> pl.DataFrame:
    path = config.reports_path / RUNS_FILE
    fingerprint = bench.fingerprint(config)
    plan = _decide_plan(config, bench, read_runs(path, fingerprint))
    for number, variant in enumerate([Variant(ALL, ""), *variants]):
        runs = read_runs(path, fingerprint)
        done = runs.filter(pl.col("kind") == variant.kind, pl.col("left_out") == variant.left_out)["seed"]
        missing = sorted(set(range(config.seed, config.seed + N_SEEDS)) - set(done))
        if missing:
            what = f"without {variant.kind} {variant.left_out}" if variant.left_out else "with everything"
            say(f"{number} of {len(variants)}: {what}")
            for row in _run(config, bench, plan, variant, missing):
                runs = pl.concat([runs, pl.DataFrame([{"fingerprint": fingerprint} | row], RUNS_SCHEMA)])
                write_runs(path, runs)
    return read_runs(path, fingerprint)


def _run(config: Config, bench: Bench, plan: TrainingPlan, variant: Variant, seeds: Sequence[int]) -> Iterator[Row]:
    """Train and judge with each seed; one row of the runs at a time."""
    fit_seconds = None
    if variant.kind == SOURCE:
        with open_warehouse(config, read_only=True) as connection:
            bench = read_bench_without(connection, config, variant.left_out)
            fit_seconds = measure_fit_seconds(connection, config, variant.left_out)
    elif variant.kind == GROUP:
        bench = replace(
            bench,
            rows=_drop_columns(bench.rows, variant.columns),
            validation=_drop_columns(bench.validation, variant.columns),
        )
    for seed in seeds:
        started = time.process_time()  # not the clock: others work on this machine too
        ndcg = bench.judge(refit(bench.rows, plan, config.model_copy(update={"seed": seed})))
        yield {
            "plan": json.dumps(vars(plan)),
            "kind": variant.kind,
            "left_out": variant.left_out,
            "seed": seed,
            "ndcg_by_user": ndcg.tolist(),
            "seconds": time.process_time() - started,
            "n_features": len(bench.rows.feature_names),
            "n_candidates": len(bench.validation.keys),
            "fit_seconds": fit_seconds,
        }


def _drop_columns(frame: RankingFrame, columns: Sequence[str]) -> RankingFrame:
    kept = [index for index, name in enumerate(frame.feature_names) if name not in columns]
    names = tuple(frame.feature_names[index] for index in kept)
    return replace(frame, features=np.ascontiguousarray(frame.features[:, kept]), feature_names=names)


def _decide_plan(config: Config, bench: Bench, runs: pl.DataFrame) -> TrainingPlan:
    """The plan of the runs that are there, else what validation decides for a ranker with everything."""
    if len(runs):
        return TrainingPlan(**json.loads(runs["plan"][0]))
    _, plan = train_with_validation(bench.rows, bench.validation, config)
    return plan
