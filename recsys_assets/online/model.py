"""A bundle's models in memory, ready to score one user at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from recsys_assets.candidates.fusion import Fusion
from recsys_assets.candidates.generate import Scorer
from recsys_assets.candidates.history import FloatArray, History, build_history
from recsys_assets.candidates.popular import divide_among_names
from recsys_assets.candidates.registry import load_source
from recsys_assets.online.events import UNKNOWN_ITEM, Bools, Floats, Ints, UserEvents, read_events
from recsys_assets.publishing.manifest import DATABASE_FILE, MODEL_FOLDER, MODELS_FOLDER
from recsys_assets.publishing.snapshot import State, read_snapshot
from recsys_assets.ranking.ranker import Ranker, load_ranker
from recsys_assets.ranking.rerank import ItemDescriptions
from recsys_assets.ranking.surfaces import describe_for_rerank
from recsys_assets.schema import LIVE_CUTOFF, RANKER


@dataclass(frozen=True)
class Items:
    """The items of the live history, sorted by id; an item's place is its position everywhere.

    Attributes:
        ids: their ids.
        titles: empty where unknown.
        categories: items x categories, 1 where the item has it; `category_names` are theirs.
        creators: items x creators, likewise.
        price: NaN where unknown.
        is_available: whether an item may be recommended.
        features: items x item features, NaN where unknown.
        feature_names: of the columns, without `item_`.
    """

    ids: NDArray[np.str_]
    titles: list[str]
    categories: sparse.csr_matrix
    category_names: list[str]
    creators: sparse.csr_matrix
    creator_names: list[str]
    price: Floats
    is_available: Bools
    features: FloatArray
    feature_names: tuple[str, ...]

    @cached_property
    def id_list(self) -> list[str]:
        """The ids as Python's texts: to make one of numpy's takes longer than all else of a list's place."""
        texts: list[str] = self.ids.tolist()
        return texts

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Id -> position."""
        return {item_id: place for place, item_id in enumerate(self.id_list)}

    def has_category(self, item_id: str, category: str) -> bool:
        """Whether an item is of a category."""
        place = self.positions.get(item_id)
        if place is None:
            return False
        own = self.categories.indices[self.categories.indptr[place] : self.categories.indptr[place + 1]]
        return any(self.category_names[name] == category for name in own)

    @cached_property
    def unavailable(self) -> Ints:
        """Positions of those that may not be recommended."""
        return np.flatnonzero(~self.is_available)

    @cached_property
    def divided_categories(self) -> sparse.csr_matrix:
        """As `divide_among_names` makes them."""
        return divide_among_names(self.categories)

    @cached_property
    def divided_creators(self) -> sparse.csr_matrix:
        """Likewise."""
        return divide_among_names(self.creators)

    @cached_property
    def popularity_percentile(self) -> Floats:
        """Of each item."""
        return self.features[:, self.feature_names.index("popularity_percentile")].astype(np.float64)


@dataclass(frozen=True)
class FeaturePlan:
    """Where each kind of feature goes in the ranker's matrix.

    Attributes:
        n_features: columns.
        shares: columns of the sources' scores as shares of the user's highest, in the order of the sources; likewise
        values: as they are, and
        ranks: by rank.
        items: columns of features of the item, which are the columns `item_columns` of the items' own.
        users: columns of features of the user, by `user_names`.
        others: (column, name) of features of both.
    """

    n_features: int
    shares: list[int]
    values: list[int]
    ranks: list[int]
    items: list[int]
    item_columns: list[int]
    users: list[int]
    user_names: list[str]
    others: list[tuple[int, str]]


def plan_features(names: Sequence[str], sources: Sequence[str], item_names: Sequence[str]) -> FeaturePlan:
    """The plan for a ranker with features of these names."""
    place = {name: column for column, name in enumerate(names)}
    shares, values, ranks = ([place[f"{kind}_{source}"] for source in sources] for kind in ("score", "value", "rank"))
    of_items = [(column, name[5:]) for name, column in place.items() if name.startswith("item_")]
    of_users = [(column, name[5:]) for name, column in place.items() if name.startswith("user_")]
    taken = {*shares, *values, *ranks, *(column for column, _ in [*of_items, *of_users])}
    return FeaturePlan(
        n_features=len(names),
        shares=shares,
        values=values,
        ranks=ranks,
        items=[column for column, _ in of_items],
        item_columns=[item_names.index(name) for _, name in of_items],
        users=[column for column, _ in of_users],
        user_names=[name for _, name in of_users],
        others=[(column, name.removeprefix("pair_")) for name, column in place.items() if column not in taken],
    )


@dataclass(frozen=True)
class OnlineModel:
    """Everything that scores a user.

    Attributes:
        state: settings and numbers of the live cutoff.
        items: what is known of the items.
        events: of all users, user after user.
        rows_of: user -> the rows of hers.
        event_ids: of those that have one.
        scorers: candidate source -> its scorer.
        covisited: items x items: where people moved on to.
        descriptions: of the items, for diversity and caps in lists.
        ranker: None where the lists are made without one.
    """

    state: State
    items: Items
    events: UserEvents
    rows_of: Mapping[str, slice]
    event_ids: frozenset[str]
    scorers: Mapping[str, Scorer]
    covisited: sparse.csr_matrix
    descriptions: ItemDescriptions
    ranker: Ranker | None

    @cached_property
    def is_new(self) -> Bools:
        """Items of `new_releases`."""
        names = self.items.feature_names
        released, first_seen = (
            self.items.features[:, names.index(name)] for name in ("days_since_release", "days_since_first_event")
        )
        days = np.where(np.isnan(released), first_seen, released)
        return np.asarray(days <= self.state.rerank.new_release_days)

    @cached_property
    def popular_now(self) -> Ints:
        """Positions of the available items, by the popularity that fills lists, the most popular first."""
        column = {
            "popular": "n_users",
            "popular_decayed_slow": "decayed_events_slow",
            "popular_decayed_fast": "decayed_events_fast",
        }[self.state.fallback]
        popularity = np.nan_to_num(self.items.features[:, self.items.feature_names.index(column)], nan=-1.0)
        order = np.lexsort((np.arange(len(popularity)), -popularity))
        return np.asarray(order[self.items.is_available[order]], np.int64)

    @cached_property
    def feature_plan(self) -> FeaturePlan:
        """For the ranker, which must be there."""
        assert self.ranker
        return plan_features(self.ranker.feature_names, list(self.scorers), self.items.feature_names)

    @property
    def fusion(self) -> Fusion:
        """How the sources are weighed."""
        return Fusion(self.state.sources)

    def events_of(self, user_id: str) -> UserEvents:
        """A user's events in the bundle; none for somebody new."""
        return self.events.take(self.rows_of.get(user_id, slice(0, 0)))


