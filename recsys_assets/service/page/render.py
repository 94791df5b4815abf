"""Pages from templates: everything that comes from data is escaped."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from recsys_assets.service.loaded import LoadedBundle

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_SURFACE_WORDS: Final = {
    "for_you": "The main list, by all that the user did.",
    "because_you_liked": "What goes with one thing that the user liked.",
    "new_releases": "The best of what came out lately.",
    "trending": "What is wanted now, the same for all but for what the user had.",
    "discover": "Further from the beaten track: less popular and more varied.",
}


class PageError(Exception):
    """A page with one sentence instead of the one that was asked for."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def render(template: str, bundle: LoadedBundle | None, status: int = 200, **context: Any) -> HTMLResponse:
    """A page; `bundle` is what its foot names."""
    text = _environment().get_template(template).render(bundle=bundle, q=context.pop("q", ""), **context)
    return HTMLResponse(text, status)


def user_url(user_id: str, **query: Any) -> str:
    """The address of a user's page; values of the query may be lists."""
    return _url(f"/users/{quote(user_id, safe='')}", query)


def item_url(item_id: str) -> str:
    """The address of an item's page."""
    return f"/items/{quote(item_id, safe='')}"


def in_words(seconds: float) -> str:
    """A span of time, as people say it."""
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= unit:
            count = int(seconds // unit)
            return f"{count:,} {name}{'' if count == 1 else 's'}"
    return "less than a minute"


def age_of(moment: datetime) -> float:
    """Seconds since a naive time in UTC."""
    return (datetime.now(UTC).replace(tzinfo=None) - moment).total_seconds()


def as_number(value: float | int | None) -> str:
    """Whole numbers with thousands set apart, others with four digits."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"


def as_words(name: str) -> str:
    """A name in the code as words: `item_knn` is "item knn"."""
    return name.replace("_", " ")


def split_reason(reason: str, evidence: str | None) -> tuple[str, str | None]:
    """A reason's words before the evidence that it names, and the evidence; None where it ends in no such thing."""
    if evidence and reason.endswith(evidence):
        return reason.removesuffix(evidence), evidence
    return reason, None


def _url(path: str, query: Mapping[str, Any]) -> str:
    given = {name: value for name, value in query.items() if value not in (None, "", [])}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("recsys_assets.service.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(words=as_words, number=as_number, span=in_words, age=age_of, split_reason=split_reason)
    environment.globals.update(user_url=user_url, item_url=item_url, surface_words=_SURFACE_WORDS)
    return environment
