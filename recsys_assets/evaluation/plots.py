"""Plots of the reports, as PNG bytes; the same table gives the same bytes."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from recsys_assets.evaluation.candidate_report import UNION
from recsys_assets.schema import USER_SEGMENTS

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
HIGHLIGHT = "#0b6e99"
# Okabe & Ito's colours, told apart by colour-blind people; more lines than colours differ by dashes
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6b6b6b")
DASHES = ("solid", (0, (4, 2)), (0, (1, 1.5)))
DOTS_PER_INCH = 120
ROW_INCHES = 0.26


def plot_feature_importance(importance: pl.DataFrame, top: int = 25) -> bytes:
    """Bars of the `top` features' share of all gain, from a `feature_importance` table."""
    total = importance["gain"].sum() or 1.0
    shown = importance.sort("gain", "feature", descending=[True, False]).head(top)
    shares = [100 * gain / total for gain in shown["gain"]]
    figure, axes = _new_figure(len(shown))
    places = range(len(shown))
    axes.barh(places, shares, color=HIGHLIGHT, height=0.7)
    for place, share in zip(places, shares, strict=True):
        axes.annotate(
            f"{share:.1f}", (share, place), (4, 0), textcoords="offset points", va="center", size=8, color=MUTED
        )
    _name_rows(axes, shown["feature"].to_list())
    axes.set_xlim(0, max([*shares, 1e-9]) * 1.1)
    return _finish(
        figure, axes, f"What the ranker splits on (first {len(shown)} of {len(importance)})", "share of gain, %"
    )


def plot_feature_drift(drift: pl.DataFrame, limit: float, top: int = 25) -> bytes:
    """Bars of the `top` features that moved most, with the limit as a line, from a `feature_drift` table."""
    shown = drift.sort("psi", "feature", descending=[True, False]).head(top)
    figure, axes = _new_figure(len(shown))
    places, moved = range(len(shown)), shown["psi"].to_list()
    axes.barh(places, moved, color=[COLOURS[1] if psi > limit else HIGHLIGHT for psi in moved], height=0.7)
    for place, psi in zip(places, moved, strict=True):
        axes.annotate(f"{psi:.3f}", (psi, place), (4, 0), textcoords="offset points", va="center", size=8, color=MUTED)
    axes.axvline(limit, color=INK, linewidth=1)
    _name_rows(axes, shown["feature"].to_list())
    axes.set_xlim(0, max([*moved, limit]) * 1.1)
    title = f"How far features have moved since the ranker learnt (first {len(shown)} of {len(drift)})"
    return _finish(figure, axes, title, "population stability index")


