"""The API's description for people: one page, rendered on the server from the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

FOLDER = Path(__file__).parent
STYLESHEET = (FOLDER / "reference.css").read_text(encoding="utf-8")
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, as the page shows it."""

    anchor: str
    method: str
    path: str
    summary: str
    tag: str
    parameters: list[Mapping[str, Any]]
    responses: list[tuple[str, str, str]]
    """Status, description and the name of the schema, or an empty text."""

    @property
    def can_be_tried(self) -> bool:
        """Whether a plain form can ask it: a GET without a parameter in its path."""
        return self.method == "GET" and "{" not in self.path


def render(document: Mapping[str, Any], document_path: str) -> str:
    """The page for an OpenAPI `document` that is served at `document_path`."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(words=type_in_words, limits=limits_in_words)
    groups: dict[str, list[Operation]] = {}
    for operation in _operations(document):
        groups.setdefault(operation.tag, []).append(operation)
    return environment.get_template("reference.html").render(
        info=document["info"],
        version=document["openapi"],
        groups=groups,
        schemas=document.get("components", {}).get("schemas", {}),
        document_path=document_path,
    )


def type_in_words(schema: Mapping[str, Any]) -> str:
    """`text`, `whole number or null`, `list of Job`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(type_in_words(one) for one in schema[choice])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {type_in_words(schema.get('items', {}))}"
    if schema.get("format") == "date-time":
        return "date and time"
    names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    return names.get(schema.get("type", ""), str(schema.get("type", "anything")))


def limits_in_words(schema: Mapping[str, Any]) -> str:
    """`1 to 100, 20 if not given`."""
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength"))
    unit = " characters" if "maxLength" in schema or "minLength" in schema else ""
    parts = [f"like {schema['pattern']}"] if "pattern" in schema else []
    if low is not None and high is not None:
        parts.append(f"{low} to {high}{unit}" if low != high else f"{low}{unit}")
    elif low is not None or high is not None:
        parts.append(f"at least {low}{unit}" if low is not None else f"at most {high}{unit}")
    if schema.get("default") is not None:
        parts.append(f"{schema['default']} if not given")
    return ", ".join(parts)


def _operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            yield Operation(
                anchor=operation.get("operationId", f"{method}-{path}"),
                method=method.upper(),
                path=path,
                summary=operation.get("summary", ""),
                tag=next(iter(operation.get("tags") or [OTHER])),
                parameters=operation.get("parameters") or [],
                responses=[_response(status, answer) for status, answer in operation.get("responses", {}).items()],
            )


def _response(status: str, answer: Mapping[str, Any]) -> tuple[str, str, str]:
    schemas = [content.get("schema", {}) for content in (answer.get("content") or {}).values()]
    return status, answer.get("description", ""), type_in_words(schemas[0]) if schemas else ""
