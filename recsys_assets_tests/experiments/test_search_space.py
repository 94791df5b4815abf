import pytest

from recsys_assets.config import load_config, read_own_settings
from recsys_assets.experiments.search_space import RANGES, apply_values, open_space, read_values


def test_the_defaults_are_within_their_ranges() -> None:
    values = read_values(load_config({}))
    assert values.keys() == RANGES.keys()
    assert [key for key, value in values.items() if not RANGES[key].low <= value <= RANGES[key].high] == []


def test_what_a_person_set_is_not_searched() -> None:
    environ = {"RECSYS__RANKING__LEARNING_RATE": "0.1", "RECSYS__RANKING__OBJECTIVES__BINARY__NUM_LEAVES": "5"}
    space = open_space(load_config(environ), read_own_settings(environ))
    assert RANGES.keys() - space.keys() == {"learning_rate", "objectives.binary.num_leaves"}


@pytest.mark.parametrize(
    ("variable", "value", "key"), [("LAMBDA_L2", "0", "lambda_l2"), ("MAX_TREES", "9", "max_trees")]
)
def test_a_range_is_widened_to_todays_value(variable: str, value: str, key: str) -> None:
    space = open_space(load_config({f"RECSYS__RANKING__{variable}": value}), {})
    assert space[key].low == float(value)
    assert space[key].high == RANGES[key].high


def test_values_go_into_the_configuration_and_out_again() -> None:
    config = load_config({})
    changed = read_values(config) | {"objectives.rank_xendcg.min_data_in_leaf": 33, "feature_share": 0.7}
    applied = apply_values(config, changed)
    assert read_values(applied) == changed
    assert applied.ranking.objectives.rank_xendcg.min_data_in_leaf == 33
    assert applied.ranking.objectives.binary == config.ranking.objectives.binary
