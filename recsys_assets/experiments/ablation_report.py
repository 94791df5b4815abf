"""`reports/ablation.*`: what each feature group and each candidate source brings, and what it costs."""

from pathlib import Path

import numpy as np
import polars as pl

from recsys_assets.config import Config
from recsys_assets.evaluation.bootstrap import bootstrap_paired_difference
from recsys_assets.evaluation.plots import plot_ablation
from recsys_assets.experiments.ablation import ALL, N_SEEDS
from recsys_assets.experiments.ablation_runs import replace_parquet
from recsys_assets.files import replace_file

REPORT_FILE = "ablation.parquet"
ABLATION_SCHEMA = {
    "kind": pl.String,
    "left_out": pl.String,
    "ndcg": pl.Float64,
    "ndcg_without": pl.Float64,
    "gain": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "seed_deviation": pl.Float64,
    "n_users": pl.Int64,
    "n_features": pl.Int64,
    "n_candidates": pl.Int64,
    "seconds": pl.Float64,
    "seconds_without": pl.Float64,
    "fit_seconds": pl.Float64,
}


def build_ablation(runs: pl.DataFrame, draws: int, seed: int) -> pl.DataFrame:
    """One row per feature group and candidate source that was trained without with all seeds, best first.

    - `gain`: mean NDCG@10 with everything minus that without, each user's values first averaged over the seeds; above 0
      it helps. `ci_low`, `ci_high`: its 95 % bootstrap interval over users.
    - `seed_deviation`: standard deviation of the gain from seed to seed; what is smaller is noise of training.
    - `n_features`, `n_candidates`: how many features, and validation candidates, went.
    - `seconds`, `seconds_without`: CPU seconds of training and scoring once, the mean over the seeds.
    - `fit_seconds`: CPU seconds in which a source learns and lists at one cutoff.
    """
    by_variant = {
        (str(kind), str(name)): part.sort("seed")
        for (kind, name), part in runs.group_by("kind", "left_out", maintain_order=True)
        if len(part) == N_SEEDS
    }
    everything = by_variant.pop((ALL, ""), None)
    rows = []
    for (kind, name), part in by_variant.items() if everything is not None else ():
        assert everything is not None
        ours, without = (np.array(one["ndcg_by_user"].to_list()) for one in (everything, part))
        gain = bootstrap_paired_difference(ours.mean(axis=0), without.mean(axis=0), draws, seed)
        rows.append(
            {
                "kind": kind,
                "left_out": name,
                "ndcg": float(ours.mean()),
                "ndcg_without": float(without.mean()),
                "gain": gain.mean,
                "ci_low": gain.low,
                "ci_high": gain.high,
                "seed_deviation": float((ours - without).mean(axis=1).std(ddof=1)),
                "n_users": ours.shape[1],
                "n_features": everything["n_features"][0] - part["n_features"][0],
                "n_candidates": everything["n_candidates"][0] - part["n_candidates"][0],
                "seconds": everything["seconds"].mean(),
                "seconds_without": part["seconds"].mean(),
                "fit_seconds": part["fit_seconds"][0],
            }
        )
    return pl.DataFrame(rows, ABLATION_SCHEMA).sort("kind", "gain", "left_out", descending=[False, True, False])


def write_ablation(config: Config, ablation: pl.DataFrame) -> Path:
    """Write `ablation.parquet`, `.md` and `.png`; returns the path of the first."""
    path = config.reports_path / REPORT_FILE
    replace_parquet(path, ablation)
    header, *rows = describe_ablation(ablation)
    lines = [header, ["---", "---", *["---:"] * (len(header) - 2)], *rows]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    replace_file(path.with_suffix(".md"), f"# Ablation\n\n{explain_ablation(ablation)}\n\n{table}\n".encode())
    replace_file(path.with_suffix(".png"), plot_ablation(ablation))
    return path


def describe_ablation(ablation: pl.DataFrame) -> list[list[str]]:
    """The table as text: a row of headings, then one row per thing left out."""
    cells = [["", "left out", "gain", "95 % interval", "seeds +-", "features", "candidates", "train s", "fit s"]]
    for row in ablation.iter_rows(named=True):
        fit = row["fit_seconds"]
        cells.append(
            [
                row["kind"],
                row["left_out"],
                f"{row['gain']:+.4f}",
                f"{row['ci_low']:+.4f} to {row['ci_high']:+.4f}",
                f"{row['seed_deviation']:.4f}",
                str(row["n_features"]),
                f"{row['n_candidates']:,}",
                f"{row['seconds'] - row['seconds_without']:+.1f}",
                "" if fit is None else f"{fit:.1f}",
            ]
        )
    return cells


def explain_ablation(ablation: pl.DataFrame) -> str:
    """What the columns mean, in a few sentences."""
    if ablation.is_empty():
        return "Nothing was left out."
    first = ablation.row(0, named=True)
    return (
        f"With everything: NDCG@10 {first['ndcg']:.4f} over {first['n_users']:,} validation users, mean of {N_SEEDS} "
        f"seeds, {first['seconds']:.1f} CPU s to train and score once. Gain: what is lost without it, with the paired "
        "interval over users; seeds +-: how much the gain differs from seed to seed. Features, candidates: how many "
        "go. Train s: CPU seconds that it costs in training and scoring; fit s: those in which the source learns and "
        "lists at one cutoff."
    )