def load_online_model(bundle: Path) -> OnlineModel | None:
    """Read a bundle's models; None where the bundle holds nothing to score from."""
    snapshot = read_snapshot(bundle)
    if snapshot is None or len(snapshot.pairs) == 0:
        return None
    users = snapshot.pairs["user_id"].unique().sort()
    known = build_history(LIVE_CUTOFF, snapshot.pairs, users)
    ids = pl.Series(known.item_ids, dtype=pl.String)
    items = _read_items(bundle, known, snapshot.items)
    stretches = snapshot.events["user_id"].rle().struct  # sorted by user
    ends = stretches.field("len").cum_sum().to_list()
    starts = [0, *ends[:-1]] if ends else []
    scorers = {source: load_source(bundle / MODELS_FOLDER / source, known) for source in snapshot.state.sources}
    return OnlineModel(
        state=snapshot.state,
        items=items,
        events=read_events(snapshot.events, _find(ids, snapshot.events["item_id"])),
        rows_of={
            user: slice(start, end) for user, start, end in zip(stretches.field("value"), starts, ends, strict=True)
        },
        event_ids=frozenset(snapshot.events["event_id"].drop_nulls()),
        scorers=scorers,
        covisited=_read_covisited(snapshot.covisited, ids),
        descriptions=describe_for_rerank(snapshot.items, ids, snapshot.state.title_weight),
        ranker=load_ranker(bundle / MODEL_FOLDER) if snapshot.state.method == RANKER else None,
    )


def _find(ids: pl.Series, wanted: pl.Series) -> Ints:
    """Where each of `wanted` is among `ids`; UNKNOWN_ITEM where it is not."""
    places = wanted.cast(pl.Enum(ids), strict=False).to_physical().cast(pl.Int64)
    return np.asarray(places.fill_null(UNKNOWN_ITEM).to_numpy(), np.int64)


def _read_covisited(pairs: pl.DataFrame, ids: pl.Series) -> sparse.csr_matrix:
    rows, columns = (_find(ids, pairs[name]) for name in ("item_id", "neighbour_item_id"))
    is_known = (rows >= 0) & (columns >= 0)
    values = pairs["score"].to_numpy()[is_known]
    return sparse.csr_matrix((values, (rows[is_known], columns[is_known])), shape=(len(ids), len(ids)))


def _read_items(bundle: Path, known: History, described: pl.DataFrame) -> Items:
    quoted = str(bundle / DATABASE_FILE).replace("'", "''")
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"ATTACH '{quoted}' AS bundle (READ_ONLY)")
        features = connection.sql("SELECT * FROM bundle.item_features").pl()
    ids = pl.DataFrame({"item_id": pl.Series(known.item_ids, dtype=pl.String)})
    features = ids.join(features, on="item_id", how="left", maintain_order="left")
    names = [name for name, kind in features.schema.items() if kind.is_numeric()]
    described = ids.join(described, on="item_id", how="left", maintain_order="left")
    categories, category_names = _indicate(described["categories"])
    creators, creator_names = _indicate(described["creators"])
    return Items(
        ids=known.item_ids,
        titles=described["title"].fill_null("").to_list(),
        categories=categories,
        category_names=category_names,
        creators=creators,
        creator_names=creator_names,
        price=described["price"].fill_null(np.nan).to_numpy(),
        is_available=described["available"].fill_null(True).to_numpy(),
        features=features.select(pl.col(names).cast(pl.Float32).fill_null(np.nan)).to_numpy(),
        feature_names=tuple(names),
    )


def _indicate(lists: pl.Series) -> tuple[sparse.csr_matrix, list[str]]:
    """Rows x names, 1 where the row's list has the name."""
    exploded = pl.DataFrame({"row": range(len(lists)), "name": lists.fill_null([])}).explode("name").drop_nulls()
    names = exploded["name"].unique().sort()
    columns = exploded["name"].replace_strict({name: place for place, name in enumerate(names)}, return_dtype=pl.Int64)
    ones = np.ones(len(exploded))
    shape = (len(lists), len(names))
    return sparse.csr_matrix((ones, (exploded["row"].to_numpy(), columns.to_numpy())), shape=shape), names.to_list()
