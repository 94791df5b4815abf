"""The peers: what a user would pick instead, each as its library offers it, with the settings it is tuned over.

They run in an environment of their own (`peers.lock`), a process each. A peer learns in `fit`, and `recommend` gives
users x 10 item numbers, best first, -1 for none, without the items in the user's history.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.interactions import Interactions
from benchmarks.score import K

USERS_AT_ONCE = 512
THREADS = 2
NOTHING = -1e30  # implicit's score of what fills up a list lies below


class Peer(Protocol):
    """A recommender that can be asked after it has learnt."""

    def fit(self, data: Interactions) -> None:
        """Learn from all the events."""

    def recommend(self, data: Interactions, users: NDArray[np.int64]) -> NDArray[np.int64]:
        """The top 10 of each user."""


class Popularity:
    """The items that most users have."""

    def fit(self, data: Interactions) -> None:
        """Count users per item."""
        self.scores = np.asarray(data.seen.sum(axis=0)).ravel()

    def recommend(self, data: Interactions, users: NDArray[np.int64]) -> NDArray[np.int64]:
        """The same order for all, without what the user has."""
        return rank_unseen(lambda part: np.tile(self.scores, (len(part), 1)), data, users)


class PopularityDecayed(Popularity):
    """The items with most events, where an event counts half as much each `half_life_days` later."""

    def __init__(self, half_life_days: float) -> None:
        self.half_life_days = half_life_days

    def fit(self, data: Interactions) -> None:
        """Sum the decayed events per item."""
        weights = 0.5 ** (data.ages / self.half_life_days)
        self.scores = np.bincount(data.items, weights=weights, minlength=len(data.item_ids))


class Implicit:
    """A model of the library implicit."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, data: Interactions) -> None:
        """Fit on the matrix of users and items."""
        self.model.fit(data.seen, show_progress=False)

    def recommend(self, data: Interactions, users: NDArray[np.int64]) -> NDArray[np.int64]:
        """The library's own top 10; where hardly more items are left it fills up with what the user has."""
        seen = data.seen[users]
        items, scores = self.model.recommend(users, seen, N=K, filter_already_liked_items=True)
        has = np.zeros(items.shape, dtype=bool)
        for place in range(items.shape[1]):
            has[:, place] = np.asarray(seen[np.arange(len(users)), np.maximum(items[:, place], 0)]).ravel() > 0
        return np.where((scores > NOTHING) & ~has, items, -1).astype(np.int64)


class RecTools:
    """A model of the library RecTools."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, data: Interactions) -> None:
        """Fit on the last event of each user and item."""
        import pandas as pd
        from rectools.dataset import Dataset

        last = data.last_events
        events = {"user_id": data.users[last], "item_id": data.items[last], "weight": 1.0, "datetime": data.times[last]}
        self.dataset = Dataset.construct(pd.DataFrame(events))
        self.model.fit(self.dataset)

    def recommend(self, data: Interactions, users: NDArray[np.int64]) -> NDArray[np.int64]:
        """The library's own top 10."""
        table = self.model.recommend(
            users=users, dataset=self.dataset, k=K, filter_viewed=True, on_unsupported_targets="ignore"
        )
        row_of = np.full(len(data.user_ids), -1)
        row_of[users] = np.arange(len(users))
        items = np.full((len(users), K), -1, dtype=np.int64)
        items[row_of[table["user_id"].to_numpy()], table["rank"].to_numpy() - 1] = table["item_id"].to_numpy()
        return items


def make_bm25(K: int, K1: float, B: float) -> Peer:  # noqa: N803 - the library's names
    """Item-item neighbours by BM25."""
    from implicit.nearest_neighbours import BM25Recommender

    return Implicit(BM25Recommender(K=K, K1=K1, B=B, num_threads=THREADS))


def make_als(factors: int, alpha: float, regularization: float) -> Peer:
    """Matrix factorization for implicit feedback by alternating least squares."""
    from implicit.als import AlternatingLeastSquares

    settings = {"factors": factors, "alpha": alpha, "regularization": regularization, "iterations": 15}
    return Implicit(AlternatingLeastSquares(**settings, num_threads=THREADS, random_state=0, use_gpu=False))


def make_ease(regularization: float) -> Peer:
    """The linear autoencoder EASE."""
    from rectools.models import EASEModel

    return RecTools(EASEModel(regularization=regularization, recommend_n_threads=THREADS))


def make_puresvd(factors: int) -> Peer:
    """A truncated SVD of the matrix of users and items."""
    from rectools.models import PureSVDModel

    return RecTools(PureSVDModel(factors=factors))


def make_two_stage(**settings: Any) -> Peer:
    """Candidates of several models, ranked by LightGBM."""
    from benchmarks.two_stage import TwoStage

    return TwoStage(**settings)


# name: how to make it, and the values of each setting that are tried
PEERS: dict[str, tuple[Callable[..., Peer], dict[str, list[Any]]]] = {
    "popularity": (Popularity, {}),
    "popularity_decayed": (PopularityDecayed, {"half_life_days": [1, 3, 7, 14, 30, 90, 365]}),
    "implicit_bm25": (make_bm25, {"K": [20, 100, 300], "K1": [0.5, 1.2], "B": [0.2, 0.75]}),
    "implicit_als": (
        make_als,
        {"factors": [32, 64, 128], "alpha": [1, 5, 20], "regularization": [0.1, 3, 10, 30]},
    ),
    "rectools_ease": (make_ease, {"regularization": [100, 300, 1000, 3000, 10000]}),
    "rectools_puresvd": (make_puresvd, {"factors": [16, 32, 64, 128]}),
    "rectools_two_stage": (
        make_two_stage,
        {
            "n_negatives": [30],
            "n_candidates": [100],
            "ease": [False, True],
            "features": [True, False],
            "popular_days": [0, 14],
        },
    ),
}


def rank_unseen(
    score: Callable[[NDArray[np.int64]], NDArray[Any]], data: Interactions, users: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The 10 items with the best scores of each user, without those in her history.

    Args:
        score: gives users x items for a part of the users.
        data: whose `seen` is left out.
        users: whom for.

    Returns:
        Users x 10 item numbers, best first; -1 where fewer items are left.
    """
    k = min(K, len(data.item_ids))
    best = np.full((len(users), K), -1, dtype=np.int64)
    for start in range(0, len(users), USERS_AT_ONCE):
        part = users[start : start + USERS_AT_ONCE]
        scores = np.array(score(part), dtype=np.float32)
        seen = data.seen[part]
        scores[np.repeat(np.arange(len(part)), np.diff(seen.indptr)), seen.indices] = -np.inf
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, top, 1), axis=1, kind="stable")
        top = np.take_along_axis(top, order, 1)
        best[start : start + len(part), :k] = np.where(np.isfinite(np.take_along_axis(scores, top, 1)), top, -1)
    return best
