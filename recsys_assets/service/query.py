"""What the two routes of lists are asked with, each read by one call of pydantic.

FastAPI reads each parameter by itself: of six that took a third of the time of a stored list. What else it does around
a function took as long again.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal
from urllib.parse import parse_qs

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import ClientDisconnect

from recsys_assets.schema import FOR_YOU

Surface = Literal["for_you", "because_you_liked", "new_releases", "trending", "discover"]
PATH_FIELD: Final = "user_id"
MOST_FIELDS: Final = 2_000  # of one query; more are refused before they are looked at
JSON_TYPE: Final = re.compile(r"application/([^;]+\+)?json\s*(;|$)", re.IGNORECASE)


class WholeRequestRoute(APIRoute):
    """A route whose function gets the request, and its body where it has one; FastAPI only describes it."""

    def get_route_handler(self) -> Callable[..., Any]:
        """What answers."""
        if self.body_field is None:
            return self.endpoint
        model, endpoint = self.body_field.field_info.annotation, self.endpoint

        async def answer(request: Request) -> Response:
            try:
                body = await request.body()
            except ClientDisconnect:
                raise HTTPException(400, "The body ended too early.") from None
            answered: Response = await endpoint(request, read_body(model, request.headers, body))
            return answered

        return answer


class ListQuery(BaseModel):
    """For whom a list is, and what it shall be."""

    model_config = ConfigDict(frozen=True)

    user_id: str = Field(min_length=1, max_length=512, description="For whom.")
    surface: Surface = Field(default=FOR_YOU, description="Which list.")
    k: int = Field(default=10, ge=1, le=100, description="How many items.")
    category: str | None = Field(default=None, max_length=512, description="Only items of it.")
    exclude: tuple[str, ...] = Field(default=(), max_length=1000, description="Items to leave out.")
    explain: bool = Field(default=False, description="What each feature adds to a score.")


def read_query(user_id: str, query: bytes) -> ListQuery:
    """What a request asks for; of a field that is there several times the last counts, but all of `exclude`.

    Raises:
        RequestValidationError: a field is not as it should be.
    """
    try:
        fields: dict[str, Any] = {}
        if query:
            given = parse_qs(query.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
            fields = {name: values if name == "exclude" else values[-1] for name, values in given.items()}
        return ListQuery.model_validate({**fields, PATH_FIELD: user_id})
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise RequestValidationError([{**fault, "loc": (_place(fault), *fault["loc"])} for fault in faults]) from None
    except ValueError as error:  # not UTF-8, or too many fields
        fault = {"type": "query", "loc": ("query",), "msg": str(error), "input": None}
        raise RequestValidationError([fault]) from None


def read_body(model: Any, headers: Mapping[str, str], body: bytes) -> Any:
    """The JSON of a body as the pydantic model that it shall be.

    Raises:
        RequestValidationError: it is something else.
    """
    if not JSON_TYPE.match(headers.get("content-type", "")):
        words = "The header Content-Type must say application/json."
        raise RequestValidationError([{"type": "content_type", "loc": ("body",), "msg": words, "input": None}])
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from None


def _place(fault: Any) -> str:
    return "path" if fault["loc"][0] == PATH_FIELD else "query"


def parameters_in_openapi() -> list[dict[str, Any]]:
    """The fields as OpenAPI describes parameters."""
    described = []
    for name, schema in ListQuery.model_json_schema()["properties"].items():
        is_path = name == PATH_FIELD
        parameter = {"name": name, "in": "path" if is_path else "query", "required": is_path}
        if words := schema.pop("description", None):
            parameter["description"] = words
        described.append({**parameter, "schema": schema})
    return described
