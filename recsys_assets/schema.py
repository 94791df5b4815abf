"""Names and types that outsiders may rely on: the output contract of a published bundle."""

from typing import Final

LIVE_CUTOFF: Final = "live"
RANKER: Final = "ranker"  # the method, and model of the report, that is trained
FUSION: Final = "fusion"  # the one that adds up all sources' scores, with learnt weights
RATING_METRICS: Final = ("rmse", "mse", "mae")  # of models that predict values; lower is better
NO_LIST: Final = 0  # the k of metrics that cut no list
REPORTED_CANDIDATES: Final = 300  # a user: the longest lists that candidate_report compares; the ranker takes fewer
FOR_YOU: Final = "for_you"
SURFACES: Final = (FOR_YOU, "because_you_liked", "new_releases", "trending", "discover")

USER_SEGMENTS: Final = ("new", "light", "medium", "heavy")
ITEM_SEGMENTS: Final = ("head", "middle", "tail")

Columns = tuple[tuple[str, str], ...]

# a metric at k with its interval, and the users that it is a mean over
MEASURED: Final[Columns] = (
    ("metric", "VARCHAR"),
    ("k", "INTEGER"),
    ("value", "DOUBLE"),
    ("ci_low", "DOUBLE"),
    ("ci_high", "DOUBLE"),
    ("n_users", "BIGINT"),
)

# table -> (column, DuckDB type), in the order of the published file.
# The two feature tables have every feature of the live cutoff after these columns: features come and go, the key stays.
OUTPUT_TABLES: Final[dict[str, Columns]] = {
    "recommendations": (
        ("user_id", "VARCHAR"),
        ("surface", "VARCHAR"),
        ("rank", "INTEGER"),
        ("item_id", "VARCHAR"),
        ("title", "VARCHAR"),
        ("score", "DOUBLE"),
        ("candidate_sources", "VARCHAR[]"),
        ("reason", "VARCHAR"),
        ("evidence_item_id", "VARCHAR"),
        ("model_version", "VARCHAR"),
        ("build_id", "VARCHAR"),
        ("as_of", "TIMESTAMP"),
        ("scored_at", "TIMESTAMP"),
    ),
    "similar_items": (
        ("item_id", "VARCHAR"),
        ("rank", "INTEGER"),
        ("similar_item_id", "VARCHAR"),
        ("title", "VARCHAR"),
        ("score", "DOUBLE"),
    ),
    "trending_items": (
        ("category", "VARCHAR"),
        ("rank", "INTEGER"),
        ("item_id", "VARCHAR"),
        ("title", "VARCHAR"),
        ("score", "DOUBLE"),
    ),
    "user_features": (("user_id", "VARCHAR"),),
    "item_features": (("item_id", "VARCHAR"),),
    "model_report": (
        ("model", "VARCHAR"),
        *MEASURED,
        ("cutoff", "VARCHAR"),
        ("split", "VARCHAR"),
    ),
    "segment_report": (
        ("model", "VARCHAR"),
        ("segment", "VARCHAR"),
        *MEASURED,
        ("min_events", "BIGINT"),
        ("max_events", "BIGINT"),
        ("cutoff", "VARCHAR"),
        ("split", "VARCHAR"),
    ),
    "candidate_report": (
        ("source", "VARCHAR"),
        ("n", "INTEGER"),
        ("recall", "DOUBLE"),
        ("share_unique", "DOUBLE"),
        ("mean_candidates", "DOUBLE"),
    ),
    "feature_importance": (("feature", "VARCHAR"), ("gain", "DOUBLE"), ("splits", "BIGINT")),
    "builds": (
        ("build_id", "VARCHAR"),
        ("model_version", "VARCHAR"),
        ("created_at", "TIMESTAMP"),
        ("git_sha", "VARCHAR"),
        ("seed", "BIGINT"),
        ("config_hash", "VARCHAR"),
        ("input_fingerprint", "VARCHAR"),
        ("gate_passed", "BOOLEAN"),
        ("row_counts", "MAP(VARCHAR, BIGINT)"),
    ),
}

# The order of a published table's rows on disk, which is what makes a look-up by the first of these columns fast.
OUTPUT_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "recommendations": ("user_id", "surface", "rank"),
    "similar_items": ("item_id", "rank"),
    "trending_items": ("category", "rank"),
    "user_features": ("user_id",),
    "item_features": ("item_id",),
    "model_report": ("cutoff", "metric", "k", "model"),
    "segment_report": ("metric", "segment", "model"),
    "candidate_report": ("source", "n"),
    "feature_importance": ("feature",),
    "builds": ("created_at", "build_id"),
}

# What the contract leaves open: tables that grow columns after the fixed ones.
FEATURE_TABLES: Final = frozenset({"user_features", "item_features"})
