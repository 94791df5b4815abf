"""What tuning, ablation and the backtest found, as a person reads it in a terminal."""

from pathlib import Path

import polars as pl
from rich.console import RenderableType
from rich.text import Text

from recsys_assets.backtesting.report import Backtest, summarize
from recsys_assets.evaluation.bootstrap import Interval
from recsys_assets.experiments.ablation_report import describe_ablation, explain_ablation
from recsys_assets.experiments.tuning import Tuning
from recsys_assets.serving.console import make_table


def show_tuning(found: Tuning, tuned_path: Path) -> list[RenderableType]:
    """The untuned settings beside the best ones, what they are worth, and where they were written."""
    heading = f"Study {found.study}: {found.n_trials} trials, {found.n_users:,} validation users"
    columns = ["", "untuned", "best"]
    table = make_table(heading, columns, columns[1:])
    table.add_row("NDCG@10", f"{found.default_ndcg:.4f}", f"{found.best_ndcg:.4f}", style="bold")
    for key, value in found.default.items():
        table.add_row(key, f"{value:g}", f"{found.best[key]:g}" if found.best[key] != value else "")
    lines = [
        f"best - untuned, on the users it was chosen on: {_signed(found.difference)}",
        f"... on users that the choice did not look at:  {_signed(found.expected)}",
    ]
    return [table, *map(Text, [*lines, _verdict(found, tuned_path)])]


def show_ablation(ablation: pl.DataFrame, path: Path) -> list[RenderableType]:
    """What each feature group and source brings and costs, and where the table was written."""
    cells = describe_ablation(ablation)
    table = make_table("What the ranker would lose without it, in NDCG@10 on validation", cells[0], cells[0][1:])
    for row in cells[1:]:
        table.add_row(*row)
    return [table, Text(explain_ablation(ablation)), Text(f"Written to {path}, with .md and .png beside it.")]


def show_tradeoff(tradeoff: pl.DataFrame, path: Path) -> list[RenderableType]:
    """Each value of the knob with what it costs and brings, and where the table was written."""
    columns = ["rerank.diversity", "NDCG@10", "cost", "95 % interval", "diversity", "novelty, bits", "coverage"]
    table = make_table("The top 10 of the validation users, re-ranked", columns, columns[1:])
    for row in tradeoff.iter_rows(named=True):
        diversity = row["intra_list_diversity"]
        table.add_row(
            f"{row['diversity']:g}",
            f"{row['ndcg']:.4f}",
            f"{row['difference']:+.4f}",
            f"{row['difference_low']:+.4f} to {row['difference_high']:+.4f}",
            "" if diversity is None else f"{diversity:.3f}",
            f"{row['novelty']:.2f}",
            f"{row['coverage']:.3f}",
        )
    return [table, Text(f"Written to {path}, with .png beside it.")]


def show_backtest(backtest: Backtest, path: Path) -> list[RenderableType]:
    """What would have been published at each origin beside the best single source, and where the tables are."""
    columns = ["origin", "published", "users", "NDCG@10", "95 % interval", "best single source", "its", "difference"]
    columns.append("95 % interval of it")
    table = make_table("What would have been published, judged by what followed", columns, columns[2:])
    for row in summarize(backtest).iter_rows(named=True):
        table.add_row(
            "all" if row["origin"] is None else row["origin"].isoformat(),
            row["method"] or "",
            f"{row['n_users']:,}",
            f"{row['ndcg']:.4f}",
            f"{row['ci_low']:.4f} to {row['ci_high']:.4f}",
            row["best"],
            f"{row['best_ndcg']:.4f}",
            f"{row['difference']:+.4f}",
            f"{row['difference_low']:+.4f} to {row['difference_high']:+.4f}",
            style="bold" if row["origin"] is None else "",
        )
    note = "The best single source is chosen on the very users it is compared on. Every model: evaluation.backtest."
    return [table, Text(note), Text(f"Written to {path}, with .png beside it.")]


def _verdict(found: Tuning, tuned_path: Path) -> str:
    if found.is_written:
        return f"Written to {tuned_path}, which counts from the next build on. Next: `recsys build`."
    stays = (
        f" {tuned_path} of an earlier study stays in use until `recsys tune --forget`." if tuned_path.exists() else ""
    )
    if found.best == found.default:
        return f"No trial is better than the untuned settings, so nothing was written. Next: more time.{stays}"
    return (
        "The best trial is better only on the users that it was chosen on, so nothing was written. "
        f"Next: more time, or more data.{stays}"
    )


def _signed(interval: Interval) -> str:
    return f"{interval.mean:+.4f} (95 % interval {interval.low:+.4f} to {interval.high:+.4f})"
