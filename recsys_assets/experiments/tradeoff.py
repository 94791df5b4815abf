"""`recsys tradeoff`: what more diverse lists gain in diversity, novelty and coverage, and lose in accuracy."""

from pathlib import Path

import polars as pl

from recsys_assets.config import Config
from recsys_assets.evaluation.beyond import catalogue_coverage, per_user_diversity, per_user_novelty
from recsys_assets.evaluation.bootstrap import bootstrap_mean_interval, bootstrap_paired_difference
from recsys_assets.evaluation.inputs import read_descriptions, read_popularity
from recsys_assets.evaluation.metrics import per_user_metrics
from recsys_assets.evaluation.plots import plot_tradeoff
from recsys_assets.experiments.ablation_runs import replace_parquet
from recsys_assets.experiments.bench import K, read_bench
from recsys_assets.files import replace_file
from recsys_assets.ranking.rankers import rank_candidates
from recsys_assets.ranking.rerank import POOL_PER_USER, RerankRules, rerank
from recsys_assets.ranking.surfaces import describe_candidates
from recsys_assets.ranking.train import train_with_validation
from recsys_assets.warehouse import open_warehouse

DIVERSITIES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7)
REPORT_FILE = "tradeoff.parquet"
TRADEOFF_SCHEMA = {
    "diversity": pl.Float64,
    "ndcg": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "difference": pl.Float64,
    "difference_low": pl.Float64,
    "difference_high": pl.Float64,
    "intra_list_diversity": pl.Float64,
    "novelty": pl.Float64,
    "coverage": pl.Float64,
}


def measure_tradeoff(config: Config) -> pl.DataFrame:
    """One row per value of `rerank.diversity`: the top 10 of the validation users, re-ranked with it.

    `ndcg` with its interval, `difference` to no diversity with that of the paired difference, and means over the users
    of `intra_list_diversity` (0 to 1; NULL where no item is described) and `novelty` (bits), and the `coverage` of the
    catalogue (0 to 1). The ranker is trained on the training cutoffs alone.

    Raises:
        RecsysError: as `read_bench`.
    """
    draws, seed = config.evaluation.bootstrap_draws, config.seed
    with open_warehouse(config, read_only=True) as connection:
        bench = read_bench(connection, config)
        ranker, _ = train_with_validation(bench.rows, bench.validation, config)
        pool = rank_candidates(ranker, bench.validation, POOL_PER_USER).drop("rank")
        items = describe_candidates(connection, config, pool["item_id"].unique().sort())
        descriptions = read_descriptions(connection)
        popularity, n_users = read_popularity(connection, "validation")
    rows, without = [], None
    for diversity in DIVERSITIES:
        rules = RerankRules(bench.list_length, config.rerank.max_per_category, diversity)
        lists = rerank(pool, items, rules)
        top = lists.filter(pl.col("rank") <= K)
        ndcg = per_user_metrics(lists, bench.labels, K)["ndcg"].to_numpy()
        without = ndcg if without is None else without
        interval = bootstrap_mean_interval(ndcg, draws, seed)
        difference = bootstrap_paired_difference(ndcg, without, draws, seed)
        rows.append(
            (
                diversity,
                interval.mean,
                interval.low,
                interval.high,
                difference.mean,
                difference.low,
                difference.high,
                per_user_diversity(top, descriptions)["intra_list_diversity"].mean(),
                per_user_novelty(top, popularity, n_users)["novelty"].mean(),
                catalogue_coverage(top, popularity),
            )
        )
    return pl.DataFrame(rows, TRADEOFF_SCHEMA, orient="row")


def write_tradeoff(config: Config, tradeoff: pl.DataFrame) -> Path:
    """Write `reports/tradeoff.parquet` and `.png`; returns the path of the first."""
    path = config.reports_path / REPORT_FILE
    replace_parquet(path, tradeoff)
    replace_file(path.with_suffix(".png"), plot_tradeoff(tradeoff))
    return path
