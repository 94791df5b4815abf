"""The HTTP service: lists from a bundle in memory, events that are on the disk before they are answered."""

import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import FastAPI, HTTPException, Path, Query, Request
from fastapi.responses import Response

from recsys_assets import __version__
from recsys_assets.config import Config, load_config
from recsys_assets.errors import RecsysError
from recsys_assets.logs import configure_logs, get_logger
from recsys_assets.online.events import NewEvent
from recsys_assets.schema import FOR_YOU
from recsys_assets.service.answers import (
    NOBODY,
    Service,
    as_given,
    choose_answer,
    json_response,
    list_response,
    receipt_response,
)
from recsys_assets.service.erasures import Erasures
from recsys_assets.service.guard import ARRIVED, Guard
from recsys_assets.service.intake import open_intake
from recsys_assets.service.keys import APP_NEEDS_KEYS
from recsys_assets.service.loaded import BundleHolder
from recsys_assets.service.measures import Measures
from recsys_assets.service.page.routes import add_page
from recsys_assets.service.query import WholeRequestRoute, parameters_in_openapi, read_query
from recsys_assets.service.recommender import (
    MODEL_FAILED,
    NO_BUNDLE,
    NO_MODEL,
    SESSIONS_DOWN,
    Answer,
    Wanted,
    item_entry,
    rank_answer,
)
from recsys_assets.service.rules import Place
from recsys_assets.service.sessions import SessionsUnavailable, open_sessions
from recsys_assets.service.shapes import ErasureOut, EventsIn, FaultOut, ImpressionsIn, ListOut, RankIn, ReceiptOut
from recsys_assets.traces import INSTRUMENTATION, open_traces

LOGGER = get_logger(__name__)
UserId = Annotated[str, Path(min_length=1, max_length=512)]
ItemId = Annotated[str, Path(min_length=1, max_length=512)]
Length = Annotated[int, Query(ge=1, le=100, description="How many items.")]
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": FaultOut, "description": words}
    for status, words in {
        401: "A key is needed, or unknown.",
        403: "The key may not do this.",
        413: "Too much at once.",
        429: "Too many requests.",
    }.items()
}


