"""The ranker's features of one user and some items: those of `features.*` and of `build_ranking_frame`, from memory."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recsys_assets.candidates.history import FloatArray, History
from recsys_assets.candidates.popular import shares_of_one
from recsys_assets.candidates.spread import entries_of, links_between
from recsys_assets.online.candidates import Opinions
from recsys_assets.online.events import RATING, Floats, Ints, UserEvents, microseconds
from recsys_assets.online.model import Items, OnlineModel
from recsys_assets.online.user_items import UserItems

DAY = 86_400_000_000  # microseconds
PRIOR_RATINGS = 10  # as in features.user_features
TOP = 20  # as in build_ranking_frame
DECAY = 0.9  # as in features.user_item_features


@dataclass(frozen=True)
class User:
    """One user as the features see her.

    Attributes:
        events: all of hers.
        items: what she had to do with.
        as_of: now, in microseconds.
        category_shares: one value a category: how her taste is spread.
        creator_shares: one value a creator.
        price_mean: of her items; NaN where no price is known.
    """

    events: UserEvents
    items: UserItems
    as_of: int
    category_shares: Floats
    creator_shares: Floats
    price_mean: float


def describe_user(model: OnlineModel, events: UserEvents, own: UserItems, history: History) -> User:
    """What the features need of a user.

    Args:
        model: the bundle's.
        events: hers, at least one.
        own: her items.
        history: her own history.
    """
    last = int(events.occurred_at[-1])
    as_of = last if model.state.split == "leave_last" else max(microseconds(model.state.as_of), last)
    prices = _known(model.items.price[own.item])
    return User(
        events=events,
        items=own,
        as_of=as_of,
        category_shares=shares_of_one(history, model.items.divided_categories),
        creator_shares=shares_of_one(history, model.items.divided_creators),
        price_mean=float(prices.mean()) if len(prices) else np.nan,
    )


def user_features(user: User, items: Items, rating_mean: float | None) -> dict[str, float]:
    """The numeric columns of `features.user_features`; NaN for NULL."""
    events, n_events = user.events, len(user.events)
    age = (user.as_of - events.occurred_at) / DAY
    n_active_days = len(np.unique(events.occurred_at // DAY))
    ratings = _known(events.value[events.event_type == RATING])
    prices = _known(items.price[user.items.item])
    popularity = items.popularity_percentile[user.items.item]
    categories, creators = (shares[shares > 0] for shares in (user.category_shares, user.creator_shares))
    return {
        "n_events": n_events,
        "n_items": len(user.items.item),
        "n_liked": float(events.is_liked.sum()),
        "n_disliked": float(events.is_disliked.sum()),
        "liked_share": float(events.is_liked.sum()) / n_events,
        "days_since_last_event": float(age.min()),
        "days_since_first_event": float(age.max()),
        **{f"events_last_{days}_days": float((age <= days).sum()) for days in (7, 30, 90)},
        "active_days": n_active_days,
        "events_per_active_day": n_events / n_active_days,
        "repeat_share": (n_events - len(user.items.item)) / n_events,
        "n_categories": len(categories),
        "category_entropy": -float(np.sum(categories * np.log(categories))) if len(categories) else np.nan,
        "top_category_share": _largest(categories),
        "n_creators": len(creators),
        "top_creator_share": _largest(creators),
        "mean_rating_value": np.nan
        if rating_mean is None
        else (float(ratings.sum()) + PRIOR_RATINGS * rating_mean) / (len(ratings) + PRIOR_RATINGS),
        "rating_stddev": _deviation(ratings),
        "price_mean": user.price_mean,
        "price_min": float(prices.min()) if len(prices) else np.nan,
        "price_max": _largest(prices),
        "mean_item_popularity": float(popularity.mean()) if len(popularity) else np.nan,
    }


def pair_features(model: OnlineModel, user: User, candidates: Ints) -> dict[str, Floats]:
    """The numeric columns of `features.user_item_features`, one value a candidate; NaN for NULL."""
    items, own = model.items, user.items
    place = np.minimum(np.searchsorted(own.item, candidates), max(len(own.item) - 1, 0))
    is_seen = own.item[place] == candidates if len(own.item) else np.zeros(len(candidates), bool)
    times_seen, days_since_seen = np.zeros(len(candidates)), np.full(len(candidates), np.nan)
    times_seen[is_seen] = own.n_events[place[is_seen]]
    days_since_seen[is_seen] = (user.as_of - own.last_at[place[is_seen]]) / DAY
    price = items.price[candidates]
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = np.abs(np.log(price) - np.log(user.price_mean))
    return {
        "category_affinity": _affinity(items.categories, user.category_shares, candidates),
        "creator_affinity": _affinity(items.creators, user.creator_shares, candidates),
        "price_distance": np.where((price > 0) & (user.price_mean > 0), distance, np.nan),
        "times_seen": times_seen,
        "days_since_seen": days_since_seen,
        **_similarities(model, own, candidates),
    }


def _similarities(model: OnlineModel, own: UserItems, candidates: Ints) -> dict[str, Floats]:
    recent = own.recent(model.state.history_events)
    scores, n_links = links_between(model.covisited, own.item[recent], candidates)
    decay = DECAY ** np.arange(len(recent))
    return {
        "similarity_max": scores.max(axis=0, initial=0.0),
        "similarity_sum": scores.sum(axis=0),
        "similarity_last": scores[0] if len(recent) else np.zeros(len(candidates)),
        "similarity_decayed": decay @ scores,
        "similarity_liked_sum": scores[own.is_liked[recent]].sum(axis=0),
        "n_similar_items": n_links.astype(np.float64),  # a score can be zero: what is there counts
    }


def build_features(model: OnlineModel, user: User, opinions: Opinions, items: Ints) -> FloatArray:
    """Items x the ranker's features, as `build_ranking_frame` makes them, float32."""
    plan = model.feature_plan
    matrix = np.empty((len(items), plan.n_features), np.float32)
    scores, ranks = opinions.scores[:, items], opinions.ranks[:, items]
    is_listed = ranks > 0
    matrix[:, plan.shares] = (scores / np.maximum(opinions.highest, np.float32(1e-9))[:, None]).T
    matrix[:, plan.values] = scores.T
    matrix[:, plan.ranks] = np.log(np.where(is_listed, ranks, 2 * model.state.longest_list)).T
    matrix[:, plan.items] = model.items.features[items][:, plan.item_columns]
    of_user = user_features(user, model.items, model.state.rating_mean)
    matrix[:, plan.users] = [of_user[name] for name in plan.user_names]
    of_pair = pair_features(model, user, items)
    of_pair |= {
        # of an item that no source offers, a consumed one say, which is ranked since it was asked for: a sum of nothing
        "fused_score": np.where(np.isfinite(opinions.fused[items]), opinions.fused[items], 0),
        "n_sources": is_listed.sum(axis=0),
        "n_sources_top_20": (is_listed & (ranks <= TOP)).sum(axis=0),
    }
    for column, name in plan.others:
        matrix[:, column] = of_pair[name]
    return matrix


def _affinity(of_items: sparse.csr_matrix, shares: Floats, candidates: Ints) -> Floats:
    if of_items.nnz == 0:
        return np.zeros(len(candidates))
    entries = entries_of(of_items, candidates)
    shared = np.bincount(entries.row, weights=shares[entries.columns], minlength=len(candidates))
    return np.asarray(shared, np.float64)


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]


def _largest(values: Floats) -> float:
    return float(values.max()) if len(values) else np.nan


def _deviation(values: Floats) -> float:
    if len(values) < 2:
        return np.nan
    return float(np.sqrt(max(0.0, (values * values).sum() / len(values) - values.mean() ** 2)))
