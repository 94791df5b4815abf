"""When the model in use was trained, and on how many events: `models/training.json`."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from recsys_assets.config import Config
from recsys_assets.files import replace_file

TRAINING_FILE: Final = "training.json"


@dataclass(frozen=True)
class Training:
    """The last training. Retrained on the same data, a model keeps its version, and this is new all the same.

    Attributes:
        model_version: what came out.
        trained_at: naive UTC.
        n_events: rows of `raw.events` then.
    """

    model_version: str
    trained_at: datetime
    n_events: int


def record_training(config: Config, training: Training) -> None:
    """Write it down, in place of the one before."""
    record = vars(training) | {"trained_at": training.trained_at.isoformat()}
    replace_file(config.models_path / TRAINING_FILE, json.dumps(record).encode())


def read_training(config: Config) -> Training | None:
    """The last training; None before the first one, and for a home from before it was written down."""
    path = config.models_path / TRAINING_FILE
    if not path.exists():
        return None
    record = json.loads(path.read_text("utf-8"))
    return Training(**record | {"trained_at": datetime.fromisoformat(record["trained_at"])})