def create_app(config: Config | None = None) -> FastAPI:
    """The application. Each worker process makes its own.

    Args:
        config: the configuration; None: as the environment says.
    """
    needs_keys = bool(os.environ.get(APP_NEEDS_KEYS))
    config = config or load_config()
    traces = open_traces(config, "recsys-service")
    measures = Measures(traces.get_tracer(INSTRUMENTATION, __version__) if traces else None)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        configure_logs(config)
        holder = BundleHolder(config, config.service.look_seconds)
        sessions = open_sessions(config.service)
        with ExitStack() as stack:
            intake = stack.enter_context(open_intake(config))
            holder.start()
            stack.callback(holder.stop)
            erasures = Erasures(config, holder)
            app.state.service = Service(config, holder, sessions, intake, measures, erasures, random.Random())
            yield
            await erasures.stop()
        await sessions.close()
        if traces:
            traces.shutdown()

    app = FastAPI(
        title="Recsys Assets",
        description="Lists of what a user may want next, by what she did a moment ago, and why.",
        version="1",
        lifespan=lifespan,
        responses=REFUSALS,
        docs_url=None,  # the page has one that loads nothing from elsewhere
        redoc_url=None,
        telemetry={
            "tracing": traces is not None,
            "tracer_provider": traces,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    app.add_middleware(Guard, config=config, measures=measures, needs_keys=needs_keys)
    _add_lists(app)
    _add_posts(app, config)
    _add_operations(app, measures)
    add_page(app)
    return app


def _add_lists(app: FastAPI) -> None:
    async def recommendations(request: Request) -> Response:
        """A user's list: the published one, or one that follows what she did since."""
        asked = read_query(request.path_params["user_id"], request.scope["query_string"])
        service: Service = request.app.state.service
        bundle = service.holder.bundle
        wanted = Wanted(asked.user_id, asked.surface, asked.k, asked.category, frozenset(asked.exclude))
        if bundle is None:
            return list_response(service, None, wanted, Answer([], NO_BUNDLE))
        longer = replace(wanted, length=asked.k + service.reach) if service.reach else wanted
        answer = await choose_answer(service, bundle, longer, request.scope[ARRIVED], asked.explain)
        places = service.places(bundle, answer, wanted)
        return list_response(service, bundle, wanted, answer, places, explain=asked.explain)

    app.router.add_api_route(
        "/v1/users/{user_id}/recommendations",
        recommendations,
        methods=["GET"],
        response_model=ListOut,
        tags=["lists"],
        openapi_extra={"parameters": parameters_in_openapi()},
        responses={422: {"description": "A parameter is not as it should be."}},
        route_class_override=WholeRequestRoute,
    )

    async def rank(request: Request, asked: RankIn) -> Response:
        """Put items in order for a user, by all that she did and the session that comes along."""
        service: Service = request.app.state.service
        bundle = service.holder.bundle
        if len(asked.items) > service.config.service.max_rank_items:
            raise HTTPException(413, f"Up to {service.config.service.max_rank_items:,} items are ranked at once.")
        wanted = Wanted(asked.user_id, FOR_YOU, len(asked.items))
        if bundle is None or bundle.model is None:
            answer = Answer([], NO_BUNDLE if bundle is None else NO_MODEL)
            return list_response(service, bundle, wanted, answer, as_given(asked.items), surface="rank")
        posted = [NewEvent(one.item_id, one.event_type, _naive(one.ts), one.value) for one in asked.session]
        fault, user_id = None, asked.user_id
        try:
            if service.erasures.concern(user_id):
                user_id = NOBODY
            else:
                posted = [*await service.session_of(bundle, user_id), *posted]
        except SessionsUnavailable:
            fault = SESSIONS_DOWN
        try:
            with service.measures.stage("rank"):
                answer = rank_answer(bundle, bundle.model, user_id, asked.items, posted)
        except Exception:
            LOGGER.exception("rank_failed")
            failed = Answer([], MODEL_FAILED)
            return list_response(service, bundle, wanted, failed, as_given(asked.items), surface="rank")
        places = [Place(entry, 1.0) for entry in answer.entries]
        answer = Answer(answer.entries, answer.fallback or fault, answer.view)
        return list_response(service, bundle, wanted, answer, places, surface="rank", explain=asked.explain)

    app.router.add_api_route(
        "/v1/rank",
        rank,
        methods=["POST"],
        response_model=ListOut,
        tags=["lists"],
        route_class_override=WholeRequestRoute,
    )

    @app.get("/v1/items/{item_id}/similar", response_model=ListOut, tags=["lists"])
    async def similar(request: Request, item_id: ItemId, k: Length = 10) -> Response:
        """What goes with an item."""
        service: Service = request.app.state.service
        bundle = service.holder.bundle
        wanted = Wanted(NOBODY, "similar", k)
        if bundle is None:
            return list_response(service, None, wanted, Answer([], NO_BUNDLE))
        entries = bundle.lists.read_similar(item_id, k)
        if entries:
            return list_response(
                service, bundle, wanted, Answer(entries), service.places(bundle, Answer(entries), wanted)
            )
        reason = "no_similar_items" if item_entry(bundle, item_id) else "unknown_item"
        popular = Answer(bundle.lists.read_trending(None, k), reason)
        return list_response(service, bundle, wanted, popular, service.places(bundle, popular, wanted))

    @app.get("/v1/trending", response_model=ListOut, tags=["lists"])
    async def trending(
        request: Request, k: Length = 10, category: Annotated[str | None, Query(max_length=512)] = None
    ) -> Response:
        """What is wanted now."""
        service: Service = request.app.state.service
        bundle = service.holder.bundle
        wanted = Wanted(NOBODY, "trending", k, category)
        if bundle is None:
            return list_response(service, None, wanted, Answer([], NO_BUNDLE))
        entries = bundle.lists.read_trending(category, k + service.reach)
        answer = Answer(entries, None if entries else "unknown_category")
        return list_response(service, bundle, wanted, answer, service.places(bundle, answer, wanted))


def _add_posts(app: FastAPI, config: Config) -> None:
    @app.post("/v1/events", status_code=202, response_model=ReceiptOut, tags=["feedback"])
    async def events(request: Request, posted: EventsIn) -> Response:
        """Take events. Those that are accepted are on the disk, and change the user's next list."""
        service: Service = request.app.state.service
        receipt = await _take(service, "events", posted.events)
        of_user: dict[str, list[NewEvent]] = {}
        for row in receipt.rows:
            event = NewEvent(row["item_id"], row["event_type"], row["ts"], row["value"], row["event_id"])
            of_user.setdefault(row["user_id"], []).append(event)
        try:
            for user_id, own in of_user.items():
                await service.sessions.add(user_id, own)
        except SessionsUnavailable:  # the events are kept: the next build knows them
            service.measures.state.sessions_up = False
            service.measures.fallbacks.labels(SESSIONS_DOWN).inc()
        return receipt_response(receipt)

    @app.delete("/v1/users/{user_id}", status_code=202, response_model=ErasureOut, tags=["feedback"])
    async def forget(request: Request, user_id: UserId) -> Response:
        """Erase a user everywhere, as `recsys forget` does; her session goes at once, the rest while nothing builds."""
        service: Service = request.app.state.service
        await service.erasures.ask(user_id)
        try:
            await service.sessions.forget(user_id)
        except SessionsUnavailable:
            raise HTTPException(503, "The session store does not answer: ask again.") from None
        return json_response({"status": "accepted"}, 202)

    @app.post("/v1/impressions", status_code=202, response_model=ReceiptOut, tags=["feedback"])
    async def impressions(request: Request, posted: ImpressionsIn) -> Response:
        """Take impressions: what was shown to whom, where in which list."""
        return receipt_response(await _take(request.app.state.service, "impressions", posted.impressions))

    async def _take(service: Service, table: str, rows: Sequence[Any]) -> Any:
        if len(rows) > config.service.max_batch_rows:
            raise HTTPException(413, f"Up to {config.service.max_batch_rows:,} rows are taken at once.")
        try:
            with service.measures.stage("intake"):
                receipt = await service.intake.take(table, rows)
        except RecsysError as error:
            LOGGER.error("post_refused", table=table, reason=str(error))
            raise HTTPException(503, str(error), headers={"Retry-After": "5"}) from None
        counts = {"accepted": receipt.accepted, "rejected": len(receipt.rejected), "duplicate": receipt.duplicates}
        for outcome, count in counts.items():
            service.measures.rows.labels(table, outcome).inc(count)
        return receipt


def _add_operations(app: FastAPI, measures: Measures) -> None:
    @app.get("/healthz", tags=["operations"])
    async def healthz() -> Response:
        """The process answers."""
        return json_response({"status": "ok"})

    @app.get("/readyz", tags=["operations"], responses={503: {"description": "There is no bundle yet."}})
    async def readyz(request: Request) -> Response:
        """Whether there is a bundle to serve; a newer one that could not be taken is named."""
        service: Service = request.app.state.service
        bundle = service.holder.bundle
        build_id = bundle.manifest.build_id if bundle else None
        ready = {"status": "ok" if bundle else "no bundle", "build_id": build_id, "fault": service.holder.fault}
        return json_response(ready, 200 if bundle else 503)

    @app.get("/metrics", tags=["operations"], response_class=Response)
    async def metrics(request: Request) -> Response:
        """For Prometheus."""
        bundle = request.app.state.service.holder.bundle
        measures.state.bundle_age = bundle.age_seconds() if bundle else -1
        measures.state.bundle = (bundle.manifest.build_id, bundle.manifest.model_version) if bundle else None
        return Response(measures.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
