"""`tuned.yaml`: the settings that tuning found, which `load_config` reads after `recsys.yaml`."""

from collections.abc import Mapping

import yaml

from recsys_assets.config import Config
from recsys_assets.experiments.search_space import Number, nest_values
from recsys_assets.files import replace_file


def write_tuned(config: Config, values: Mapping[str, Number], heading: str) -> None:
    """Replace the file, in one step; `values` have dotted keys under `ranking`."""
    text = (
        f"# {heading}\n"
        "# These count after recsys.yaml and before RECSYS_CONFIG. `recsys tune --forget` removes this file.\n"
        f"{yaml.safe_dump({'ranking': nest_values(values)}, sort_keys=False)}"
    )
    replace_file(config.tuned_path, text.encode())


def forget_tuned(config: Config) -> bool:
    """Remove the file; says whether there was one."""
    existed = config.tuned_path.exists()
    config.tuned_path.unlink(missing_ok=True)
    return existed
