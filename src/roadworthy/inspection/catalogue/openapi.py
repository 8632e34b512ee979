"""What the service's own OpenAPI document says of its operations: parameters, bodies, who may call them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.probes.http import HttpProbe

METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS_LIMIT = 2_000
DEPTH_LIMIT = 6
PROPERTIES_LIMIT = 40
PARAMETER = re.compile(r"\{([^{}]{1,100})\}")
META = re.compile(
    r"(?:^|/)(?:health\w*|metrics?|schema|openapi[\w.]*|docs?|version|status|ping|ready|live|static)(?:/|$)"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One documented operation. `path` has its base path; `secured`: the document says that it needs credentials.

    `query` are the names of its query parameters, `body` the schema of its JSON body (None without one), `form` says
    that it takes form data or a file.
    """

    method: str
    path: str
    query: tuple[str, ...] = ()
    body: Mapping[str, Any] | None = None
    form: bool = False
    secured: bool = False
    statuses: tuple[str, ...] = ()
    answer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether the path has no parameter."""
        return PARAMETER.search(self.path) is None

    @property
    def meta(self) -> bool:
        """Whether it speaks of the service itself: health, metrics, documents."""
        return META.search(self.path) is not None


async def operations(http: HttpProbe) -> Sequence[Operation]:
    """Every documented operation, by path; empty where nothing is documented."""
    found = await surface.document(http)
    return sorted(read(found), key=lambda one: (one.path, one.method)) if found else ()


def read(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Operations of an OpenAPI 3 or Swagger 2 document; what is malformed is left out."""
    base = _base(document)
    paths = document.get("paths")
    count = 0
    for path, item in paths.items() if isinstance(paths, dict) else ():
        for method in METHODS:
            told = item.get(method) if isinstance(item, dict) else None
            if isinstance(told, dict) and isinstance(path, str) and path.startswith("/"):
                count += 1
                if count > OPERATIONS_LIMIT:
                    return
                yield _operation(document, base + path, method, item, told)


def example(document: Mapping[str, Any], schema: object, depth: int = 0) -> Any:  # noqa: PLR0911 - a kind each
    """A value that a schema would take, as far as it tells."""
    told = resolved(document, schema)
    for key in ("example", "default", "const"):
        if key in told:
            return told[key]
    kind = told.get("type")
    if isinstance(told.get("enum"), list) and told["enum"]:
        return told["enum"][0]
    if kind == "array":
        return [example(document, told.get("items"), depth + 1)] if depth < DEPTH_LIMIT else []
    if kind in {"integer", "number"}:
        return told.get("minimum", 1)
    if kind == "boolean":
        return True
    properties = told.get("properties")
    if isinstance(properties, dict) and depth < DEPTH_LIMIT:
        return {
            name: _named_example(document, name, one, depth)
            for name, one in list(properties.items())[:PROPERTIES_LIMIT]
        }
    return "text"


def resolved(document: Mapping[str, Any], schema: object) -> dict[str, Any]:
    """A schema with its reference followed and its `allOf` put together."""
    for _ in range(DEPTH_LIMIT):
        if not isinstance(schema, dict) or not isinstance(schema.get("$ref"), str):
            break
        node: object = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            node = node.get(part) if isinstance(node, dict) else None
        schema = node
    if not isinstance(schema, dict):
        return {}
    parts = [one for key in ("allOf", "anyOf", "oneOf") for one in _list(schema.get(key))[: 3 if key == "allOf" else 1]]
    joined: dict[str, Any] = {}
    for part in parts:
        inner = part if isinstance(part, dict) and "$ref" not in part else _followed(document, part)
        joined = {
            **joined,
            **inner,
            "properties": {**_dict(joined.get("properties")), **_dict(inner.get("properties"))},
        }
    return {**joined, **schema} if parts else schema


def _followed(document: Mapping[str, Any], schema: object) -> dict[str, Any]:
    node: object = document
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    for part in reference.removeprefix("#/").split("/") if isinstance(reference, str) else ():
        node = node.get(part) if isinstance(node, dict) else None
    return node if isinstance(node, dict) and node is not document else {}


def _named_example(document: Mapping[str, Any], name: str, schema: object, depth: int) -> Any:
    told = resolved(document, schema)
    if told.get("type", "string") == "string" and not {"example", "default", "enum", "const"} & set(told):
        if "mail" in name.lower() or told.get("format") == "email":
            return "probe+{random}@example.com"
        if "password" in name.lower():
            return "${PROBE_PASSWORD}"
        if told.get("format") in {"date", "date-time"}:
            return "2030-01-01" if told["format"] == "date" else "2030-01-01T00:00:00Z"
        return f"probe {name}"
    return example(document, told, depth + 1)


def _operation(
    document: Mapping[str, Any], path: str, method: str, item: Mapping[str, Any], told: Mapping[str, Any]
) -> Operation:
    given = [resolved(document, one) for one in (*_list(item.get("parameters")), *_list(told.get("parameters")))]
    content = _dict(resolved(document, told.get("requestBody")).get("content"))
    body = next((_dict(one).get("schema") for kind, one in content.items() if "json" in kind), None)
    body = body or next((one.get("schema") for one in given if one.get("in") == "body"), None)
    responses = _dict(told.get("responses"))
    secured = told.get("security", document.get("security"))
    return Operation(
        method.upper(),
        path,
        tuple(str(one["name"]) for one in given if one.get("in") == "query" and one.get("name")),
        resolved(document, body) if body else None,
        any("form" in kind for kind in content) or any(one.get("in") == "formData" for one in given),
        bool(secured) and all(_list(secured)),
        tuple(map(str, responses)),
        _answer(document, responses),
    )


def _answer(document: Mapping[str, Any], responses: Mapping[str, Any]) -> dict[str, Any]:
    good = next((one for status, one in responses.items() if str(status).startswith("2")), None)
    told = resolved(document, good)
    content = _dict(told.get("content"))
    schema = next((_dict(one).get("schema") for kind, one in content.items() if "json" in kind), told.get("schema"))
    return resolved(document, schema)


def _base(document: Mapping[str, Any]) -> str:
    if isinstance(document.get("basePath"), str):
        return str(document["basePath"]).rstrip("/")
    servers = _list(document.get("servers"))
    url = str(_dict(servers[0]).get("url", "")) if servers else ""
    path = re.sub(r"^\w+://[^/]*", "", url).rstrip("/")
    return path if path.startswith("/") and "{" not in path else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