def plot_candidate_recall(candidate_report: pl.DataFrame) -> bytes:
    """Recall over the number of candidates: a line a source and a thick one for the union, named at the lines' ends."""
    figure, axes = _new_figure(20)
    sources = [source for source in candidate_report["source"].unique(maintain_order=True) if source != UNION]
    ends: list[tuple[float, float, str, str]] = []
    for index, source in enumerate([*sources, UNION]):
        line = candidate_report.filter(pl.col("source") == source).sort("n")
        if line.is_empty():
            continue
        if source != UNION:  # a source's list that is not longer at this n says nothing new there
            line = line.filter(pl.col("mean_candidates").diff().fill_null(1.0) > 0)
        colour = INK if source == UNION else COLOURS[index % len(COLOURS)]
        axes.plot(
            line["n"].to_list(),
            line["recall"].to_list(),
            color=colour,
            linewidth=2.6 if source == UNION else 1.4,
            linestyle="solid" if source == UNION else DASHES[index // len(COLOURS) % len(DASHES)],
            marker="o",
            markersize=4 if source == UNION else 3,
        )
        ends.append((float(line["n"][-1]), float(line["recall"][-1]), source, colour))
    ns = candidate_report["n"].unique().sort().to_list()
    if ns:
        axes.set_xscale("log")
        axes.set_xticks(ns, [str(n) for n in ns])
        axes.minorticks_off()
    axes.set_ylim(0, max([recall for _, recall, _, _ in ends], default=1.0) * 1.08 or 1.0)
    _name_lines(axes, ends)
    axes.grid(axis="both", color=GRID)
    axes.set_ylabel("recall: mean share of a user's relevant items", color=MUTED, size=9)
    return _finish(figure, axes, "What the candidate sources find", "candidates a user")


def plot_models(model_report: pl.DataFrame, metric: str = "ndcg", k: int = 10, highlight: str = "ranker") -> bytes:
    """Every model's metric at k with its 95 % interval, best first, from a `model_report` table."""
    shown = model_report.filter((pl.col("metric") == metric) & (pl.col("k") == k))
    shown = shown.sort("value", "model", descending=[True, False])
    figure, axes = _new_figure(len(shown))
    for place, (model, value, low, high) in enumerate(shown.select("model", "value", "ci_low", "ci_high").iter_rows()):
        colour = HIGHLIGHT if model == highlight else MUTED
        if low is not None:
            axes.plot([low, high], [place, place], color=colour, linewidth=2.2, solid_capstyle="round")
        axes.plot([value], [place], marker="o", color=colour, markersize=6)
        axes.annotate(f"{value:.4f}", (1.01, place), xycoords=("axes fraction", "data"), va="center", size=8, color=INK)
    _name_rows(axes, shown["model"].to_list())
    split = ", ".join(f"{cutoff} cutoff, {kind} split" for cutoff, kind in _distinct(shown, "cutoff", "split"))
    return _finish(figure, axes, f"{metric} at {k} by model ({split})", f"{metric} at {k}, with 95 % interval")


def plot_segments(segment_report: pl.DataFrame, models: Sequence[str] = ()) -> bytes:
    """NDCG by user segment, a colour a model (those named, else all), from a table of `build_segment_report`."""
    shown = segment_report.filter(pl.col("model").is_in(list(models))) if models else segment_report
    names = [model for model in models if model in shown["model"]] or shown["model"].unique().sort().to_list()
    present = [segment for segment in USER_SEGMENTS if segment in shown["segment"]]
    figure, axes = _new_figure(16)
    for index, model in enumerate(names):
        places, values, errors = [], [], []
        for row in shown.filter(pl.col("model") == model).iter_rows(named=True):
            places.append(present.index(row["segment"]) + (index - (len(names) - 1) / 2) * 0.8 / len(names))
            values.append(row["value"])
            errors.append((max(0.0, row["value"] - row["ci_low"]), max(0.0, row["ci_high"] - row["value"])))
        axes.errorbar(
            places,
            values,
            yerr=np.array(errors).reshape(-1, 2).T,
            fmt="o",
            markersize=5,
            linewidth=1.6,
            color=COLOURS[index % len(COLOURS)],
            markerfacecolor=COLOURS[index % len(COLOURS)] if index < len(COLOURS) else "white",
            label=model,
        )
    labels = []
    for segment in present:
        row = shown.filter(pl.col("segment") == segment).row(0, named=True)
        events = f"{row['min_events']} to {row['max_events']} events"
        labels.append(f"{segment}\n{events}\n{row['n_users']} users")
    axes.set_xticks(range(len(present)), labels)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=GRID)
    if names:
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ks = ", ".join(str(k) for (k,) in _distinct(shown, "k"))
    axes.set_ylabel(f"ndcg at {ks}, with 95 % interval", color=MUTED, size=9)
    return _finish(figure, axes, "Quality by how active users were before the cutoff", "")


def plot_ablation(ablation: pl.DataFrame) -> bytes:
    """What each feature group and each source brings, with its 95 % interval, from an `ablation` table; best first."""
    shown = ablation.sort("kind", "gain", "left_out", descending=[False, True, False])
    figure, axes = _new_figure(len(shown))
    axes.axvline(0, color=INK, linewidth=1)
    for place, (kind, gain, low, high) in enumerate(shown.select("kind", "gain", "ci_low", "ci_high").iter_rows()):
        colour = COLOURS[0] if kind == "group" else COLOURS[1]
        axes.plot([low, high], [place, place], color=colour, linewidth=2.2, solid_capstyle="round")
        axes.plot([gain], [place], marker="o", color=colour, markersize=6)
        axes.annotate(f"{gain:+.4f}", (1.01, place), xycoords=("axes fraction", "data"), va="center", size=8, color=INK)
    _name_rows(axes, [f"{kind}: {name}" for kind, name in shown.select("kind", "left_out").iter_rows()])
    return _finish(
        figure, axes, "What the ranker would lose without it", "ndcg at 10 on validation, with 95 % interval"
    )


