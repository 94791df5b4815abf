"""Lists for people: recommendations of a user, items similar to an item."""

from dataclasses import dataclass
from datetime import datetime

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.publishing.manifest import Manifest
from recsys_assets.schema import FOR_YOU, SURFACES
from recsys_assets.serving.bundle import Bundle, open_bundle

MAX_SUGGESTIONS = 5


@dataclass(frozen=True)
class Recommendation:
    """One row of `recommendations`; in a fallback list, `as_of` and `scored_at` are None."""

    user_id: str
    surface: str
    rank: int
    item_id: str
    title: str | None
    score: float
    candidate_sources: list[str]
    reason: str | None
    evidence_item_id: str | None
    model_version: str
    build_id: str
    as_of: datetime | None
    scored_at: datetime | None


@dataclass(frozen=True)
class RecommendationList:
    """Rows by rank, never none; `note` says what is not as asked for, None when all is; `manifest` is the bundle's."""

    rows: list[Recommendation]
    note: str | None
    manifest: Manifest


@dataclass(frozen=True)
class SimilarItem:
    """One row of `similar_items`."""

    item_id: str
    rank: int
    similar_item_id: str
    title: str | None
    score: float


@dataclass(frozen=True)
class SimilarList:
    """Items by rank; `note` says why there are none; `title` is the asked item's own."""

    rows: list[SimilarItem]
    note: str | None
    title: str | None


def recommend(config: Config, user_id: str, surface: str = FOR_YOU, k: int = 10) -> RecommendationList:
    """The first `k` items of a user's list on a surface.

    Whoever has no list there gets what is popular now, with a note.

    Raises:
        RecsysError: the surface does not exist, k is below 1, or nothing is published.
    """
    if surface not in SURFACES:
        raise RecsysError(f"There is no surface '{surface}'; there are: {', '.join(SURFACES)}.")
    _check_k(k)
    with open_bundle(config) as bundle:
        rows = read_list(bundle, user_id, surface, k)
        if rows:
            note = f"The published list ends at {len(rows)}." if len(rows) < k else None
            return RecommendationList(rows, note, bundle.manifest)
        known = bundle.rows("SELECT 1 FROM recommendations WHERE user_id = $user_id LIMIT 1", {"user_id": user_id})
        note = (
            f"User {user_id} has no {surface} list: this is what is popular now."
            if known
            else f"User {user_id} is not known: this is what is popular now."
        )
        return RecommendationList(_read_popular(bundle, user_id, k), note, bundle.manifest)


def read_list(bundle: Bundle, user_id: str, surface: str, k: int) -> list[Recommendation]:
    """The published rows of a user on a surface, up to rank `k`; none if there are none."""
    found = bundle.rows(
        "SELECT * FROM recommendations WHERE user_id = $user_id AND surface = $surface AND rank <= $k ORDER BY rank",
        {"user_id": user_id, "surface": surface, "k": k},
    )
    return [Recommendation(**row) for row in found]


def _read_popular(bundle: Bundle, user_id: str, k: int) -> list[Recommendation]:
    found = bundle.rows(
        """SELECT rank, item_id, title, score FROM trending_items
           WHERE category IS NULL AND rank <= $k ORDER BY rank""",
        {"k": k},
    )
    if not found:
        raise RecsysError(
            f"Bundle {bundle.manifest.build_id} holds no popular items: load events and run `recsys build`."
        )
    return [
        Recommendation(
            **row,
            user_id=user_id,
            surface="trending",
            candidate_sources=["popular_decayed_fast"],
            reason="Popular now",
            evidence_item_id=None,
            model_version=bundle.manifest.model_version,
            build_id=bundle.manifest.build_id,
            as_of=None,
            scored_at=None,
        )
        for row in found
    ]


def similar(config: Config, item_id: str, k: int = 10) -> SimilarList:
    """The first `k` items similar to an item.

    Raises:
        RecsysError: the item is unknown (the sentence suggests items whose title matches), or k is below 1.
    """
    _check_k(k)
    with open_bundle(config) as bundle:
        found = bundle.rows(
            "SELECT * FROM similar_items WHERE item_id = $item_id AND rank <= $k ORDER BY rank",
            {"item_id": item_id, "k": k},
        )
        titles = bundle.rows(f"SELECT title FROM ({TITLES}) WHERE item_id = $item_id", {"item_id": item_id})
        title = titles[0]["title"] if titles else None
        if found:
            return SimilarList([SimilarItem(**row) for row in found], None, title)
        if titles or bundle.rows("SELECT 1 FROM item_features WHERE item_id = $item_id LIMIT 1", {"item_id": item_id}):
            return SimilarList([], f"Item {item_id} has no similar items: too little is known of it.", title)
        raise RecsysError(unknown_item_sentence(bundle, item_id))


# one title an item, from wherever the bundle names it
TITLES = """
    SELECT item_id, min(title) AS title FROM (
        SELECT similar_item_id AS item_id, title FROM similar_items
        UNION ALL SELECT item_id, title FROM trending_items
        UNION ALL SELECT item_id, title FROM recommendations
    ) GROUP BY item_id
"""


def unknown_item_sentence(bundle: Bundle, text: str) -> str:
    """Says that there is no item of this id, and which items have `text` in their title."""
    matches = bundle.rows(
        f"""SELECT item_id, title FROM ({TITLES}) WHERE contains(lower(title), lower($text))
            ORDER BY length(title), item_id LIMIT {MAX_SUGGESTIONS}""",
        {"text": text},
    )
    if not matches:
        return f"There is no item '{text}' in the published bundle, and no title that contains it."
    suggested = ", ".join(f"{row['item_id']} ({row['title']})" for row in matches)
    return f"There is no item '{text}' in the published bundle; by title, did you mean {suggested}?"


def _check_k(k: int) -> None:
    if k < 1:
        raise RecsysError(f"A list needs a length of at least 1, not {k}.")
