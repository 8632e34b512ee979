"""Reads YAML that somebody else wrote: bounded in size, depth and repetition, and without making objects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

EVENTS_LIMIT = 60_000
DEPTH_LIMIT = 60
NODES_LIMIT = 200_000
DOCUMENTS_LIMIT = 500
UNREAD = "(not read)"
"""Stands for what a tag computes: `!reference`, `!Ref`, `!vault`."""

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NotYaml(ValueError):
    """It is not YAML, or more of it than is read."""


class _Loader(_BASE):  # type: ignore[misc]  # the C loader where libyaml is there
    """YAML 1.2's words only: `on` and `yes` are text, `22:22` is no number, a date stays as it stands."""

    yaml_implicit_resolvers: Mapping[str, Any] = {}


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:int", r"^[-+]?\d{1,18}$", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"^[-+]?(?:\.\d{1,18}|\d{1,18}\.\d{0,18})$", "-+0123456789."),
    ("tag:yaml.org,2002:merge", r"^<<$", "<"),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))


def _opaque(_loader: object, _suffix: str, _node: yaml.Node) -> str:
    return UNREAD


def _decimal(loader: Any, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


_Loader.add_multi_constructor("", _opaque)
_Loader.add_constructor("tag:yaml.org,2002:int", _decimal)  # 0755 is 755: nobody here asks for the mode's value


def documents(text: str) -> Sequence[Any]:
    """The documents of a file, as dicts, lists and scalars.

    Raises:
        NotYaml: it can't be read, or is larger, deeper or more repetitive than any such file needs to be.
    """
    _measure(text)
    found: list[Any] = []
    loader = _Loader(text)
    try:
        while loader.check_node() and len(found) < DOCUMENTS_LIMIT:
            node = loader.get_node()
            _weigh(node)
            found.append(loader.construct_document(node))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise NotYaml(_first_line(error)) from error
    finally:
        loader.dispose()
    return found


def document(text: str) -> Mapping[str, Any]:
    """The first document, where it is a mapping; empty otherwise. Raises NotYaml as `documents` does."""
    found = documents(text)
    return table(found[0]) if found else {}


def table(value: Any) -> Mapping[str, Any]:
    """`value` as a mapping with text for keys; empty where it is none."""
    return {str(key): inner for key, inner in value.items()} if isinstance(value, dict) else {}


def rows(value: Any) -> Sequence[Any]:
    """`value` as a list; a single value is a list of one, none of nothing."""
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def texts(value: Any) -> Sequence[str]:
    """The texts in `value`, however deep its lists are nested."""
    return list(_texts(value, 0))


def at(value: Any, *keys: str) -> Any:
    """What stands at `keys`; None where nothing does."""
    for key in keys:
        value = table(value).get(key)
    return value


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, list) and depth < DEPTH_LIMIT:
        for one in value:
            yield from _texts(one, depth + 1)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def _measure(text: str) -> None:
    """Count before anything is built: the reader of libyaml that builds calls itself for each level."""
    depth = count = 0
    try:
        for event in yaml.parse(text, Loader=_BASE):
            count += 1
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if count > EVENTS_LIMIT or depth > DEPTH_LIMIT:
                raise NotYaml(f"over {EVENTS_LIMIT} values, or nested deeper than {DEPTH_LIMIT}")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotYaml(_first_line(error)) from error


def _weigh(root: yaml.Node) -> None:
    """Refuse what would grow by its own references: ten aliases of ten aliases of ten are a thousand."""
    weights: dict[int, int] = {}
    open_now: set[int] = set()

    def weight(node: yaml.Node) -> int:
        if id(node) in open_now:
            raise NotYaml("a value contains itself")
        if id(node) not in weights:
            open_now.add(id(node))
            weights[id(node)] = 1 + sum(map(weight, _inner(node)))
            open_now.discard(id(node))
        if weights[id(node)] > NODES_LIMIT:
            raise NotYaml(f"its references add up to over {NODES_LIMIT} values")
        return weights[id(node)]

    weight(root)


def _inner(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
