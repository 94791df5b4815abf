"""What a bundle holds for scoring without a warehouse: `online/`, beside the fitted sources and the ranker."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb
import polars as pl
from pydantic import BaseModel, ConfigDict

from recsys_assets.candidates.taught import read_live_weights
from recsys_assets.candidates.write import choose_list_length
from recsys_assets.config import Config
from recsys_assets.schema import LIVE_CUTOFF
from recsys_assets.settings import EventTypeConfig, RerankConfig
from recsys_assets.warehouse import has_table

ONLINE_FOLDER: Final = "online"
STATE_FILE: Final = "state.json"
DEFAULT_EVENT_TYPE: Final = "default"
# file -> its rows; each is sorted, so that one user's rows, and one item's, lie together
FRAMES: Final = {
    "events": f"""
        SELECT history.* EXCLUDE (cutoff, event_key, session_id, recency_rank, event_age, as_of), raw.event_id
        FROM intermediate.int_history AS history
        LEFT JOIN (SELECT md5(file_id || ':' || line) AS event_key, event_id FROM raw.events WHERE event_id IS NOT NULL)
            AS raw USING (event_key)
        WHERE history.cutoff = '{LIVE_CUTOFF}' ORDER BY user_id, event_number""",
    "pairs": f"""
        SELECT * EXCLUDE (cutoff) FROM intermediate.int_user_items
        WHERE cutoff = '{LIVE_CUTOFF}' ORDER BY user_id, item_id""",
    "covisited": f"""
        SELECT item_id, neighbour_item_id, score FROM candidates.covisited_items
        WHERE cutoff = '{LIVE_CUTOFF}' ORDER BY item_id, neighbour_item_id""",
    "items": "SELECT * EXCLUDE (description) FROM staging.stg_raw__items ORDER BY item_id",
}


class State(BaseModel):
    """`state.json`: settings and numbers of the live cutoff.

    Attributes:
        as_of: the newest event's time, naive UTC.
        split: `temporal`, or `leave_last`, where a user's time is that of her own last event.
        event_types: as configured; `default` is that of types that are not named.
        rating_top: of the scale that ratings seem to have: 5 or 10.
        rating_mean: of all ratings; None where there are none.
        liked_share: of the scale's top from which a rating is liked, and
        disliked_share: up to which it is not.
        history_events: how many of a user's last items the features of a pair look at.
        sources: the candidate sources, in order, each with the fusion's weights.
        list_length: how many items a source lists, and
        longest_list: how many are configured.
        per_user: candidates a user.
        method: what lists are made with, and
        fallback: the popularity that fills them.
        rerank: how lists are put together, and
        title_weight: of title words in items' descriptions, for their diversity.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: datetime
    split: str
    event_types: dict[str, EventTypeConfig]
    rating_top: float
    rating_mean: float | None
    liked_share: float
    disliked_share: float
    history_events: int
    sources: dict[str, tuple[float, ...]]
    list_length: int
    longest_list: int
    per_user: int
    method: str
    fallback: str
    rerank: RerankConfig
    title_weight: float

    def rules_of(self, event_type: str) -> EventTypeConfig:
        """What an event of this type counts."""
        return self.event_types.get(event_type, self.event_types[DEFAULT_EVENT_TYPE])


@dataclass(frozen=True)
class Snapshot:
    """`online/`, read.

    Attributes:
        state: settings and numbers.
        events: one row an event of the live history, sorted by user and time.
        pairs: one row a user and item, as in `intermediate.int_user_items`.
        covisited: item, where people moved on to from it, and how much.
        items: what is known of every item.
    """

    state: State
    events: pl.DataFrame
    pairs: pl.DataFrame
    covisited: pl.DataFrame
    items: pl.DataFrame


def write_snapshot(connection: duckdb.DuckDBPyConnection, config: Config, method: str, bundle: Path) -> None:
    """Write `online/` into a bundle's folder; nothing where the warehouse has no live history to score from."""
    if not has_table(connection, "intermediate.int_history"):
        return
    folder = bundle / ONLINE_FOLDER
    folder.mkdir()
    for name, query in FRAMES.items():
        path = str(folder / f"{name}.parquet").replace("'", "''")
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    (folder / STATE_FILE).write_text(_describe(connection, config, method).model_dump_json(indent=1), "utf-8")


def read_snapshot(bundle: Path) -> Snapshot | None:
    """What `write_snapshot` wrote; None if it wrote nothing."""
    folder = bundle / ONLINE_FOLDER
    if not folder.is_dir():
        return None
    state = State.model_validate_json((folder / STATE_FILE).read_text("utf-8"))
    return Snapshot(state, **{name: pl.read_parquet(folder / f"{name}.parquet") for name in FRAMES})


def _describe(connection: duckdb.DuckDBPyConnection, config: Config, method: str) -> State:
    ((as_of, split),) = connection.execute(
        f"SELECT as_of, split FROM intermediate.int_cutoffs WHERE cutoff = '{LIVE_CUTOFF}'"
    ).fetchall()
    ((highest, mean),) = connection.execute(
        f"""SELECT max(value), cast(sum(cast(value AS decimal(38, 12))) AS double) / nullif(count(value), 0)
            FROM intermediate.int_history WHERE cutoff = '{LIVE_CUTOFF}' AND event_type = 'rating'"""
    ).fetchall()
    ((fallback,),) = connection.execute("SELECT fallback FROM evaluation.method_choice").fetchall()
    candidates = config.candidates
    return State(
        as_of=as_of,
        split=split,
        event_types=config.event_types,
        rating_top=10 if highest is not None and highest > 5 else 5,
        rating_mean=mean,
        liked_share=config.ratings.liked_share,
        disliked_share=config.ratings.disliked_share,
        history_events=config.features.history_events,
        sources=read_live_weights(connection, list(candidates.sources)).weights,
        list_length=choose_list_length(connection, config),
        longest_list=candidates.per_source,
        per_user=candidates.per_user,
        method=method,
        fallback=fallback,
        rerank=config.rerank,
        title_weight=candidates.content.title_weight,
    )
