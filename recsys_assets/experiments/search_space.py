"""Which settings of `ranking` are searched, where, and how they become a configuration again."""

from collections.abc import Mapping
from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

from recsys_assets.config import Config
from recsys_assets.ranking.train import OBJECTIVES
from recsys_assets.settings import RankingConfig

Number = int | float
Distribution = FloatDistribution | IntDistribution

# early_stopping_trees is no choice of a model, max_training_rows is fixed with the stored training frame, and
# fusion_queries guards against the very noise of validation
RANGES: dict[str, Distribution] = {
    "learning_rate": FloatDistribution(0.02, 0.2, log=True),
    "max_trees": IntDistribution(50, 400, log=True),
    "feature_share": FloatDistribution(0.2, 1.0),
    "lambda_l2": FloatDistribution(0.1, 100.0, log=True),
    "truncation_level": IntDistribution(10, 100, log=True),
}
for objective in OBJECTIVES:
    RANGES[f"objectives.{objective}.num_leaves"] = IntDistribution(4, 63, log=True)
    RANGES[f"objectives.{objective}.min_data_in_leaf"] = IntDistribution(20, 1000, log=True)


def open_space(config: Config, own_settings: Mapping[str, Any]) -> dict[str, Distribution]:
    """Dotted key under `ranking` -> where it is searched.

    A range is widened to hold the configuration's own value. What a person set, in RECSYS_CONFIG or the environment, is
    left out: it would count after whatever is found.
    """
    own = own_settings.get("ranking") or {}
    values = read_values(config)
    return {key: _widen(RANGES[key], values[key]) for key in RANGES if _find(own, key) is None}


def read_values(config: Config) -> dict[str, Number]:
    """Dotted key -> the value in a configuration."""
    settings = config.ranking.model_dump()
    return {key: _find(settings, key) for key in RANGES}


def apply_values(config: Config, values: Mapping[str, Number]) -> Config:
    """The configuration with these values (dotted keys) in `ranking`."""
    settings = config.ranking.model_dump()
    for key, value in values.items():
        _place(settings, key, value)
    return config.model_copy(update={"ranking": RankingConfig(**settings)})


def nest_values(values: Mapping[str, Number]) -> dict[str, Any]:
    """Dotted keys as nested maps."""
    nested: dict[str, Any] = {}
    for key, value in values.items():
        _place(nested, key, value)
    return nested


def round_value(value: Number) -> Number:
    """Four significant digits: no ranker is better for the fifth, and a file with them can be read."""
    return value if isinstance(value, int) else float(f"{value:.4g}")


def _widen(distribution: Distribution, value: Number) -> Distribution:
    low, high = min(distribution.low, value), max(distribution.high, value)
    log = distribution.log and low > 0
    if isinstance(distribution, IntDistribution):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(low, high, log=log)


def _find(settings: Mapping[str, Any], key: str) -> Any:
    found: Any = settings
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _place(settings: dict[str, Any], key: str, value: Number) -> None:
    *folders, last = key.split(".")
    for part in folders:
        settings = settings.setdefault(part, {})
    settings[last] = value
