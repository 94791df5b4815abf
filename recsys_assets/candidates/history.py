"""What was visible at one cutoff, as the arrays that candidate generators learn from."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

Derived = TypeVar("Derived")
IntArray = NDArray[np.int32]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class History:
    """The distinct user-item pairs visible at one cutoff, with ids replaced by positions.

    Attributes:
        cutoff: its name.
        user_ids: sorted ids; a user's position in it is her row in every matrix. Likewise `item_ids` and columns.
        pairs: one value a (user, item) pair, sorted by both: positions `user` and `item`, `weight`, `is_liked`,
            `is_disliked`, `is_consumed`, `n_events`, `last_recency_rank` (1 = the user's last event), `last_event_age`
            (events of anybody since then).
        users_to_serve: positions of the users that need lists at this cutoff, ascending.
    """

    cutoff: str
    user_ids: NDArray[np.str_]
    item_ids: NDArray[np.str_]
    pairs: Mapping[str, NDArray[Any]]
    users_to_serve: IntArray
    _derived: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of users and items."""
        return len(self.user_ids), len(self.item_ids)

    @property
    def n_pairs(self) -> int:
        """How many pairs of a user and an item there are."""
        return len(self.pairs["item"])

    def matrix(self, values: NDArray[np.float64] | FloatArray) -> sparse.csr_matrix:
        """Users x items, float32, from one value a pair; zeros are dropped."""
        data = np.asarray(values, np.float32)
        kept = data != 0
        if self.shape[0] == 1:
            return make_row(data[kept], self.pairs["item"][kept], self.shape[1])
        counts = np.bincount(self.pairs["user"][kept], minlength=self.shape[0])
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        # pairs are sorted by user and item, as the rows of a matrix are
        return sparse.csr_matrix((data[kept], self.pairs["item"][kept], indptr), shape=self.shape)

    @cached_property
    def interactions(self) -> sparse.csr_matrix:
        """1 where the user had anything to do with the item that weighs: not what was taken back or disliked."""
        return self.matrix((self.pairs["weight"] > 0).astype(np.float32))

    @cached_property
    def liked(self) -> sparse.csr_matrix:
        """1 where the user liked the item."""
        return self.matrix(self.pairs["is_liked"].astype(np.float32))

    @cached_property
    def consumed(self) -> sparse.csr_matrix:
        """1 where the item must not be recommended to the user again."""
        return self.matrix(self.pairs["is_consumed"].astype(np.float32))

    def recent(self, half_life_events: float) -> sparse.csr_matrix:
        """Liked pairs (all pairs of a user who liked nothing), halved every `half_life_events` later events of hers."""

        def make() -> sparse.csr_matrix:
            decay = np.exp2(-(self.pairs["last_recency_rank"] - 1) / half_life_events)
            likes_something = np.diff(self.liked.indptr) > 0
            liked = self.pairs["is_liked"]
            weighs = self.pairs["weight"] > 0
            return self.matrix(decay * np.where(likes_something[self.pairs["user"]], liked, weighs))

        return self.derived(("recent", half_life_events), make)

    def derived(self, key: Hashable, make: Callable[[], Derived]) -> Derived:
        """What `make` gives, made once a history and key: sources score users in many blocks."""
        if key not in self._derived:
            self._derived[key] = make()
        made: Derived = self._derived[key]
        return made


def make_row(values: FloatArray, columns: IntArray, n_columns: int) -> sparse.csr_matrix:
    """A matrix of one row; `columns` ascend.

    Without the checks of scipy's constructor, which take longer than all else here: the service makes five a request.
    What is set is what the constructor sets, which a test holds it to.
    """
    row = sparse.csr_matrix.__new__(sparse.csr_matrix)
    row.data, row.indices, row.indptr = values, columns, np.array([0, len(values)], np.int32)
    row._shape, row.maxprint = (1, n_columns), 50
    return row


def read_history(connection: duckdb.DuckDBPyConnection, cutoff: str) -> History:
    """The history of one cutoff; lists are wanted for all its users at `live`, elsewhere for users with labels."""
    pairs = connection.sql(
        f"""
        SELECT user_id, item_id, weight, is_liked, is_disliked, is_consumed, n_events, last_recency_rank, last_event_age
        FROM intermediate.int_user_items WHERE cutoff = '{cutoff}' ORDER BY user_id, item_id
        """
    ).pl()
    wanted = "int_user_cutoffs" if cutoff == "live" else "int_labels"
    serve = connection.sql(
        f"SELECT DISTINCT user_id FROM intermediate.{wanted} WHERE cutoff = '{cutoff}' ORDER BY user_id"
    ).pl()
    return build_history(cutoff, pairs, serve["user_id"])


def build_history(
    cutoff: str, pairs: pl.DataFrame, users_to_serve: pl.Series, item_ids: pl.Series | None = None
) -> History:
    """Replace the ids of `pairs` (sorted by user_id, item_id) by positions; `item_ids`: of all items, sorted."""
    user_ids = pairs["user_id"].unique().sort()
    item_ids = pairs["item_id"].unique().sort() if item_ids is None else item_ids
    indexed = (
        pairs.with_columns(
            pairs["user_id"].cast(pl.Enum(user_ids)).to_physical().cast(pl.Int32).alias("user"),
            pairs["item_id"].cast(pl.Enum(item_ids)).to_physical().cast(pl.Int32).alias("item"),
        )
        .drop("user_id", "item_id")
        .sort("user", "item")
    )
    serve = user_ids.to_frame().with_row_index("user").filter(user_ids.is_in(users_to_serve.implode()))["user"]
    return History(
        cutoff=cutoff,
        user_ids=user_ids.to_numpy().astype(np.str_),
        item_ids=item_ids.to_numpy().astype(np.str_),
        pairs={column.name: column.to_numpy() for column in indexed},
        users_to_serve=serve.to_numpy().astype(np.int32),
    )


def read_relevant(connection: duckdb.DuckDBPyConnection, history: History) -> sparse.csr_matrix:
    """Users x items of a history, 1 where the item is relevant to the user after the cutoff; nowhere at `live`."""
    labels = connection.sql(
        f"""
        SELECT user_id, item_id FROM intermediate.int_labels
        WHERE cutoff = '{history.cutoff}' AND relevance_label > 0 ORDER BY ALL
        """
    ).pl()
    users, items = (
        labels.join(
            pl.DataFrame({name: pl.Series(ids, dtype=pl.String)}).with_row_index("place"),
            on=name,
            how="left",
            maintain_order="left",
        )["place"]
        for name, ids in (("user_id", history.user_ids), ("item_id", history.item_ids))
    )
    is_known = (users.is_not_null() & items.is_not_null()).to_numpy()
    rows, columns = (places.fill_null(0).to_numpy()[is_known] for places in (users, items))
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=history.shape)


def read_cutoffs(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The names of all cutoffs, oldest first; `live` is the last."""
    rows = connection.execute("SELECT cutoff FROM intermediate.int_cutoffs ORDER BY cutoff_number, cutoff").fetchall()
    return [row[0] for row in rows]


def read_roles(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Role (training, validation, test, live) -> the names of its cutoffs, oldest first."""
    rows = connection.execute("SELECT role, cutoff FROM intermediate.int_cutoffs ORDER BY cutoff_number").fetchall()
    roles: dict[str, list[str]] = {}
    for role, cutoff in rows:
        roles.setdefault(role, []).append(cutoff)
    return roles
