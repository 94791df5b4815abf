"""The builds that are kept, and putting another one into use."""

from typing import Final
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from recsys_assets.errors import RecsysError
from recsys_assets.publishing.switch import list_builds, list_damaged, rollback
from recsys_assets.service.answers import Service
from recsys_assets.service.keys import find_key, read_keys
from recsys_assets.service.page.asked import service_of, text_of
from recsys_assets.service.page.render import age_of, render

NO_KEY_SENTENCE: Final = (
    "There is no key with the scope admin yet: make one with `recsys keys add NAME --scope admin` where the service "
    "runs."
)


def add_builds(app: FastAPI) -> None:
    """Add the page of the builds, and what its form is sent to."""

    @app.get("/builds", include_in_schema=False)
    async def builds(request: Request) -> HTMLResponse:
        """The builds that are kept."""
        return await run_in_threadpool(_builds_page, request, done=text_of(request, "done"))

    @app.post("/builds/rollback", include_in_schema=False)
    async def roll_back(request: Request) -> Response:
        """Put another build into use. Nothing but the key allows it, so another site's form can do nothing."""
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        key, build_id = (form.get(name, [""])[0] for name in ("key", "build_id"))
        return await run_in_threadpool(_roll_back, request, key.strip(), build_id)


def _builds_page(request: Request, status: int = 200, fault: str = "", done: str = "") -> HTMLResponse:
    service = service_of(request)
    kept = list_builds(service.config)[::-1]
    return render(
        "builds.html",
        service.holder.bundle,
        status,
        builds=[(manifest, age_of(manifest.created_at)) for manifest in kept],
        damaged=list_damaged(service.config),
        no_key=None if _has_admin(service) else NO_KEY_SENTENCE,
        fault=fault or service.holder.fault,
        done=done if any(done == manifest.build_id for manifest in kept) else "",
    )


def _has_admin(service: Service) -> bool:
    return any("admin" in key.scopes for key in read_keys(service.config))


def _roll_back(request: Request, text: str, build_id: str) -> Response:
    service = service_of(request)
    key = find_key(read_keys(service.config), text)
    if key is None or "admin" not in key.scopes:
        sentence = (
            "This key may not do that: a rollback needs one with the scope admin." if key else "This key is not known."
        )
        return _builds_page(request, 403, sentence)
    try:
        rollback(service.config, build_id)
    except RecsysError as error:
        return _builds_page(request, 409, str(error))
    service.holder.look()
    return RedirectResponse(f"/builds?done={build_id}", 303)
