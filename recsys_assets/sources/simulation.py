"""A shop made by a seed, day by day: people with tastes that are known, so that lists can be held against them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys_assets.files import replace_file

CATEGORIES: Final = ("shoes", "bags", "coats", "hats", "books", "games")
N_MAKERS: Final = 11
FAVOURITE_SHARE: Final = 0.7  # of what a user looks at is of the favourite category, the rest is what anybody wants
EVENTS_PER_ACTIVE_DAY: Final = 4.0
ACTIVE_SHARE: Final = 0.25  # of the users come on a day
EVENT_TYPES: Final = {"view": 0.55, "cart": 0.15, "purchase": 0.3}


@dataclass(frozen=True)
class SimulatedShop:
    """The same seed gives the same people, items and days, whichever days are asked for and in whatever order.

    Attributes:
        seed: of everything that is drawn.
        n_users: how many people come.
        n_items: how many items there are; item i is of category i modulo their number.
        first_day: the first day of traffic.
        taste_changes_on: from this day on the favourite of those who change is the next category.
        changing_share: of the users, drawn by the seed, change; the others never do.
    """

    seed: int
    n_users: int
    n_items: int
    first_day: date
    taste_changes_on: date | None = None
    changing_share: float = 1.0

    def items(self) -> pl.DataFrame:
        """`item_id`, `title`, `categories`, `creators`, `price`."""
        numbers = range(self.n_items)
        prices = np.random.default_rng([self.seed, 1]).uniform(5, 200, self.n_items)
        return pl.DataFrame(
            {
                "item_id": [f"item{item:05}" for item in numbers],
                "title": [f"{CATEGORIES[item % len(CATEGORIES)]} no. {item}" for item in numbers],
                "categories": [CATEGORIES[item % len(CATEGORIES)] for item in numbers],
                "creators": [f"maker {item % N_MAKERS}" for item in numbers],
                "price": np.round(prices, 2),
            }
        )

    def users(self, day: date) -> pl.DataFrame:
        """`user_id` and, as an attribute, `favourite_category` on that day."""
        favourites = self._favourites(day)
        return pl.DataFrame(
            {
                "user_id": [f"user{user:05}" for user in range(self.n_users)],
                "favourite_category": [CATEGORIES[favourite] for favourite in favourites],
            }
        )

    def events(self, day: date) -> pl.DataFrame:
        """What happened on a day: `event_id`, `user_id`, `item_id`, `ts` (UTC), `event_type`, in order of time."""
        generator = np.random.default_rng([self.seed, 3, day.toordinal()])
        popularity = np.random.default_rng([self.seed, 2]).gamma(0.7, 1.0, self.n_items) + 0.05
        favourites = self._favourites(day)
        is_active = generator.random(self.n_users) < ACTIVE_SHARE
        n_events = np.where(is_active, 1 + generator.poisson(EVENTS_PER_ACTIVE_DAY - 1, self.n_users), 0)
        users = np.repeat(np.arange(self.n_users), n_events)
        category = np.arange(self.n_items) % len(CATEGORIES)
        items = np.empty(len(users), np.int64)
        is_of_favourite = generator.random(len(users)) < FAVOURITE_SHARE
        for favourite in range(len(CATEGORIES)):
            drawn = is_of_favourite & (favourites[users] == favourite)
            weights = popularity * (category == favourite)
            items[drawn] = generator.choice(self.n_items, drawn.sum(), p=weights / weights.sum())
        others = ~is_of_favourite
        items[others] = generator.choice(self.n_items, others.sum(), p=popularity / popularity.sum())
        midnight = datetime.combine(day, time())
        return (
            pl.DataFrame(
                {
                    "user_id": [f"user{user:05}" for user in users],
                    "item_id": [f"item{item:05}" for item in items],
                    "ts": [
                        midnight + timedelta(seconds=int(second)) for second in generator.integers(0, 86400, len(users))
                    ],
                    "event_type": generator.choice(list(EVENT_TYPES), len(users), p=list(EVENT_TYPES.values())),
                },
                schema_overrides={"ts": pl.Datetime("us")},
            )
            .sort("ts", "user_id", "item_id")
            .with_row_index("number")
            .select(pl.format("{}-{}", pl.lit(day.isoformat()), "number").alias("event_id"), pl.exclude("number"))
        )

    def _favourites(self, day: date) -> NDArray[np.int64]:
        """Each user's favourite category on a day, as its position in CATEGORIES."""
        favourites = np.random.default_rng([self.seed, 0]).integers(0, len(CATEGORIES), self.n_users)
        if self.taste_changes_on is None or day < self.taste_changes_on:
            return favourites
        changes = np.random.default_rng([self.seed, 4]).random(self.n_users) < self.changing_share
        return (favourites + changes) % len(CATEGORIES)


def write_days(shop: SimulatedShop, folder: Path, n_days: int) -> Iterator[tuple[date, int]]:
    """Write the catalogue and then the days, each file whole from the moment it has its name.

    The users are written on the first day and on the one when tastes change, the events of each day as
    `events/<day>.csv`. A day that is written again has the same bytes, so who was interrupted may begin anew.

    Yields:
        each day with the number of its events, once its files are there.
    """
    _write(folder / "items" / "items.csv", shop.items())
    for number in range(n_days):
        day = shop.first_day + timedelta(days=number)
        if number == 0 or day == shop.taste_changes_on:
            _write(folder / "users" / f"users-{day}.csv", shop.users(day))
        events = shop.events(day)
        _write(folder / "events" / f"events-{day}.csv", events)
        yield day, len(events)


def _write(path: Path, table: pl.DataFrame) -> None:
    replace_file(path, table.write_csv().encode())
