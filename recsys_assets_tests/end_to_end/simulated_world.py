"""A shop that is made by a seed: people with tastes, items with categories, so that a ranker has something to learn."""

from pathlib import Path

import numpy as np
import polars as pl

N_USERS, N_ITEMS, N_DAYS = 160, 90, 120
CATEGORIES = ("shoes", "bags", "coats", "hats", "books", "games")


def write_simulated_world(folder: Path, seed: int = 7) -> Path:
    """Write events.csv (about 4,500 events), items.csv and users.csv; returns the folder."""
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    category = np.arange(N_ITEMS) % len(CATEGORIES)
    popularity = generator.gamma(0.7, 1.0, N_ITEMS) + 0.05
    taste = generator.dirichlet(np.full(len(CATEGORIES), 0.25), N_USERS)
    rows = []
    for user in range(N_USERS):
        weights = popularity * (0.02 + taste[user][category])
        n_events = int(generator.integers(8, 50))
        days = np.sort(generator.uniform(0, N_DAYS, n_events))
        for day, item in zip(days, generator.choice(N_ITEMS, n_events, p=weights / weights.sum()), strict=True):
            kind = generator.choice(["view", "cart", "purchase"], p=[0.55, 0.15, 0.3])
            rows.append((f"user{user:03}", f"item{item:03}", day, kind))
            if kind == "purchase" and generator.random() < 0.05:
                rows.append((f"user{user:03}", f"item{item:03}", day + 0.5, "return"))
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "day", "event_type"], orient="row").with_columns(
        ts=pl.lit("2024-01-01").str.to_datetime() + pl.duration(seconds=(pl.col("day") * 86400).cast(pl.Int64))
    )
    events.drop("day").with_row_index("event_id").write_csv(folder / "events.csv")
    pl.DataFrame(
        {
            "item_id": [f"item{item:03}" for item in range(N_ITEMS)],
            "title": [f"{CATEGORIES[category[item]]} no. {item}" for item in range(N_ITEMS)],
            "categories": [CATEGORIES[category[item]] for item in range(N_ITEMS)],
            "creators": [f"maker {item % 11}" for item in range(N_ITEMS)],
            "price": np.round(generator.uniform(5, 200, N_ITEMS), 2),
            "available": ["false" if item == 3 else "true" for item in range(N_ITEMS)],
        }
    ).write_csv(folder / "items.csv")
    users = [f"user{user:03}" for user in range(N_USERS)] + ["newcomer"]
    pl.DataFrame({"user_id": users}).write_csv(folder / "users.csv")
    return folder
