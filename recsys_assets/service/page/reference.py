"""The API's reference as a page, from its OpenAPI document: the page that FastAPI has loads scripts from elsewhere."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

METHODS: Final = ("get", "post", "put", "delete")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a route."""

    name: str
    place: str
    is_needed: bool
    kind: str
    words: str


@dataclass(frozen=True)
class Operation:
    """A route of the API: how it is called, and what it answers (status -> words)."""

    method: str
    path: str
    words: str
    parameters: list[Parameter]
    body: str | None
    answers: dict[str, str]

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return f"{self.method}{self.path}".replace("/", "-").replace("{", "").replace("}", "")


def list_operations(document: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """Tag -> its routes, in the document's order."""
    found: dict[str, list[Operation]] = {}
    for path, of_path in document["paths"].items():
        for method in METHODS:
            if method in of_path:
                tag = (of_path[method].get("tags") or ["others"])[0]
                found.setdefault(tag, []).append(_operation(document, method, path, of_path[method]))
    return found


def _operation(document: Mapping[str, Any], method: str, path: str, told: Mapping[str, Any]) -> Operation:
    return Operation(
        method=method.upper(),
        path=path,
        words=told.get("description") or told.get("summary") or "",
        parameters=list(_parameters(told)),
        body=_example(document, told),
        answers={status: answer["description"] for status, answer in sorted(told["responses"].items())},
    )


def _parameters(told: Mapping[str, Any]) -> Iterator[Parameter]:
    for one in told.get("parameters", []):
        yield Parameter(
            one["name"], one["in"], one.get("required", False), _kind(one["schema"]), one.get("description", "")
        )


def _kind(schema: Mapping[str, Any]) -> str:
    """A type in words."""
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"] if one.get("type") != "null")
    if schema.get("type") == "array":
        return f"several of {_kind(schema['items'])}"
    bounds = [f"{word} {schema[name]}" for name, word in (("minimum", "from"), ("maximum", "to")) if name in schema]
    return " ".join([str(schema.get("type", "any")), *bounds])


def _example(document: Mapping[str, Any], told: Mapping[str, Any]) -> str | None:
    """What a body looks like."""
    content = told.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    name = content["schema"].get("$ref", "").rsplit("/", 1)[-1]
    schema = document["components"]["schemas"].get(name, content["schema"])
    return json.dumps(schema["example"], indent=2) if "example" in schema else None
