"""A user's page: what she did, her lists and why they are so, and what would change them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from recsys_assets.online.events import NewEvent
from recsys_assets.online.lists import look_at
from recsys_assets.publishing.snapshot import DEFAULT_EVENT_TYPE
from recsys_assets.schema import FOR_YOU, SURFACES
from recsys_assets.service.answers import Service
from recsys_assets.service.explanations import explain_places
from recsys_assets.service.loaded import LoadedBundle
from recsys_assets.service.page.asked import bundle_of, one_of, service_of, text_of
from recsys_assets.service.page.catalogue import Catalogue, Shelf, past_events
from recsys_assets.service.page.charts import bars_both_ways
from recsys_assets.service.page.render import PageError, render, user_url
from recsys_assets.service.page.what_if import (
    MOST_ADDED,
    Added,
    Change,
    as_events,
    compare,
    read_added,
    read_value,
)
from recsys_assets.service.recommender import Answer, Wanted, live_answer, published_answer, with_session
from recsys_assets.service.rules import Place
from recsys_assets.service.sessions import SessionsUnavailable

SCORED: Final = (FOR_YOU, "new_releases", "discover")  # surfaces whose lists the method's scores make
LENGTH, COMPARED = 10, 100  # places of a list; and among how many a place before is looked for
OFFERED, HISTORY = 12, 20


def add_users(app: FastAPI, shelf: Shelf) -> None:
    """Add the users' pages."""

    @app.get("/users/{user_id:path}", include_in_schema=False)
    async def user(request: Request, user_id: str) -> HTMLResponse:
        """What a user did, what she gets and why, and what she would get."""
        service, bundle = service_of(request), bundle_of(request)
        new, note = await _session(service, bundle, user_id)
        return await run_in_threadpool(_user_page, request, service, bundle, shelf, user_id, new, note)


def _user_page(
    request: Request,
    service: Service,
    bundle: LoadedBundle,
    shelf: Shelf,
    user_id: str,
    new: list[NewEvent],
    note: str | None,
) -> HTMLResponse:
    catalogue = shelf.find(bundle)
    is_known = user_id in catalogue.users or user_id in bundle.lists.places or new
    if not is_known or service.erasures.concern(user_id):
        raise PageError(404, f"There is no user “{user_id}” in this bundle.")
    scored = SCORED if bundle.model else ()
    explained = one_of(text_of(request, "explain"), scored, "")
    history = past_events(bundle, user_id, new)
    lists = {}
    for surface in SURFACES:
        answer = _answer(bundle, Wanted(user_id, surface, LENGTH + service.reach), new)
        lists[surface] = service.places(bundle, answer, Wanted(user_id, surface, LENGTH))
    contributions = _contributions(bundle, user_id, new, lists[explained]) if explained else {}
    return render(
        "user.html",
        bundle,
        user_id=user_id,
        n_events=len(history) if bundle.model else catalogue.users.get(user_id, 0),
        history=history[:HISTORY],
        lists=lists,
        scored=scored,
        explained=explained,
        contributions=contributions,
        catalogue=catalogue,
        note=note,
        panel=_what_if(request, bundle, catalogue, user_id, new) if bundle.model else None,
    )


def _what_if(
    request: Request, bundle: LoadedBundle, catalogue: Catalogue, user_id: str, new: list[NewEvent]
) -> dict[str, Any]:
    """What the panel shows: the events that the address holds, items to add, and what moved."""
    assert bundle.model is not None
    event_types = sorted(set(bundle.model.state.event_types) - {DEFAULT_EVENT_TYPE}, key=_order(catalogue.event_types))
    surface = one_of(text_of(request, "surface"), SURFACES, FOR_YOU)
    added = read_added(request.query_params.getlist("did"), event_types, catalogue.items)
    event_type = one_of(text_of(request, "type"), event_types, event_types[0])
    value, find = read_value(text_of(request, "value")), text_of(request, "find")
    found = [
        (Added(event_type, value, item_id), title or item_id)
        for item_id, title in catalogue.find_items(find, OFFERED if len(added) < MOST_ADDED else 0)
    ]
    texts = [str(one) for one in added]
    return {
        "added": [(one, user_url(user_id, did=[t for t in texts if t != str(one)], surface=surface)) for one in added],
        "found": found,
        "find": find,
        "surface": surface,
        "event_types": event_types,
        "type": event_type,
        "value": value,
        "is_full": len(added) >= MOST_ADDED,
        "change": _change(bundle, user_id, surface, new, added) if added else None,
    }


def _change(bundle: LoadedBundle, user_id: str, surface: str, new: list[NewEvent], added: Sequence[Added]) -> Change:
    assert bundle.model is not None
    wanted = Wanted(user_id, surface, COMPARED)
    before = live_answer(bundle, bundle.model, wanted, new)
    now = datetime.now(UTC).replace(tzinfo=None)
    after = live_answer(bundle, bundle.model, wanted, [*new, *as_events(added, now)])
    return compare(before.entries, after.entries, LENGTH)


def _answer(bundle: LoadedBundle, wanted: Wanted, new: list[NewEvent]) -> Answer:
    """As the API answers: the published list where it is what the user would get anew."""
    if bundle.model is None or not new:
        return published_answer(bundle, wanted)
    return live_answer(bundle, bundle.model, wanted, new)


def _contributions(
    bundle: LoadedBundle, user_id: str, new: list[NewEvent], places: Sequence[Place]
) -> dict[str, list[Any]]:
    """Item -> (contribution, its bar) of the features that move its score most."""
    assert bundle.model is not None
    events = with_session(bundle.model, user_id, new)
    if len(events) == 0:
        return {}
    found = explain_places(bundle.model, look_at(bundle.model, user_id, events), places)
    return {
        item_id: list(zip(shares, bars_both_ways([share["contribution"] for share in shares]), strict=True))
        for item_id, shares in found.items()
    }


async def _session(service: Service, bundle: LoadedBundle, user_id: str) -> tuple[list[NewEvent], str | None]:
    """What the user did since the bundle was made; and a sentence where that cannot be told."""
    try:
        return await service.session_of(bundle, user_id), None
    except SessionsUnavailable as error:
        return [], str(error)


def _order(frequent: Sequence[str]) -> Any:
    """Sorts the frequent ones first, then by name."""
    return lambda name: (frequent.index(name) if name in frequent else len(frequent), name)
