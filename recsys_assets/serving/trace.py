"""From one published row back to the raw events behind it."""

from dataclasses import dataclass
from typing import Any

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.publishing.manifest import MODEL_FOLDER, Manifest
from recsys_assets.schema import FOR_YOU, FUSION, RANKER, SURFACES
from recsys_assets.serving.bundle import Bundle, open_bundle
from recsys_assets.serving.history import History, user_history
from recsys_assets.serving.lists import Recommendation, unknown_item_sentence

LAST_EVENTS = 5


@dataclass(frozen=True)
class CandidateOrigin:
    """Where a source had the item in its list for the user: its own score, and the rank from 1."""

    source: str
    score: float
    rank: int


@dataclass(frozen=True)
class FeatureContribution:
    """A feature's value (NaN: it does not exist here), and what it adds to the score over the model's average."""

    feature: str
    value: float
    contribution: float


@dataclass(frozen=True)
class Trace:
    """Everything behind one published row.

    Attributes:
        row: the published row.
        manifest: of its bundle: model version, method, inputs, configuration.
        candidates: the sources that proposed the item, the best rank first.
        features: by falling size of the contribution; empty when the ranker did not make the score.
        recomputed_score: from the bundle's own features and model; None when that cannot be done.
        note: how the score was made, if not by the ranker; None otherwise.
        evidence: the user's raw events on the item that the reason names, the latest first.
        last_events: the user's last raw events.
    """

    row: Recommendation
    manifest: Manifest
    candidates: list[CandidateOrigin]
    features: list[FeatureContribution]
    recomputed_score: float | None
    note: str | None
    evidence: History
    last_events: History

    @property
    def is_reproduced(self) -> bool:
        """Whether the recomputed score equals the published one to the last bit."""
        return self.recomputed_score == self.row.score


def trace_recommendation(config: Config, user_id: str, item_id: str) -> Trace:
    """Trace the item in the user's published lists: in `for_you` if it is there, else in the first list that has it.

    Raises:
        RecsysError: no published list of the user has the item.
    """
    with open_bundle(config) as bundle:
        row = _find_row(bundle, user_id, item_id)
        candidate = _read_one(bundle, "recommendation_candidates", user_id, item_id)
        features, score, note = _explain_score(bundle, row, candidate)
    evidence = (
        user_history(config, user_id, limit=None, item_id=row.evidence_item_id)
        if row.evidence_item_id is not None
        else History([], "The reason names no item of the user's history.")
    )
    last_events = user_history(config, user_id, limit=LAST_EVENTS)
    return Trace(row, bundle.manifest, _list_origins(candidate), features, score, note, evidence, last_events)


def _find_row(bundle: Bundle, user_id: str, item_id: str) -> Recommendation:
    found = bundle.rows("SELECT * FROM recommendations WHERE user_id = $user_id ORDER BY rank", {"user_id": user_id})
    if not found:
        raise RecsysError(f"There is no published list for user '{user_id}'.")
    rows = sorted(
        (Recommendation(**row) for row in found if row["item_id"] == item_id),
        key=lambda row: SURFACES.index(row.surface),
    )
    if rows:
        return rows[0]
    if not bundle.rows("SELECT 1 FROM item_features WHERE item_id = $item_id LIMIT 1", {"item_id": item_id}):
        raise RecsysError(unknown_item_sentence(bundle, item_id))
    raise RecsysError(
        f"Item '{item_id}' is in no published list of user '{user_id}': see `recsys recommend {user_id}`."
    )


def _explain_score(
    bundle: Bundle, row: Recommendation, candidate: dict[str, Any] | None
) -> tuple[list[FeatureContribution], float | None, str | None]:
    """Contributions, the score made again from what the bundle holds, and a word on how, if not by the ranker."""
    method = bundle.manifest.method
    if row.surface != FOR_YOU:
        return (
            [],
            None,
            f"The score was made by the rules of the surface {row.surface}, which the bundle does not hold.",
        )
    if candidate is None:
        return [], None, "No source proposed the item: it fills a list that was too short, by its popularity."
    if method != RANKER:
        score = candidate["fused_score" if method == FUSION else f"score_{method}"]
        return (
            [],
            score,
            f"The lists are those of {method}: the score is the candidate's own, and no ranker had a part.",
        )
    stored = _read_one(bundle, "recommendation_features", row.user_id, row.item_id)
    if stored is None:
        return [], None, "The bundle holds no features of this row."
    return *_explain_ranker_score(bundle, stored), None


def _explain_ranker_score(bundle: Bundle, stored: dict[str, Any]) -> tuple[list[FeatureContribution], float]:
    import numpy as np  # LightGBM takes seconds to import, and only this needs it

    from recsys_assets.ranking.ranker import combine_parts, load_ranker

    ranker = load_ranker(bundle.path / MODEL_FOLDER)
    features = np.array([stored["features"]], dtype=np.float32)
    mean = np.array([stored["part_means"]], dtype=np.float64)
    deviation = np.array([stored["part_deviations"]], dtype=np.float64)
    score = float(combine_parts(ranker.part_values(features), mean, deviation, ranker.part_weights)[0])
    contributions = ranker.contributions(features[0], mean[0], deviation[0])
    explained = [
        FeatureContribution(name, float(value), contributions[name])
        for name, value in zip(ranker.feature_names, features[0], strict=True)
    ]
    return sorted(explained, key=lambda one: (-abs(one.contribution), one.feature)), score


def _list_origins(candidate: dict[str, Any] | None) -> list[CandidateOrigin]:
    row = candidate or {}
    sources = [
        name.removeprefix("rank_") for name, rank in row.items() if name.startswith("rank_") and rank is not None
    ]
    origins = [CandidateOrigin(source, row[f"score_{source}"], row[f"rank_{source}"]) for source in sources]
    return sorted(origins, key=lambda origin: (origin.rank, origin.source))


def _read_one(bundle: Bundle, table: str, user_id: str, item_id: str) -> dict[str, Any] | None:
    """The row of a table that is in the bundle only when the warehouse had it."""
    if table not in bundle.manifest.row_counts:
        return None
    rows = bundle.rows(
        f"SELECT * FROM {table} WHERE user_id = $user_id AND item_id = $item_id",
        {"user_id": user_id, "item_id": item_id},
    )
    return rows[0] if rows else None