def plot_tradeoff(tradeoff: pl.DataFrame) -> bytes:
    """NDCG against the diversity within lists, one point a value of the knob, from a `tradeoff` table."""
    figure, axes = _new_figure(8)
    x, y = tradeoff["intra_list_diversity"].fill_null(0).to_numpy(), tradeoff["ndcg"].to_numpy()
    errors = np.array([y - tradeoff["ci_low"].to_numpy(), tradeoff["ci_high"].to_numpy() - y])
    axes.errorbar(x, y, yerr=errors, fmt="o-", color=COLOURS[0], linewidth=1.6, markersize=5)
    for place, value, diversity in zip(x, y, tradeoff["diversity"], strict=True):
        axes.annotate(f"{diversity:g}", (place, value), xytext=(6, 6), textcoords="offset points", size=8, color=INK)
    axes.set_ylabel("ndcg at 10 on validation, with 95 % interval", color=MUTED, size=9)
    axes.set_ylim(bottom=0)
    return _finish(figure, axes, "Accuracy and diversity, by rerank.diversity", "diversity within a list of 10")


def plot_backtest(table: pl.DataFrame, differences: pl.DataFrame, k: int = 10) -> bytes:
    """NDCG at k of what was published beside the best single source, origin by origin, from a backtest's tables."""
    ndcg = table.filter(pl.col("metric") == "ndcg", pl.col("k") == k, pl.col("origin").is_not_null())
    published = ndcg.filter(pl.col("model") == "published").sort("origin")
    best = differences.filter(pl.col("is_best_baseline"), pl.col("k") == k).select("origin", model="versus")
    figure, axes = _new_figure(13)
    lines = {"published": published, "best single source": ndcg.join(best, on=["origin", "model"]).sort("origin")}
    for index, (name, line) in enumerate(lines.items()):
        y = line["value"].to_numpy()
        errors = np.abs(np.array([y - line["ci_low"].to_numpy(), line["ci_high"].to_numpy() - y]))
        x = np.arange(len(line)) + 0.06 * (2 * index - 1)
        axes.errorbar(x, y, yerr=errors, fmt="o-", color=COLOURS[index], linewidth=1.6, markersize=5, label=name)
        for place, value, model in zip(x, y, line["method" if index == 0 else "model"], strict=True):
            axes.annotate(
                model, (place, value), xytext=(5, 5), textcoords="offset points", size=7, color=COLOURS[index]
            )
    shown = published.select("origin", "n_users").rows()
    every = -(-len(shown) // 10) or 1  # names of ten at most, which do not run into each other
    ticks = range(0, len(shown), every)
    axes.set_xticks(ticks, [f"{shown[tick][0]}\n{shown[tick][1]:,} users" for tick in ticks])
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=GRID)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.set_ylabel(f"ndcg at {k}, with 95 % interval", color=MUTED, size=9)
    return _finish(figure, axes, "What would have been published, and how good it was", "")


def _distinct(frame: pl.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    return frame.select(columns).unique(maintain_order=True).rows()


def _new_figure(n_rows: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8.5, 1.3 + ROW_INCHES * max(3, n_rows)), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="x", color=GRID)


def _name_lines(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write each line's name in a column right of the axes, beside its end but never over another name."""
    if not ends:
        return
    top = axes.get_ylim()[1]
    gap = top * 0.047
    places: list[float] = []
    ordered = sorted(ends, key=lambda end: (end[1], end[2]))
    for _, recall, _, _ in ordered:
        places.append(max(recall, places[-1] + gap if places else 0.0))
    # push back down what rose above the top
    places = [min(place, top - gap * (len(places) - 1 - index)) for index, place in enumerate(places)]
    for (_, recall, name, colour), place in zip(ordered, places, strict=True):
        axes.annotate(
            f"{name}  {recall:.3f}",
            (1.015, place),
            xycoords=("axes fraction", "data"),
            va="center",
            size=8,
            color=colour,
            fontweight="bold" if name == UNION else "normal",
        )


def _finish(figure: Figure, axes: Axes, title: str, x_label: str) -> bytes:
    axes.set_title(title, loc="left", color=INK, size=11, pad=10)
    axes.set_xlabel(x_label, color=MUTED, size=9)
    axes.tick_params(colors=INK, labelsize=8.5, length=0)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    png = BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()
