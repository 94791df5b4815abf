"""What users did since the lists were made: kept in memory, or in a Redis that several workers share.

The events are on the disk already, and on their way to the warehouse: a store that loses them costs the user's next
lists what was done a moment ago, and nothing else.
"""

import asyncio
import importlib.util
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

from recsys_assets.errors import RecsysError
from recsys_assets.online.events import NewEvent
from recsys_assets.settings import ServiceConfig

if TYPE_CHECKING:
    from redis.asyncio import Redis

_KEY: Final = "recsys:session:"
_SECONDS_PER_MINUTE: Final = 60
MOST_TEXTS: Final = 100_000
FAILURES_IN_A_ROW: Final = 3  # of a Redis; then it is left alone for ...
PAUSE_SECONDS: Final = 1.0


class SessionsUnavailable(RecsysError):  # noqa: N818 - it is a state of the store, that callers go on in
    """The store did not answer in time: go on without what the user did a moment ago."""


class SessionStore(Protocol):
    """The latest events of users, each kept until `session_minutes` after the user's last.

    Every method raises SessionsUnavailable if the store does not answer in time.
    """

    async def add(self, user_id: str, events: Sequence[NewEvent]) -> None:
        """Keep events of a user after those that are there; of all, the last `session_events` stay."""

    async def read(self, user_id: str) -> list[NewEvent]:
        """The user's events in the order in which they came, each once."""

    async def forget(self, user_id: str) -> None:
        """Keep nothing of the user."""

    async def ping(self) -> None:
        """See that the store answers."""

    async def close(self) -> None:
        """End its connections."""


@dataclass
class _Session:
    events: list[NewEvent]  # a deque takes 600 bytes for the first one
    expires_at: float


class EmbeddedSessions:
    """Sessions in this process's memory, of the users seen last; for one event loop."""

    def __init__(self, config: ServiceConfig, clock: Callable[[], float] = monotonic) -> None:
        self._config = config
        self._clock = clock
        self._sessions: OrderedDict[str, _Session] = OrderedDict()  # whoever did nothing for longest first
        self._texts: dict[str, str] = {}

    async def add(self, user_id: str, events: Sequence[NewEvent]) -> None:
        """See SessionStore."""
        if not events:
            return
        session = self._find(user_id) or _Session([], 0.0)
        own = (replace(one, item_id=self._once(one.item_id), event_type=self._once(one.event_type)) for one in events)
        session.events = [*session.events, *own][-self._config.session_events :]
        session.expires_at = self._clock() + self._config.session_minutes * _SECONDS_PER_MINUTE
        self._sessions[user_id] = session
        self._sessions.move_to_end(user_id)
        while self._first_is_over():
            self._sessions.popitem(last=False)

    async def read(self, user_id: str) -> list[NewEvent]:
        """See SessionStore."""
        session = self._find(user_id)
        return _each_once(session.events) if session else []

    async def forget(self, user_id: str) -> None:
        """See SessionStore."""
        self._sessions.pop(user_id, None)

    async def ping(self) -> None:
        """See SessionStore."""

    async def close(self) -> None:
        """See SessionStore."""

    def __len__(self) -> int:
        return len(self._sessions)

    def _once(self, text: str) -> str:
        """The same text as an object that many events share: a third of what an event takes."""
        if len(self._texts) >= MOST_TEXTS:
            self._texts.clear()  # sessions keep theirs; what comes is shared anew
        return self._texts.setdefault(text, text)

    def _find(self, user_id: str) -> _Session | None:
        session = self._sessions.get(user_id)
        if session is None:
            return None
        if session.expires_at <= self._clock():
            del self._sessions[user_id]
            return None
        return session

    def _first_is_over(self) -> bool:
        first = next(iter(self._sessions.values()))
        return first.expires_at <= self._clock() or len(self._sessions) > self._config.session_users


class RedisSessions:
    """Sessions in a Redis server, one list a user, for all workers of a service."""

    def __init__(self, config: ServiceConfig, client: "Redis") -> None:
        self._config = config
        self._client = client
        self._failures, self._again_at = 0, 0.0

    async def add(self, user_id: str, events: Sequence[NewEvent]) -> None:
        """See SessionStore."""
        if not events:
            return
        key = _KEY + user_id
        async with self._in_time(), self._client.pipeline(transaction=True) as pipeline:
            pipeline.rpush(key, *map(_to_json, events))
            pipeline.ltrim(key, -self._config.session_events, -1)
            pipeline.pexpire(key, int(self._config.session_minutes * _SECONDS_PER_MINUTE * 1000))
            await pipeline.execute()

    async def read(self, user_id: str) -> list[NewEvent]:
        """See SessionStore."""
        async with self._in_time():
            texts: list[bytes] = await self._client.lrange(_KEY + user_id, 0, -1)
        return _each_once([_from_json(text) for text in texts])

    async def forget(self, user_id: str) -> None:
        """See SessionStore."""
        async with self._in_time():
            await self._client.delete(_KEY + user_id)

    async def ping(self) -> None:
        """See SessionStore."""
        async with self._in_time():
            await self._client.ping()

    async def close(self) -> None:
        """See SessionStore."""
        await self._client.aclose()

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        from redis.exceptions import RedisError

        if monotonic() < self._again_at:
            raise SessionsUnavailable("Redis has failed several times in a row: it is asked again in a moment.")
        try:
            async with asyncio.timeout(self._config.redis_milliseconds / 1000):
                yield
            self._failures = 0
        except (RedisError, OSError, TimeoutError) as error:
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW:  # or each request would wait for it in vain
                self._again_at = monotonic() + PAUSE_SECONDS
            what = str(error) or f"no answer within {self._config.redis_milliseconds:g} ms"
            raise SessionsUnavailable(f"Redis does not keep or tell sessions ({what}): look at the server.") from None


def open_sessions(config: ServiceConfig) -> SessionStore:
    """The store that the configuration names; one that does not answer yet shows when it is asked.

    Raises:
        RecsysError: it is a Redis, and its client is not installed.
    """
    if config.redis_url is None:
        return EmbeddedSessions(config)
    if importlib.util.find_spec("redis") is None:
        raise RecsysError("service.redis_url wants the extra `redis`: install recsys-assets[redis], or set it to null.")
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    # no second try: the time that one may take is all there is
    return RedisSessions(config, Redis.from_url(config.redis_url, retry=Retry(NoBackoff(), 0)))


def _each_once(events: Sequence[NewEvent]) -> list[NewEvent]:
    """Two workers may both have taken an event that was posted twice."""
    return list({event.event_id or place: event for place, event in enumerate(events)}.values())


def _to_json(event: NewEvent) -> str:
    return json.dumps(asdict(event) | {"ts": event.ts.isoformat()})


def _from_json(text: bytes) -> NewEvent:
    fields: dict[str, Any] = json.loads(text)
    return NewEvent(**fields | {"ts": datetime.fromisoformat(fields["ts"])})
