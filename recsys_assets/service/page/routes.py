"""The Explorer's routes. Whatever takes more than a moment runs in a thread: lists are answered beside them."""

from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from recsys_assets.service.loaded import LoadedBundle
from recsys_assets.service.page.asked import bundle_of, service_of, text_of
from recsys_assets.service.page.builds import add_builds
from recsys_assets.service.page.catalogue import Shelf
from recsys_assets.service.page.measured import ReportView, view_report
from recsys_assets.service.page.reference import list_operations
from recsys_assets.service.page.render import PageError, render
from recsys_assets.service.page.users import add_users
from recsys_assets.serving.reports import read_importance, read_report

STATIC: Final = Path(__file__).with_name("static")
FOUND, SIMILAR, TRENDING = 20, 12, 50  # how many are shown


def add_page(app: FastAPI) -> None:
    """Add the Explorer to the service."""
    shelf = Shelf()
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_exception_handler(PageError, _show_error)
    _add_start(app, shelf)
    add_users(app, shelf)
    _add_items(app, shelf)
    _add_report(app)
    add_builds(app)
    _add_reference(app)


async def _show_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PageError)
    return render("error.html", service_of(request).holder.bundle, error.status, sentence=error.sentence)


def _add_start(app: FastAPI, shelf: Shelf) -> None:
    @app.get("/", include_in_schema=False)
    async def start(request: Request) -> HTMLResponse:
        """Search, some users to begin with, and what is in use."""
        service, bundle = service_of(request), bundle_of(request)
        catalogue = await run_in_threadpool(shelf.find, bundle)
        q = text_of(request, "q")
        erased = service.erasures.users()
        return render(
            "start.html",
            bundle,
            q=q,
            users=[one for one in catalogue.find_users(q, FOUND + 1) if one[0] not in erased],
            items=catalogue.find_items(q, FOUND + 1),
            shown=FOUND,
            kinds={kind: [one for one in users if one[0] not in erased] for kind, users in catalogue.kinds().items()},
            n_users=len(catalogue.users),
            n_items=len(catalogue.items),
            fault=service.holder.fault,
        )


def _add_items(app: FastAPI, shelf: Shelf) -> None:
    @app.get("/items/{item_id:path}", include_in_schema=False)
    async def item(request: Request, item_id: str) -> HTMLResponse:
        """What is known of an item, and what goes with it."""
        bundle = bundle_of(request)
        catalogue = await run_in_threadpool(shelf.find, bundle)
        if item_id not in catalogue.items:
            raise PageError(404, f"There is no item “{item_id}” in this bundle.")
        return render(
            "item.html",
            bundle,
            item_id=item_id,
            title=catalogue.name(item_id),
            facts=_facts(bundle, item_id),
            numbers=catalogue.numbers(item_id),
            similar=bundle.lists.read_similar(item_id, SIMILAR),
            catalogue=catalogue,
        )

    @app.get("/trending", include_in_schema=False)
    async def trending(request: Request) -> HTMLResponse:
        """What is wanted now."""
        bundle = bundle_of(request)
        catalogue = await run_in_threadpool(shelf.find, bundle)
        categories = sorted(name for name in bundle.lists.trending.rows if name is not None)
        category = text_of(request, "category") or None
        if category and category not in categories:
            raise PageError(404, f"Nothing is told of a category “{category}”.")
        entries = bundle.lists.read_trending(category, TRENDING)
        return render(
            "trending.html", bundle, entries=entries, categories=categories, category=category, catalogue=catalogue
        )


def _facts(bundle: LoadedBundle, item_id: str) -> dict[str, Any]:
    """Categories, creators, and whether an item may be recommended; nothing where the bundle does not say."""
    place = bundle.model.items.positions.get(item_id) if bundle.model else None
    if bundle.model is None or place is None:
        return {}
    items = bundle.model.items
    return {
        "categories": [items.category_names[name] for name in items.categories[place].indices],
        "creators": [items.creator_names[name] for name in items.creators[place].indices],
        "is_available": bool(items.is_available[place]),
        "in_trending": [name for name in items.category_names if name in bundle.lists.trending.rows],
    }


def _add_report(app: FastAPI) -> None:
    kept: dict[str, ReportView] = {}

    @app.get("/report", include_in_schema=False)
    async def report(request: Request) -> HTMLResponse:
        """How good the lists are."""
        service, bundle = service_of(request), bundle_of(request)
        build_id = bundle.manifest.build_id

        def read() -> ReportView:
            return view_report(read_report(service.config), read_importance(service.config))

        if build_id not in kept:
            kept.clear()
            kept[build_id] = await run_in_threadpool(read)
        return render("report.html", bundle, report=kept[build_id])


def _add_reference(app: FastAPI) -> None:
    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        """The API's reference."""
        return render("docs.html", service_of(request).holder.bundle, operations=list_operations(app.openapi()))
