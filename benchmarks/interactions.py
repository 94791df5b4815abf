"""What a peer learns from: the train events of a split, users and items as numbers."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Interactions:
    """Events in the order of time; whatever its rating, every event is an interaction.

    `users`, `items` and `times` (UTC) have an entry an event; `user_ids` and `item_ids` say which number is who, both
    sorted; `targets` are the users to recommend for; `leave_last` tells a leave-last-out split from a cut in time.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    times: NDArray[np.datetime64]
    user_ids: pl.Series
    item_ids: pl.Series
    targets: NDArray[np.int64]
    leave_last: bool

    @cached_property
    def seen(self) -> Any:
        """Users x items, float32 CSR: 1 where there is an event, however many."""
        shape = (len(self.user_ids), len(self.item_ids))
        matrix = sparse.csr_matrix((np.ones(len(self.users), np.float32), (self.users, self.items)), shape=shape)
        matrix.data[:] = 1
        return matrix

    @cached_property
    def ages(self) -> NDArray[np.float64]:
        """Days from each event to the last of all."""
        return np.asarray((self.times.max() - self.times) / DAY, dtype=np.float64)

    @cached_property
    def last_events(self) -> NDArray[np.int64]:
        """Positions of the last event of each user and item, in the order of time."""
        key = self.users * len(self.item_ids) + self.items
        _, from_the_end = np.unique(key[::-1], return_index=True)
        return np.sort(len(key) - 1 - from_the_end)


def read_interactions(split: Path) -> Interactions:
    """Read what a split shows to a system, and nothing that it hides."""
    events = pl.read_parquet(split / "seen" / "events.parquet", columns=["user_id", "item_id", "ts"])
    events = events.sort("ts", "user_id", "item_id")
    user_ids, item_ids = events["user_id"].unique().sort(), events["item_id"].unique().sort()
    return Interactions(
        users=_number(events["user_id"], user_ids),
        items=_number(events["item_id"], item_ids),
        times=events["ts"].to_numpy(),
        user_ids=user_ids,
        item_ids=item_ids,
        targets=_number(pl.read_parquet(split / "target_users.parquet")["user_id"], user_ids),
        leave_last=json.loads((split / "meta.json").read_text(encoding="utf-8"))["protocol"] != "global",
    )


def make_lists(data: Interactions, items: NDArray[np.int64]) -> pl.DataFrame:
    """Lists of ids from a targets x k array of item numbers, best first; -1 is no item.

    One row per user and item: user_id, item_id, rank.
    """
    target, place = np.nonzero(items >= 0)
    return pl.DataFrame(
        {
            "user_id": data.user_ids[data.targets[target]],
            "item_id": data.item_ids[items[target, place]],
            "rank": place + 1,
        }
    )


def _number(values: pl.Series, ids: pl.Series) -> NDArray[np.int64]:
    return ids.search_sorted(values).to_numpy().astype(np.int64)
