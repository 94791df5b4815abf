"""What the routes work with, which list they choose, and how it is written."""

import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any, Final

import orjson
from fastapi.responses import Response

from recsys_assets.config import Config
from recsys_assets.logs import get_logger
from recsys_assets.online.events import NewEvent
from recsys_assets.online.model import OnlineModel
from recsys_assets.service.erasures import Erasures
from recsys_assets.service.explanations import explain_places
from recsys_assets.service.intake import EventIntake
from recsys_assets.service.loaded import BundleHolder, LoadedBundle
from recsys_assets.service.measures import Measures
from recsys_assets.service.recommender import (
    DEADLINE,
    MODEL_FAILED,
    NO_MODEL,
    SESSIONS_DOWN,
    UNKNOWN_USER,
    Answer,
    Wanted,
    item_entry,
    live_answer,
    popular_entries,
    published_answer,
)
from recsys_assets.service.rules import MOST_EXPLORED, Place, apply_rules
from recsys_assets.service.sessions import SessionStore, SessionsUnavailable
from recsys_assets.service.stored import Entry

LOGGER = get_logger(__name__)
NOBODY: Final = ""  # no user has this id
FALLBACK_HEADER: Final = "X-Recsys-Fallback"


@dataclass(frozen=True)
class Service:
    """What the routes work with."""

    config: Config
    holder: BundleHolder
    sessions: SessionStore
    intake: EventIntake
    measures: Measures
    erasures: Erasures
    chance: random.Random

    async def session_of(self, bundle: LoadedBundle, user_id: str) -> list[NewEvent]:
        """What the user did since the bundle was made.

        Raises:
            SessionsUnavailable: the store does not answer.
        """
        try:
            with self.measures.stage("session"):
                events = await self.sessions.read(user_id)
        except SessionsUnavailable:
            self.measures.state.sessions_up = False
            raise
        self.measures.state.sessions_up = True
        built = bundle.model.event_ids if bundle.model else frozenset()
        return [event for event in events if event.event_id not in built]

    def places(self, bundle: LoadedBundle, answer: Answer, wanted: Wanted) -> list[Place]:
        """The answer after the shop's rules."""
        model = bundle.model

        def has_category(item_id: str, category: str) -> bool:
            return model is not None and model.items.has_category(item_id, category)

        return apply_rules(
            answer.entries,
            wanted.length,
            wanted.surface,
            self.config.service,
            has_category,
            lambda item_id: None if item_id in wanted.excluded else item_entry(bundle, item_id),
            self.chance,
        )

    @cached_property
    def reach(self) -> int:
        """How many more places than asked for the rules may need."""
        rules = self.config.service
        moved = sum(boost.places for boost in rules.boosted)
        return len(rules.blocked) + len(rules.pinned) + moved + (MOST_EXPLORED if rules.exploration_share else 0)


async def choose_answer(
    service: Service, bundle: LoadedBundle, wanted: Wanted, arrived: float, explain: bool
) -> Answer:
    """The published list where it is what the user would get anew; else one by what she did until now."""
    if service.erasures.concern(wanted.user_id):
        return Answer(popular_entries(bundle, wanted), UNKNOWN_USER)
    try:
        new = await service.session_of(bundle, wanted.user_id)
    except SessionsUnavailable:
        return published_answer(bundle, wanted, SESSIONS_DOWN)
    if not new and not wanted.is_filtered and not explain:
        return published_answer(bundle, wanted)
    if bundle.model is None:
        return published_answer(bundle, wanted, NO_MODEL)
    if perf_counter() - arrived > service.config.service.budget_milliseconds / 1000:
        return published_answer(bundle, wanted, DEADLINE)
    try:
        with service.measures.stage("live_list"):
            return live_answer(bundle, bundle.model, wanted, new)
    except Exception:
        LOGGER.exception("live_list_failed")  # without the user's id
        return published_answer(bundle, wanted, MODEL_FAILED)


def list_response(
    service: Service,
    bundle: LoadedBundle | None,
    wanted: Wanted,
    answer: Answer,
    places: Sequence[Place] = (),
    *,
    surface: str | None = None,
    explain: bool = False,
) -> Response:
    """A list as JSON, whose header says why where it is not the one that was asked for."""
    model: OnlineModel | None = bundle.model if bundle else None
    contributions = explain_places(model, answer.view, places) if explain and model and answer.view else {}
    items = []
    for (item_id, rank, score, title, reason, evidence_item_id, sources), propensity in places:
        item: dict[str, Any] = {
            "item_id": item_id,
            "rank": rank,
            "score": score,
            "title": title,
            "reason": reason,
            "evidence_item_id": evidence_item_id,
            "sources": sources,
            "propensity": propensity,
        }
        if explain:
            item["contributions"] = contributions.get(item_id, [])
        items.append(item)
    content = {
        "list_id": secrets.token_hex(16),
        "user_id": wanted.user_id or None,
        "surface": surface or wanted.surface,
        "build_id": bundle.manifest.build_id if bundle else None,
        "fallback": answer.fallback,
        "items": items,
    }
    if answer.fallback is None:
        return json_response(content)
    service.measures.fallbacks.labels(answer.fallback).inc()
    return json_response(content, headers={FALLBACK_HEADER: answer.fallback})


def receipt_response(receipt: Any) -> Response:
    """What became of posted rows."""
    rejected = [{"index": index, "reason": reason} for index, reason in receipt.rejected]
    content = {
        "accepted": receipt.accepted,
        "rejected": rejected,
        "duplicate": receipt.duplicates,
        "event_ids": receipt.event_ids,
    }
    return json_response(content, 202)


def as_given(item_ids: Sequence[str]) -> list[Place]:
    """Items in the order that they came in, where nothing can rank them."""
    reason = "In the order that was asked"
    return [
        Place(Entry(item_id, place, None, None, reason, None, ()), 1.0)
        for place, item_id in enumerate(dict.fromkeys(item_ids), start=1)
    ]


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Any content."""
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
