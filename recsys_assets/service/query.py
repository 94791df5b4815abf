"""What the list route is asked with, read by one call of pydantic.

FastAPI reads each parameter by itself: of six that took a third of the time of a stored list.
"""

from collections.abc import Callable
from typing import Any, Final, Literal
from urllib.parse import parse_qs

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recsys_assets.schema import FOR_YOU

Surface = Literal["for_you", "because_you_liked", "new_releases", "trending", "discover"]
PATH_FIELD: Final = "user_id"
MOST_FIELDS: Final = 2_000  # of one query; more are refused before they are looked at


class WholeRequestRoute(APIRoute):
    """A route whose function takes the request and answers it: FastAPI describes it, and puts nothing in between."""

    def get_route_handler(self) -> Callable[..., Any]:
        """What answers: the function itself."""
        return self.endpoint


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
