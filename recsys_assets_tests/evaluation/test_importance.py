import polars as pl

from recsys_assets.evaluation.importance import FEATURE_IMPORTANCE_SCHEMA, build_feature_importance


def test_features_by_falling_gain_and_then_name() -> None:
    importance = build_feature_importance({"b": 1.5, "a": 1.5, "c": 9}, {"c": 3, "b": 1, "a": 2, "unused": 0})
    assert importance.rows() == [("c", 9.0, 3), ("a", 1.5, 2), ("b", 1.5, 1), ("unused", 0.0, 0)]


def test_a_ranker_without_trees_has_an_empty_table() -> None:
    importance = build_feature_importance({}, {})
    assert importance.equals(pl.DataFrame(schema=FEATURE_IMPORTANCE_SCHEMA))
