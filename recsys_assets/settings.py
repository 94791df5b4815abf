"""The sections of the configuration: every key that `recsys.yaml` may hold, its type and its limits."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A part of the configuration: frozen, and it refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WarehouseConfig(Section):
    memory_limit: str


class SourcesConfig(Section):
    future_tolerance_minutes: int = Field(ge=0)


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


class PublishingConfig(Section):
    method: str
    keep_bundles: int = Field(ge=1)
