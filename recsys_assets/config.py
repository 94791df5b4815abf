"""Typed, frozen configuration: `recsys.yaml`, `tuned.yaml`, the file that RECSYS_CONFIG names, RECSYS__* variables."""

import hashlib
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from recsys_assets.errors import RecsysError
from recsys_assets.settings import (
    CandidatesConfig,
    EvaluationConfig,
    EventTypeConfig,
    FeaturesConfig,
    FreshnessConfig,
    GatesConfig,
    LogsConfig,
    MetricsConfig,
    PublishingConfig,
    RankingConfig,
    RatingConfig,
    RatingsConfig,
    RerankConfig,
    RetrainingConfig,
    Section,
    ServiceConfig,
    SourcesConfig,
    SplitConfig,
    StoreConfig,
    StreamConfig,
    TracesConfig,
    WarehouseConfig,
)

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEFAULTS_FILE = PROJECT_ROOT / "recsys.yaml"
ENV_PREFIX = "RECSYS__"
TUNED_FILE = "tuned.yaml"
ACCEPTED_FILE = "accepted_batches.txt"


class Config(Section):
    """The whole configuration, read once by `load_config` and passed on; paths derive from `home`."""

    home: Path
    seed: int = Field(ge=0)
    threads: int = Field(ge=1)
    warehouse: WarehouseConfig
    sources: SourcesConfig
    event_types: dict[str, EventTypeConfig]
    ratings: RatingsConfig
    split: SplitConfig
    features: FeaturesConfig
    candidates: CandidatesConfig
    ranking: RankingConfig
    rating: RatingConfig
    rerank: RerankConfig
    evaluation: EvaluationConfig
    gates: GatesConfig
    publishing: PublishingConfig
    logs: LogsConfig
    metrics: MetricsConfig
    traces: TracesConfig
    retraining: RetrainingConfig
    freshness: FreshnessConfig
    service: ServiceConfig
    stream: StreamConfig
    store: StoreConfig

    @property
    def warehouse_path(self) -> Path:
        """The pipeline's own DuckDB file; readers use `published_path` instead."""
        return self.home / "warehouse.duckdb"

    @property
    def landing_path(self) -> Path:
        """Landed files, one folder a table: the truth from which everything else can be rebuilt."""
        return self.home / "landing"

    @property
    def inbox_path(self) -> Path:
        """Where other systems drop files to be landed."""
        return self.home / "inbox"

    @property
    def posted_path(self) -> Path:
        """Events and impressions that were posted and are not in the inbox yet, one folder a worker of the service."""
        return self.home / "service" / "events"

    @property
    def stream_path(self) -> Path:
        """How far each partition of a stream was read, one folder a partition."""
        return self.home / "stream"

    @property
    def quarantine_path(self) -> Path:
        """Files that `recsys unload` took out of the landing folder, one folder a batch, as they were before."""
        return self.home / "quarantine"

    @property
    def accepted_path(self) -> Path:
        """The names of the batches that a person accepted as they are, one a line."""
        return self.home / ACCEPTED_FILE

    @property
    def models_path(self) -> Path:
        """Trained models of the last build, as LightGBM text."""
        return self.home / "models"

    @property
    def fitted_path(self) -> Path:
        """What rating models and candidate sources left, one folder a name; a bundle copies it."""
        return self.home / "fitted"

    @property
    def published_path(self) -> Path:
        """Immutable bundles, and the link `current` to the one in use."""
        return self.home / "published"

    @property
    def tuned_path(self) -> Path:
        """What `recsys tune` found: settings that count before those of RECSYS_CONFIG and the environment."""
        return self.home / TUNED_FILE

    @property
    def tuning_path(self) -> Path:
        """The studies of `recsys tune`, as SQLite."""
        return self.home / "tuning.db"

    @property
    def reports_path(self) -> Path:
        """Reports that a command writes, and no build."""
        return self.home / "reports"

    @property
    def forgotten_path(self) -> Path:
        """Who was forgotten, as salted hashes."""
        return self.home / "forgotten.json"

    @property
    def certificates_path(self) -> Path:
        """What `recsys forget` did, one file an erasure."""
        return self.home / "certificates"

    @property
    def backups_path(self) -> Path:
        """Which backups `recsys backup` wrote, and when."""
        return self.home / "backups.json"

    @property
    def dbt_path(self) -> Path:
        """What dbt says of its last runs: manifest, run results, compiled SQL, log; one folder a step."""
        return self.home / "dbt"

    @property
    def log_path(self) -> Path:
        """What commands and runs did, one JSON object a line."""
        return self.home / "logs" / "recsys.jsonl"

    @property
    def metrics_path(self) -> Path:
        """What Prometheus reads: `recsys.prom`, and what it is made from."""
        return self.home / "metrics"

    @property
    def dagster_home(self) -> Path:
        """Dagster's run storage."""
        return self.home / "dagster"

    @cached_property
    def config_hash(self) -> str:
        """16 hex digits that change with any setting that a build could depend on: not where it lies or reports."""
        return hashlib.sha256(
            self.model_dump_json(exclude={"home", "logs", "metrics", "service", "store", "stream"}).encode()
        ).hexdigest()[:16]


