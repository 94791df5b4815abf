"""What every request passes: size, key, rate; and what every answer carries: security headers and its time."""

import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import orjson
from fastapi import HTTPException
from opentelemetry.trace import get_current_span
from structlog.contextvars import bind_contextvars

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.logs import get_logger
from recsys_assets.service.keys import Key, RateLimit, Scope, find_key, keys_path, read_keys
from recsys_assets.service.measures import Measures

LOGGER = get_logger(__name__)
OPEN: Final = ("/healthz", "/readyz")
ARRIVED: Final = "recsys.arrived"
REQUEST_ID: Final = b"x-request-id"
ACCEPTABLE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")  # anything else could write into the log
KEYS_EVERY_SECONDS: Final = 2.0
HEADERS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
]


class Guard:
    """ASGI middleware around the application.

    Args:
        app: the application.
        config: the configuration.
        measures: counts requests.
        needs_keys: whether the service listens beyond this machine; on loopback a key is asked for by the admin's
            routes alone, and only where there are keys.
    """

    def __init__(self, app: Any, config: Config, measures: Measures, needs_keys: bool) -> None:
        self.app, self.config, self.measures, self.needs_keys = app, config, measures, needs_keys
        self.limit = RateLimit(config.service.requests_per_second)
        self._keys: tuple[Key, ...] = ()
        self._keys_state: object = None
        self._keys_looked = -KEYS_EVERY_SECONDS

    async def __call__(self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope[ARRIVED] = started = time.perf_counter()
        status = 500
        headers = dict(scope["headers"])
        request_id = _request_id(headers)
        bind_contextvars(request_id=request_id.decode())  # a request is a task: its context ends with it
        if self.measures.tracer:
            get_current_span().set_attribute("recsys.request_id", request_id.decode())

        async def answer(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *HEADERS, (REQUEST_ID, request_id)]
            await send(message)

        refusal = self._refusal(scope, headers)
        try:
            if refusal:
                await _refuse(answer, *refusal)
            else:
                await self.app(scope, _Limited(receive, self.config.service.max_body_bytes), answer)
        except Exception:
            LOGGER.exception("request_failed", method=scope["method"])
            raise
        finally:
            route = getattr(scope.get("route"), "path", "none")
            seconds = time.perf_counter() - started
            self.measures.requests.labels(route, status).observe(seconds)
            if LOGGER.isEnabledFor(logging.DEBUG):
                LOGGER.debug("request_answered", method=scope["method"], route=route, status=status, seconds=seconds)

    def _refusal(self, scope: dict[str, Any], headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.config.service.max_body_bytes:
            return 413, _too_large(self.config.service.max_body_bytes)
        if scope["path"] in OPEN:
            return None
        keys = self._read_keys()
        shown = headers.get(b"x-api-key", headers.get(b"authorization", b"").removeprefix(b"Bearer ")).decode("latin-1")
        key = find_key(keys, shown) if shown else None
        if shown and key is None:
            return 401, "This key is not known."
        wanted = wanted_scope(scope["method"], scope["path"])
        if key is not None and wanted not in key.scopes and "admin" not in key.scopes:
            return 403, f"This key may not do that: it lacks the scope {wanted}."
        if key is None and (self.needs_keys or (wanted == "admin" and keys)):
            return 401, "This needs a key, as the header X-API-Key."
        client = scope.get("client") or ("",)
        if not self.limit.allows(key.name if key else f"address {client[0]}"):
            return 429, "Too many requests: try again in a second."
        return None

    def _read_keys(self) -> tuple[Key, ...]:
        """The keys, read again when their file has changed."""
        now = time.monotonic()
        if now - self._keys_looked < KEYS_EVERY_SECONDS:
            return self._keys
        self._keys_looked = now
        path = keys_path(self.config)
        state = (path.stat().st_mtime_ns, path.stat().st_ino) if path.exists() else None
        if state != self._keys_state:
            try:
                self._keys, self._keys_state = read_keys(self.config), state
            except RecsysError as error:
                LOGGER.error("keys_refused", reason=str(error))
                self._keys = ()
        return self._keys


def wanted_scope(method: str, path: str) -> Scope:
    """What a request needs."""
    if method == "DELETE" or path.startswith("/v1/builds/"):
        return "admin"
    return "write" if path in ("/v1/events", "/v1/impressions") else "read"


def _request_id(headers: dict[bytes, bytes]) -> bytes:
    """The id that the caller gave the request, so that her log and ours are one story; else a new one."""
    given = headers.get(REQUEST_ID, b"")
    return given if ACCEPTABLE_ID.fullmatch(given) else secrets.token_hex(8).encode()


class _Limited:
    """A body that was sent in pieces, without a length before it."""

    def __init__(self, receive: Callable[..., Any], limit: int) -> None:
        self.receive, self.limit, self.left = receive, limit, limit

    async def __call__(self) -> Any:
        message = await self.receive()
        self.left -= len(message.get("body", b""))
        if self.left < 0:
            raise HTTPException(413, _too_large(self.limit))
        return message


async def _refuse(send: Callable[..., Any], status: int, sentence: str) -> None:
    headers = [(b"content-type", b"application/json")]
    if status == 429:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps({"detail": sentence})})


def _too_large(limit: int) -> str:
    return f"A body may have {limit:,} bytes at most."
