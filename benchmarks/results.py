"""What is kept of a system on a cut, so that an interrupted benchmark goes on where it stopped."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from recsys_assets.config import PROJECT_ROOT, Config

METHOD = (
    "interactions.py",
    "peer.py",
    "peers.lock",
    "peers.py",
    "split.py",
    "two_stage.py",
)  # what peers' rows hang on
CODE = ("recsys_assets/**/*.py", "dbt_project/**/*.sql", "dbt_project/**/*.yml", "requirements.lock")


@dataclass(frozen=True)
class Result:
    """One system on one cut: its lists with what they cost, or why there are none.

    `seconds` are those from the events in memory (ours: from the finished warehouse) to the lists, `whole_seconds`
    those of the process (ours: `recsys load` and `recsys build`), `tuning_seconds` those of choosing settings before.
    `processor_seconds` are the whole process's on all cores, which other work on the machine hardly changes.
    """

    system: str
    lists: str | None = None
    seconds: float | None = None
    whole_seconds: float | None = None
    processor_seconds: float | None = None
    tuning_seconds: float | None = None
    memory_mb: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    failure: str | None = None


def keep_result(file: Path, result: Result) -> Result:
    """Write a result in one step, and give it back."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")
    part.replace(file)
    return result


def find_result(file: Path) -> Result | None:
    """The kept result; None where there is none, or it is a failure, which is tried again."""
    if not file.exists():
        return None
    result = Result(**json.loads(file.read_text(encoding="utf-8")))
    return None if result.failure else result


def key_of_method(**settings: Any) -> str:
    """8 hex digits that change with the code of the peers, their lock and these settings."""
    files = [PROJECT_ROOT / "benchmarks" / name for name in METHOD]
    return _digest([json.dumps(settings, sort_keys=True).encode(), *(path.read_bytes() for path in files)])


def key_of_cutting() -> str:
    """8 hex digits that change with the code that cuts data."""
    return _digest([(PROJECT_ROOT / "benchmarks" / name).read_bytes() for name in ("dataset.py", "split.py")])


def key_of_project(config: Config) -> str:
    """8 hex digits that change with this project's code, committed or not, and with any setting but the home."""
    files = sorted({path for pattern in CODE for path in PROJECT_ROOT.glob(pattern) if "target" not in path.parts})
    return _digest([config.config_hash.encode(), *(path.read_bytes() for path in files)])


def _digest(parts: list[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:8]
