"""The sections of the configuration: every key that `recsys.yaml` may hold, its type and its limits."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

# YAML reads a bare `off` as false
Severity = Annotated[Literal["block", "warn", "off"], BeforeValidator(lambda value: "off" if value is False else value)]


class Section(BaseModel):
    """A part of the configuration: frozen, and it refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WarehouseConfig(Section):
    memory_limit: str


class SourcesConfig(Section):
    future_tolerance_minutes: int = Field(ge=0)
    inbox_settle_seconds: float = Field(ge=0)


class EventTypeConfig(Section):
    relevance_label: int = Field(ge=0, le=30)
    weight: float = Field(ge=0)
    consumes: bool
    repeatable: bool
    cancels: str | None = None


class RatingsConfig(Section):
    liked_share: float = Field(gt=0, le=1)
    disliked_share: float = Field(ge=0, lt=1)


class SplitConfig(Section):
    kind: Literal["auto", "temporal", "leave_last"]
    horizon_share: float = Field(gt=0, lt=0.5)
    leave_last_share: float = Field(gt=0, lt=1)
    training_cutoffs: int = Field(ge=1, le=6)
    min_history_events: int = Field(ge=1)
    auto_min_target_users: int = Field(ge=1)
    auto_min_target_share: float = Field(ge=0, le=1)
    auto_max_fading: float = Field(gt=0)


class FeaturesConfig(Section):
    history_events: int = Field(ge=1)


class PopularConfig(Section):
    half_life_shares: dict[Literal["slow", "fast"], float]
    categories_per_user: int = Field(ge=1)


class CovisitedConfig(Section):
    window_events: int = Field(ge=1)
    half_life_days: float = Field(gt=0)
    neighbours: int = Field(ge=1)


class Bm25Config(Section):
    neighbours: int = Field(ge=1)
    k1: float = Field(gt=0)
    b: float = Field(ge=0, le=1)


class ItemKnnConfig(Bm25Config):
    half_life_events: float = Field(gt=0)


class UserKnnConfig(Section):
    neighbours: int = Field(ge=1)
    max_users: int = Field(ge=0)


class ContentConfig(Section):
    title_weight: float = Field(ge=0)


class AlsAlternative(Section):
    factors: int = Field(ge=1)
    regularization: float = Field(gt=0)
    alpha: float = Field(gt=0)


class AlsConfig(AlsAlternative):
    iterations: int = Field(ge=1)
    alternatives: tuple[AlsAlternative, ...]


class ItemEmbeddingsConfig(Section):
    dimensions: int = Field(ge=1)
    window_events: int = Field(ge=1)
    shift: float = Field(gt=0)


class EaseConfig(Section):
    regularization: float = Field(gt=0)
    terms: int = Field(ge=0)
    terms_weight: float = Field(ge=0)
    max_side: int = Field(ge=1)


class SasrecConfig(Section):
    dimensions: int = Field(ge=1)
    blocks: int = Field(ge=1)
    heads: int = Field(ge=1)
    max_length: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    learning_rate: float = Field(gt=0)
    max_epochs: int = Field(ge=1)
    patience: int = Field(ge=1)
    softmax_items: int = Field(ge=1)


class CandidatesConfig(Section):
    per_source: int = Field(ge=1)
    per_user: int = Field(ge=1)
    max_rows: int = Field(ge=1)
    sources: tuple[str, ...]
    popular: PopularConfig
    covisited: CovisitedConfig
    item_knn: ItemKnnConfig
    item_knn_plain: Bm25Config
    user_knn: UserKnnConfig
    content: ContentConfig
    als: AlsConfig
    item_embeddings: ItemEmbeddingsConfig
    ease: EaseConfig
    sasrec: SasrecConfig


class TreesConfig(Section):
    num_leaves: int = Field(ge=2)
    min_data_in_leaf: int = Field(ge=1)


class ObjectivesConfig(Section):
    lambdarank: TreesConfig
    rank_xendcg: TreesConfig
    binary: TreesConfig


class RankingConfig(Section):
    fusion_queries: float = Field(ge=0)
    max_training_rows: int = Field(ge=1000)
    learning_rate: float = Field(gt=0)
    max_trees: int = Field(ge=1)
    early_stopping_trees: int = Field(ge=1)
    feature_share: float = Field(gt=0, le=1)
    lambda_l2: float = Field(ge=0)
    truncation_level: int = Field(ge=1)
    objectives: ObjectivesConfig


class RatingForestConfig(Section):
    trees: int = Field(ge=1)
    max_depth: int = Field(ge=1)
    leaves: tuple[int, ...] = Field(min_length=1)
    feature_share: float = Field(gt=0, le=1)
    rows_per_tree: int = Field(ge=1)


