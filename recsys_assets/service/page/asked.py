"""What a request asks for, and what there is to answer it with."""

from collections.abc import Sequence
from typing import Final

from fastapi import Request

from recsys_assets.service.answers import Service
from recsys_assets.service.loaded import LoadedBundle
from recsys_assets.service.page.render import PageError

MOST_TEXT: Final = 200  # of what is searched for
NO_BUNDLE_SENTENCE: Final = (
    "Nothing is published yet: run `recsys load FOLDER` and `recsys build`, and look here again."
)


def service_of(request: Request) -> Service:
    """What the routes work with."""
    service: Service = request.app.state.service
    return service


def bundle_of(request: Request) -> LoadedBundle:
    """The bundle in use.

    Raises:
        PageError: there is none.
    """
    holder = service_of(request).holder
    if holder.bundle is None:
        raise PageError(503, holder.fault or NO_BUNDLE_SENTENCE)
    return holder.bundle


def text_of(request: Request, name: str) -> str:
    """A parameter of the address, not longer than MOST_TEXT; empty where it is not given."""
    return request.query_params.get(name, "")[:MOST_TEXT]


def one_of(text: str, known: Sequence[str], otherwise: str) -> str:
    """The text if it is one that is known."""
    return text if text in known else otherwise
