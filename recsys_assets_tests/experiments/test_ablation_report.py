import polars as pl
import pytest

from recsys_assets.evaluation.plots import plot_ablation
from recsys_assets.experiments.ablation_report import build_ablation, describe_ablation
from recsys_assets.experiments.ablation_runs import RUNS_SCHEMA


def runs(**ndcg_by_variant: list[list[float]]) -> pl.DataFrame:
    """One list a seed, one value a user; `all` is with everything."""
    rows = [
        (
            "f",
            "{}",
            "all" if name == "all" else "group",
            "" if name == "all" else name,
            42 + n,
            values,
            2.0,
            9,
            50,
            None,
        )
        for name, by_seed in ndcg_by_variant.items()
        for n, values in enumerate(by_seed)
    ]
    return pl.DataFrame(rows, RUNS_SCHEMA, orient="row")


def test_gain_is_the_paired_difference_of_means_over_seeds() -> None:
    made = runs(
        all=[[0.5, 0.4], [0.6, 0.4], [0.7, 0.4]],
        useful=[[0.1, 0.4], [0.1, 0.4], [0.1, 0.4]],
        harmful=[[0.7, 0.5], [0.8, 0.5], [0.9, 0.5]],
    )
    table = build_ablation(made, draws=200, seed=1)
    assert table["left_out"].to_list() == ["useful", "harmful"]
    assert table["gain"].to_list() == pytest.approx([0.25, -0.15])
    assert table["seed_deviation"].to_list() == pytest.approx([0.05, 0.0], abs=1e-9)
    assert table.filter(pl.col("ci_low") <= pl.col("gain"), pl.col("gain") <= pl.col("ci_high")).height == 2


def test_what_is_not_trained_with_all_seeds_is_not_reported() -> None:
    made = runs(all=[[0.5]] * 3, whole=[[0.4]] * 3, begun=[[0.4]] * 2)
    assert build_ablation(made, draws=200, seed=1)["left_out"].to_list() == ["whole"]
    assert build_ablation(runs(all=[[0.5]] * 2, whole=[[0.4]] * 3), draws=200, seed=1).is_empty()


def test_the_table_and_the_plot_have_a_row_a_variant() -> None:
    made = build_ablation(runs(all=[[0.5]] * 3, one=[[0.4]] * 3, two=[[0.5]] * 3), draws=200, seed=1)
    assert [cells[:3] for cells in describe_ablation(made)[1:]] == [
        ["group", "one", "+0.1000"],
        ["group", "two", "+0.0000"],
    ]
    assert plot_ablation(made).startswith(b"\x89PNG")
    assert plot_ablation(made) == plot_ablation(made)
