"""What has moved since the ranker learnt, on the small warehouse of the ranking tests: 32 users, 10 items."""

import polars as pl
import pytest

from recsys_assets.evaluation.feature_drift import (
    DRIFT_SCHEMA,
    build_feature_drift,
    build_feature_profile,
    find_drifted,
    read_feature_profile,
)
from recsys_assets.warehouse import replace_table
from recsys_assets_tests.ranking.conftest import quick_config, quick_settings, warehouse

__all__ = ["quick_config", "quick_settings", "warehouse"]  # fixtures


def drift_after(connection, config, *statements: str) -> dict[str, dict[str, float]]:
    """Feature -> its row, measured with the profile that was kept before `statements`."""
    replace_table(connection, "evaluation.feature_profile", build_feature_profile(connection, config))
    for statement in statements:
        connection.execute(statement)
    drift = build_feature_drift(connection, config, read_feature_profile(connection))
    assert dict(drift.schema) == DRIFT_SCHEMA
    assert drift["psi"].is_sorted(descending=True)
    return {row["feature"]: row for row in drift.iter_rows(named=True)}


def test_features_that_are_the_same_at_both_cutoffs_have_not_moved(warehouse, quick_config) -> None:
    drift = drift_after(warehouse, quick_config)
    assert {"score_als", "user_n_events", "item_n_users", "pair_affinity", "fused_score"} <= drift.keys()
    assert {drift[name]["psi"] for name in ("user_n_events", "item_n_users", "score_popular", "n_sources")} == {0}
    assert {(row["n_training"], row["n_live"]) for row in drift.values()} == {(320, 320)}
    assert 0 < drift["pair_affinity"]["psi"] < 0.25  # drawn anew at each cutoff


def test_a_feature_in_another_unit_has_moved_alone(warehouse, quick_config) -> None:
    drift = drift_after(
        warehouse, quick_config, "UPDATE features.user_features SET n_events = 100 * n_events WHERE cutoff = 'live'"
    )
    assert [name for name, row in drift.items() if row["psi"] > 0.25] == ["user_n_events"]


def test_values_that_go_missing_are_told_by_their_share(warehouse, quick_config) -> None:
    gone = "UPDATE features.item_features SET n_users = NULL WHERE cutoff = 'live' AND item_id < 'i5'"
    row = drift_after(warehouse, quick_config, gone)["item_n_users"]
    assert (row["null_share_training"], row["null_share_live"]) == (0, 0.5)
    assert row["psi"] > 0.25


def test_the_profile_is_that_of_the_build_whatever_a_refresh_makes_of_the_cutoffs(warehouse, quick_config) -> None:
    everywhere = "UPDATE features.user_features SET n_events = 100 * n_events"
    assert drift_after(warehouse, quick_config, everywhere)["user_n_events"]["psi"] > 0.25


def test_users_with_too_little_history_are_left_out_on_both_sides(warehouse, quick_config) -> None:
    few = "UPDATE intermediate.int_user_cutoffs SET is_target = user_id < 'u08' WHERE cutoff = 'live'"
    assert {(row["n_training"], row["n_live"]) for row in drift_after(warehouse, quick_config, few).values()} == {
        (320, 80)
    }


def test_a_home_without_a_profile_or_labels_has_no_drift(warehouse, quick_config) -> None:
    assert build_feature_drift(warehouse, quick_config, read_feature_profile(warehouse)).is_empty()
    warehouse.execute("DELETE FROM intermediate.int_cutoffs WHERE role <> 'live'")
    assert drift_after(warehouse, quick_config) == {}


def test_the_sentence_names_what_moved_beyond_what_is_usual(warehouse, quick_config) -> None:
    assert find_drifted(_drift(warehouse, quick_config), quick_config.gates) is None
    warehouse.execute("UPDATE features.user_features SET n_events = 100 * n_events WHERE cutoff = 'live'")
    drift = _drift(warehouse, quick_config)
    said = find_drifted(drift, quick_config.gates)
    assert said is not None
    assert said.startswith(f"1 of {len(drift)} features have moved by more than 0.25, and than is usual for them")
    assert "learnt: user_n_events (" in said


def test_what_moves_as_far_at_every_cutoff_is_usual(warehouse, quick_config) -> None:
    """As an item's age does: 32 users' values are shifted by a whole range from cutoff to cutoff."""
    for number, cutoff in enumerate(("validation", "test", "live")):
        warehouse.execute(
            f"UPDATE features.user_features SET n_events = n_events + {32 * number} WHERE cutoff = '{cutoff}'"
        )
    drift = _drift(warehouse, quick_config)
    row = drift.row(by_predicate=pl.col("feature") == "user_n_events", named=True)
    assert row["psi"] > 5
    assert row["psi_usual"] > 5
    assert find_drifted(drift, quick_config.gates) is None


def test_what_is_usual_grows_with_the_time_since(warehouse, quick_config) -> None:
    shift = "UPDATE features.user_features SET n_events = n_events + 8 WHERE cutoff IN ('test', 'live')"
    warehouse.execute(shift)
    drift = _drift(warehouse, quick_config)
    events = pl.col("feature") == "user_n_events"
    usual = drift.row(by_predicate=events, named=True)["psi_usual"]
    assert usual > 0.25
    warehouse.execute("UPDATE intermediate.int_cutoffs SET as_of = as_of + INTERVAL 7 DAY WHERE cutoff = 'live'")
    later = build_feature_drift(warehouse, quick_config, read_feature_profile(warehouse))
    assert later.row(by_predicate=events, named=True)["psi_usual"] == pytest.approx(4 * usual)  # twice the time


def test_how_far_live_had_moved_at_the_build_is_kept(warehouse, quick_config) -> None:
    warehouse.execute("UPDATE features.user_features SET n_events = n_events + 100 WHERE cutoff = 'live'")
    events = pl.col("feature") == "user_n_events"
    at_build = _drift(warehouse, quick_config).row(by_predicate=events, named=True)
    assert at_build["psi_at_build"] == at_build["psi"] > 0.25
    warehouse.execute("UPDATE features.user_features SET n_events = 15 WHERE cutoff = 'live'")
    later = build_feature_drift(warehouse, quick_config, read_feature_profile(warehouse))
    row = later.row(by_predicate=events, named=True)
    assert row["psi_at_build"] == at_build["psi"] != row["psi"]


def test_of_a_leave_last_split_the_live_rows_of_the_build_are_the_profile(warehouse, quick_config) -> None:
    warehouse.execute("UPDATE intermediate.int_cutoffs SET split = 'leave_last'")
    later = "UPDATE features.user_features SET n_events = n_events + 100 WHERE cutoff = 'live'"
    warehouse.execute(later)
    assert find_drifted(_drift(warehouse, quick_config), quick_config.gates) is None
    warehouse.execute(later)
    assert build_feature_drift(warehouse, quick_config, read_feature_profile(warehouse))["psi"].max() > 5


def _drift(connection, config):
    replace_table(connection, "evaluation.feature_profile", build_feature_profile(connection, config))
    return build_feature_drift(connection, config, read_feature_profile(connection))