def load_config(environ: Mapping[str, str] | None = None, *, tuned: bool = True) -> Config:
    """Read the configuration.

    Args:
        environ: the environment to read RECSYS_HOME, RECSYS_CONFIG and RECSYS__* from; the process's own by default.
        tuned: whether `tuned.yaml` in the home counts, where there is one.

    Raises:
        RecsysError: a file cannot be read, a key does not exist, or a value does not fit; the sentence names it.
    """
    environ = os.environ if environ is None else environ
    home = Path(environ.get("RECSYS_HOME") or PROJECT_ROOT / "data").resolve()
    settings = _read_yaml(DEFAULTS_FILE)
    if tuned and (home / TUNED_FILE).exists():
        settings = _merge(settings, _read_yaml(home / TUNED_FILE))
    settings = _merge(settings, read_own_settings(environ))
    if "home" in settings:
        raise RecsysError(
            "Configuration: 'home' is no key of a file; set the environment variable RECSYS_HOME instead."
        )
    settings["home"] = home
    try:
        return Config(**settings)
    except ValidationError as error:
        raise RecsysError(f"Configuration: {'; '.join(_sentence(e) for e in error.errors())}.") from None


def read_own_settings(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The keys that a person set, in the file named by RECSYS_CONFIG and in RECSYS__* variables, as nested maps.

    Raises:
        RecsysError: the file cannot be read, or a value is not valid YAML.
    """
    environ = os.environ if environ is None else environ
    own_file = environ.get("RECSYS_CONFIG")
    settings = _read_yaml(Path(own_file)) if own_file else {}
    for name in sorted(name for name in environ if name.startswith(ENV_PREFIX)):
        keys = name.removeprefix(ENV_PREFIX).lower().split("__")
        override: Any = _parse_yaml(environ[name], f"Environment variable {name}")
        for key in reversed(keys):
            override = {key: override}
        settings = _merge(settings, override)
    return settings


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        settings = _parse_yaml(path.read_text(encoding="utf-8"), f"Configuration file {path}") or {}
    except OSError as error:
        raise RecsysError(f"Configuration file {path} cannot be read: {error.strerror}.") from None
    if not isinstance(settings, dict):
        raise RecsysError(f"Configuration file {path} must hold keys and values at its top level.")
    return settings


def _parse_yaml(text: str, what: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecsysError(f"{what} is not valid YAML: {' '.join(str(error).split())}.") from None


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both_maps = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both_maps else value
    return merged


def _sentence(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown key '{key}' (recsys.yaml lists every key there is)"
    return f"'{key}' is {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"
