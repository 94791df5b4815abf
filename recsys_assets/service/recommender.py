"""What to answer for a user: the published list, or one that follows what she did a moment ago."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys_assets.online.events import UNKNOWN_ITEM, Bools, Ints, NewEvent, UserEvents, add_events
from recsys_assets.online.lists import Listed, View, describe, look_at, make_list, score_items
from recsys_assets.online.model import OnlineModel
from recsys_assets.online.reasons import Reason
from recsys_assets.schema import FOR_YOU, SURFACES
from recsys_assets.service.loaded import LoadedBundle
from recsys_assets.service.stored import Entry

BECAUSE, NEW_RELEASES, TRENDING = "because_you_liked", "new_releases", "trending"
UNKNOWN_USER, NO_BUNDLE, NO_LIST = "unknown_user", "no_bundle", "no_list"
NO_MODEL, DEADLINE, MODEL_FAILED = "no_online_model", "deadline", "model_failed"
SESSIONS_DOWN = "sessions_unavailable"


@dataclass(frozen=True)
class Wanted:
    """What a request asks for.

    Attributes:
        user_id: for whom.
        surface: which list.
        length: how long.
        category: only items of it; None: of all.
        excluded: items that must not be in it.
    """

    user_id: str
    surface: str = FOR_YOU
    length: int = 10
    category: str | None = None
    excluded: Collection[str] = ()

    @property
    def is_filtered(self) -> bool:
        """Whether a published list may hold what was not asked for."""
        return self.category is not None or len(self.excluded) > 0


@dataclass(frozen=True)
class Answer:
    """A list, why it is not the one asked for (None: it is), and the view of the user it was made from."""

    entries: list[Entry]
    fallback: str | None = None
    view: View | None = None


def published_answer(bundle: LoadedBundle, wanted: Wanted, fallback: str | None = None) -> Answer:
    """The published list without what the request excludes; what is popular now where the user has none."""
    rows = bundle.lists.read(
        wanted.user_id, wanted.surface, len(SURFACES) * 1000 if wanted.is_filtered else wanted.length
    )
    entries = _first(_allow(bundle, rows, wanted), wanted.length)
    if rows and (entries or not wanted.is_filtered):
        return Answer(entries, fallback)
    is_known = wanted.user_id in bundle.lists.places
    return Answer(popular_entries(bundle, wanted), fallback or (NO_LIST if is_known else UNKNOWN_USER))


def popular_entries(bundle: LoadedBundle, wanted: Wanted) -> list[Entry]:
    """What is wanted now, in the category that is asked for."""
    return _first(_allow(bundle, bundle.lists.read_trending(wanted.category, 1000), wanted), wanted.length)


def live_answer(bundle: LoadedBundle, model: OnlineModel, wanted: Wanted, new: Sequence[NewEvent]) -> Answer:
    """A list by what the user did until now, the events of her session among it."""
    events = with_session(model, wanted.user_id, new)
    if len(events) == 0:
        return published_answer(bundle, wanted)
    view = look_at(model, wanted.user_id, events, allowed_items(model, wanted))
    consumed = {model.items.id_list[item] for item in view.items.item[view.items.is_consumed]}
    without = replace(wanted, excluded={*wanted.excluded, *consumed})
    if wanted.surface == TRENDING:
        return Answer(popular_entries(bundle, without), view=view)
    if wanted.surface == BECAUSE:
        return Answer(_because_you_liked(bundle, view, without), view=view)
    entries = [to_entry(model, listed) for listed in make_list(view, wanted.surface, wanted.length)]
    if len(entries) < wanted.length and wanted.surface in (FOR_YOU, NEW_RELEASES):
        entries = _fill(model, entries, wanted, {int(item) for item in view.items.item[view.items.is_consumed]})
    return Answer(entries, view=view)


def rank_answer(
    bundle: LoadedBundle, model: OnlineModel, user_id: str, items: Sequence[str], new: Sequence[NewEvent]
) -> Answer:
    """The given items, the best first for this user; those that the bundle does not know come last, as they came."""
    asked = list(dict.fromkeys(items))
    places = np.array([model.items.positions.get(item_id, UNKNOWN_ITEM) for item_id in asked], np.int64)
    known = places[places != UNKNOWN_ITEM]
    events = with_session(model, user_id, new)
    view = look_at(model, user_id, events) if len(events) else None
    if view is None:
        entries = _by_popularity(model, known)
    else:
        scores = score_items(view, known)
        order = np.lexsort((known, -scores))
        entries = [to_entry(model, listed) for listed in describe(view, known[order], scores[order])]
    unknown = [item_id for item_id, place in zip(asked, places, strict=True) if place == UNKNOWN_ITEM]
    for item_id in unknown:
        entries.append(Entry(item_id, len(entries) + 1, None, None, "Nothing is known of this item", None, ()))
    return Answer(entries, UNKNOWN_USER if view is None else None, view)


def with_session(model: OnlineModel, user_id: str, new: Sequence[NewEvent]) -> UserEvents:
    """The events of a user in the bundle, and new ones."""
    placed = [(model.items.positions.get(event.item_id, UNKNOWN_ITEM), event) for event in new]
    return add_events(model.events_of(user_id), placed, model.state)


def allowed_items(model: OnlineModel, wanted: Wanted) -> Bools | None:
    """Which items a request allows; None: all."""
    if not wanted.is_filtered:
        return None
    allowed = np.ones(len(model.items.ids), np.bool_)
    if wanted.category is not None:
        allowed[:] = False
        if wanted.category in model.items.category_names:
            column = model.items.category_names.index(wanted.category)
            allowed = model.items.categories[:, [column]].toarray().ravel() > 0
    for item_id in wanted.excluded:
        if (place := model.items.positions.get(item_id)) is not None:
            allowed[place] = False
    return allowed


def to_entry(model: OnlineModel, listed: Listed) -> Entry:
    """A place of a list with ids in place of positions."""
    item, rank, score, (words, evidence), sources = listed
    ids = model.items.id_list
    return Entry(
        ids[item],
        rank,
        score,
        model.items.titles[item] or None,
        words,
        None if evidence is None else ids[evidence],
        sources,
    )


def item_entry(bundle: LoadedBundle, item_id: str) -> Entry | None:
    """An item that may be offered, without a score; None where the bundle does not know it."""
    model = bundle.model
    place = model.items.positions.get(item_id) if model else None
    if model and place is not None:
        title = model.items.titles[place] or None
        return (
            Entry(item_id, 1, None, title, "Chosen by the shop", None, ()) if model.items.is_available[place] else None
        )
    if item_id in bundle.lists.titles:
        return Entry(item_id, 1, None, bundle.lists.titles[item_id], "Chosen by the shop", None, ())
    return None


def _by_popularity(model: OnlineModel, items: Ints) -> list[Entry]:
    """For somebody of whom nothing is known."""
    wanted_now = model.items.features[items, model.items.feature_names.index("decayed_events_fast")]
    popularity = np.nan_to_num(wanted_now.astype(np.float64))
    order = np.lexsort((items, -popularity))
    reason = Reason("Popular now", None)
    return [
        to_entry(model, Listed(int(items[place]), rank, float(popularity[place]), reason, ("popular_decayed_fast",)))
        for rank, place in enumerate(order, start=1)
    ]


def _because_you_liked(bundle: LoadedBundle, view: View, wanted: Wanted) -> list[Entry]:
    """What is similar to the item that she liked last, of those that have similar ones."""
    own, ids = view.items, view.model.items.id_list
    for row in own.recent(len(own.item)):
        item_id = ids[own.item[row]]
        if own.is_liked[row] and item_id in bundle.lists.similar.rows:
            words = f"Because you liked {view.model.items.titles[own.item[row]] or item_id}"
            similar = [entry._replace(reason=words) for entry in bundle.lists.read_similar(item_id, 1000)]
            return _first(_allow(bundle, similar, wanted), wanted.length)
    return []


def _fill(model: OnlineModel, entries: list[Entry], wanted: Wanted, consumed: Collection[int]) -> list[Entry]:
    """The list, and below it what is popular: on `new_releases` of what is new."""
    allowed = allowed_items(model, wanted)
    there = {entry.item_id for entry in entries}
    lowest = min([0.0, *(entry.score or 0.0 for entry in entries)])
    reason = "New and popular" if wanted.surface == NEW_RELEASES else "Popular now"
    filled = list(entries)
    for item in model.popular_now:
        if len(filled) >= wanted.length:
            break
        item_id = model.items.id_list[item]
        is_allowed = (allowed is None or allowed[item]) and (wanted.surface != NEW_RELEASES or model.is_new[item])
        if is_allowed and int(item) not in consumed and item_id not in there:
            listed = Listed(
                int(item), len(filled) + 1, lowest - 1 - len(filled), Reason(reason, None), (model.state.fallback,)
            )
            filled.append(to_entry(model, listed))
    return filled


def _allow(bundle: LoadedBundle, entries: list[Entry], wanted: Wanted) -> list[Entry]:
    if not wanted.is_filtered:
        return entries
    model = bundle.model
    allowed = None if model is None else allowed_items(model, wanted)

    def is_allowed(item_id: str) -> bool:
        if item_id in wanted.excluded:
            return False
        if allowed is None or model is None:
            return wanted.category is None
        place = model.items.positions.get(item_id)
        return wanted.category is None if place is None else bool(allowed[place])

    return [entry for entry in entries if is_allowed(entry.item_id)]


def _first(entries: list[Entry], length: int) -> list[Entry]:
    return [entry.at(rank) for rank, entry in enumerate(entries[:length], start=1)]
