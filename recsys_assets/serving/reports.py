"""The quality report of the bundle in use."""

from dataclasses import dataclass

from recsys_assets.config import Config
from recsys_assets.publishing.manifest import Manifest
from recsys_assets.serving.bundle import open_bundle


@dataclass(frozen=True)
class ModelMetric:
    """One row of `model_report`: a model's metric at k, its 95 % interval, and the users that it is a mean over."""

    model: str
    metric: str
    k: int
    value: float
    ci_low: float | None
    ci_high: float | None
    n_users: int
    cutoff: str
    split: str


@dataclass(frozen=True)
class SegmentMetric:
    """One row of `segment_report`: a metric at k of a model on a segment of users, or of items.

    `min_events` and `max_events`: how many events the users have, or how many users the items.
    """

    model: str
    segment: str
    metric: str
    k: int
    value: float
    ci_low: float
    ci_high: float
    n_users: int
    min_events: int
    max_events: int


@dataclass(frozen=True)
class CandidateRecall:
    """One row of `candidate_report`: what the first `n` candidates of a source bring."""

    source: str
    n: int
    recall: float
    share_unique: float | None
    mean_candidates: float


@dataclass(frozen=True)
class Report:
    """The reports, and the manifest with the gate's decision. `models` and `segments` hold one cutoff alone."""

    models: list[ModelMetric]
    segments: list[SegmentMetric]
    candidates: list[CandidateRecall]
    manifest: Manifest


def read_report(config: Config, cutoff: str = "test") -> Report:
    """The report of the bundle in use.

    Raises:
        RecsysError: nothing is published.
    """
    with open_bundle(config) as bundle:
        models = bundle.rows(
            "SELECT * FROM model_report WHERE cutoff = $cutoff ORDER BY metric, k, model", {"cutoff": cutoff}
        )
        segments = []
        if "segment_report" in bundle.manifest.row_counts:  # bundles of earlier versions have none
            segments = bundle.rows(
                "SELECT * EXCLUDE (cutoff, split) FROM segment_report WHERE cutoff = $cutoff", {"cutoff": cutoff}
            )
        candidates = bundle.rows("SELECT * FROM candidate_report ORDER BY source, n")
        return Report(
            [ModelMetric(**row) for row in models],
            [SegmentMetric(**row) for row in segments],
            [CandidateRecall(**row) for row in candidates],
            bundle.manifest,
        )


@dataclass(frozen=True)
class FeatureGain:
    """One row of `feature_importance`: what the ranker's splits on a feature gain, and their number."""

    feature: str
    gain: float
    splits: int


def read_importance(config: Config) -> list[FeatureGain]:
    """What the ranker of the bundle in use splits on, the most useful feature first.

    Raises:
        RecsysError: nothing is published.
    """
    with open_bundle(config) as bundle:
        rows = bundle.rows("SELECT feature, gain, splits FROM feature_importance ORDER BY gain DESC, feature")
        return [FeatureGain(**row) for row in rows]
