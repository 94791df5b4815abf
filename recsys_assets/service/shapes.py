"""What goes in and out over HTTP, as OpenAPI describes it."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(min_length=1, max_length=512)]


class ItemOut(BaseModel):
    """A place of a list.

    `propensity` is how likely the item was to be in the list: 1 but for places left to chance.
    """

    item_id: str
    rank: int
    score: float | None
    title: str | None
    reason: str
    evidence_item_id: str | None
    sources: list[str]
    propensity: float
    contributions: list[dict[str, Any]] | None = None


class ListOut(BaseModel):
    """A list. `fallback` says why it is not the one that was asked for; null: it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "list_id": "0f8f6c1e7d5b4c0f9a8e6a3b5c2d1e4f",
                "user_id": "42",
                "surface": "for_you",
                "build_id": "20261126T163000Z-3f9a1c",
                "fallback": None,
                "items": [
                    {
                        "item_id": "593",
                        "rank": 1,
                        "score": 4.2,
                        "title": "The Silence of the Lambs",
                        "reason": "Because you liked Seven",
                        "evidence_item_id": "47",
                        "sources": ["covisited", "ease"],
                        "propensity": 1.0,
                    }
                ],
            }
        }
    )

    list_id: str
    user_id: str | None
    surface: str
    build_id: str | None
    fallback: str | None
    items: list[ItemOut]


class SessionEvent(BaseModel):
    """Something that the user did a moment ago; a time without a zone is UTC."""

    model_config = ConfigDict(extra="forbid")

    item_id: Id
    event_type: str = Field(default="view", max_length=100)
    ts: datetime
    value: float | None = Field(default=None, allow_inf_nan=False)


class RankIn(BaseModel):
    """Items to be put in order for a user; her session may come along, and is not kept."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "user_id": "42",
                "items": ["593", "47", "1"],
                "session": [{"item_id": "50", "event_type": "view", "ts": "2026-11-26T12:00:00Z"}],
            }
        },
    )

    user_id: Id
    items: list[Id]
    session: list[SessionEvent] = Field(default_factory=list, max_length=200)
    explain: bool = False


class EventsIn(BaseModel):
    """Rows of the input contract's `events`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "events": [
                    {
                        "user_id": "42",
                        "item_id": "593",
                        "event_type": "rating",
                        "value": 4.5,
                        "ts": "2026-11-26T12:00:00Z",
                        "event_id": "e-1",
                    }
                ]
            }
        },
    )

    events: list[Any]


class ImpressionsIn(BaseModel):
    """Rows of the input contract's `impressions`: what was shown, of which list, where, and how likely that was."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "impressions": [
                    {
                        "list_id": "0f8f6c1e7d5b4c0f9a8e6a3b5c2d1e4f",
                        "user_id": "42",
                        "item_id": "593",
                        "position": 1,
                        "ts": "2026-11-26T12:00:01Z",
                        "surface": "for_you",
                        "propensity": 1.0,
                    }
                ]
            }
        },
    )

    impressions: list[Any]


class RejectedOut(BaseModel):
    """A row that cannot be taken: its place in the post, from 0, and why."""

    index: int
    reason: str


class ReceiptOut(BaseModel):
    """What became of a post. Accepted rows are on the disk; `event_ids` has one entry a row of the post."""

    accepted: int
    rejected: list[RejectedOut]
    duplicate: int
    event_ids: list[str | None]


class ErasureOut(BaseModel):
    """The wish is on the disk; `recsys forget`'s certificate follows in the home."""

    status: str


class FaultOut(BaseModel):
    """Why a request was refused, in one sentence."""

    detail: str