class RatingNetworkConfig(Section):
    dimensions: int = Field(ge=1)
    hidden: int = Field(ge=2)
    dropout: float = Field(ge=0, lt=1)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    max_epochs: int = Field(ge=1)
    patience: int = Field(ge=1)


class RatingConfig(Section):
    models: tuple[Literal["rating_mean", "rating_bias", "rating_forest", "rating_network"], ...]
    regularizations: tuple[float, ...] = Field(min_length=1)
    forest: RatingForestConfig
    network: RatingNetworkConfig


class RerankConfig(Section):
    list_length: int = Field(ge=1)
    max_per_category: int = Field(ge=1)
    diversity: float = Field(ge=0, le=1)
    discover_diversity: float = Field(ge=0, le=1)
    discover_popularity_penalty: float = Field(ge=0)
    new_release_days: int = Field(ge=1)


class EvaluationConfig(Section):
    ks: tuple[int, ...]
    bootstrap_draws: int = Field(ge=100)
    prove_no_leak: bool


class GatesConfig(Section):
    batches_keep_their_columns: Severity
    items_known_as_before: Severity
    event_types_as_before: Severity
    batch_sizes_as_usual: Severity
    rejected_share_below_limit: Severity
    features_within_drift_limit: Severity
    lists_overlap_previous_bundle: Severity
    min_rows: int = Field(ge=1)
    min_expected_rows: float = Field(gt=0)
    min_batches_for_size: int = Field(ge=1)
    max_size_ratio: float = Field(gt=1)
    max_rejected_share: float = Field(ge=0, le=1)
    min_known_items_ratio: float = Field(ge=0, le=1)
    max_feature_psi: float = Field(gt=0)
    max_psi_ratio: float = Field(ge=0)
    min_list_overlap: float = Field(ge=0, le=1)
    little_new_share: float = Field(ge=0, le=1)


class PublishingConfig(Section):
    method: str
    keep_bundles: int = Field(ge=1)


class LogsConfig(Section):
    level: Literal["debug", "info", "warning", "error"]
    max_megabytes: float = Field(gt=0)
    kept_files: int = Field(ge=1)
    stderr: bool


class MetricsConfig(Section):
    pushgateway: str | None = Field(pattern=r"^https?://")


class TracesConfig(Section):
    endpoint: str | None = Field(pattern=r"^https?://")
    share: float = Field(ge=0, le=1)


class RetrainingConfig(Section):
    new_events_share: float | None = Field(gt=0, lt=1)
    max_age_days: float | None = Field(gt=0)
    quality_drop: float | None = Field(gt=0, lt=1)
    drift_psi: float | None = Field(gt=0)
    min_users: int = Field(ge=1)
    min_days_between: float = Field(ge=0)


class FreshnessConfig(Section):
    max_age_days: float = Field(gt=0)
    late_after_days: float = Field(gt=0)
    max_late_share: float = Field(ge=0, le=1)
    min_volume_ratio: float = Field(ge=0, lt=1)
    max_volume_ratio: float = Field(gt=1)


class PinnedConfig(Section):
    item_id: str
    place: int = Field(ge=1)
    surface: str


class BoostedConfig(Section):
    category: str
    places: int = Field(ge=1)
    quota: int = Field(ge=1)


class ServiceConfig(Section):
    host: str
    port: int = Field(ge=0, le=65535)
    workers: int = Field(ge=1, le=64)
    look_seconds: float = Field(gt=0)
    budget_milliseconds: float = Field(gt=0)
    max_body_bytes: int = Field(ge=1)
    max_batch_rows: int = Field(ge=1)
    max_rank_items: int = Field(ge=1)
    requests_per_second: float = Field(ge=0)
    exploration_share: float = Field(ge=0, le=1)
    pinned: tuple[PinnedConfig, ...]
    boosted: tuple[BoostedConfig, ...]
    blocked: tuple[str, ...]
    segment_seconds: float = Field(gt=0)
    segment_bytes: int = Field(ge=1)
    gather_milliseconds: float = Field(ge=0)
    remembered_ids: int = Field(ge=0)
    max_waiting_rows: int = Field(ge=1)
    session_minutes: float = Field(gt=0)
    session_events: int = Field(ge=1)
    session_users: int = Field(ge=1)
    redis_url: str | None = Field(pattern=r"^(rediss?|unix)://")
    redis_milliseconds: float = Field(gt=0)


class StreamConfig(Section):
    brokers: str | None
    topics: dict[Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,100}$")], str]
    group: str = Field(min_length=1)
    batch_seconds: float = Field(gt=0)
    batch_bytes: int = Field(ge=1)
    max_unlanded_bytes: int = Field(ge=1)
    metrics_port: int = Field(ge=0, le=65535)
    metrics_host: str
    client: dict[str, str]


class StoreConfig(Section):
    url: str | None
    options: dict[str, str]
    allow_http: bool
    timeout_seconds: float = Field(gt=0)
