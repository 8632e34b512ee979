"""Reads an Alertmanager's configuration and silences: whom an alert with these labels would reach."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes.config import is_placeholder

ROUTES_LIMIT = 2_000
DEPTH_LIMIT = 20
TEXT_LIMIT_CHARACTERS = 512 * 1024
LOOPBACK_ADDRESS = re.compile(r"^https?://(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/]|$)")
_MATCHER = re.compile(r'^[ \t]*"?([a-zA-Z_][\w.]*)"?\s*(=~|!~|!=|=)\s*"?(.*?)"?\s*$')


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label: `operator` is =, !=, =~ or !~."""

    name: str
    operator: str
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool | None:
        """Whether it holds for these labels; None for a label that only the series would bring."""
        if self.name not in labels:
            return None
        label = labels[self.name]
        try:
            same = bool(re.fullmatch(self.value, label)) if self.operator.endswith("~") else label == self.value
        except re.error:
            return None
        return same is not self.operator.startswith("!")


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told. `ways` are the kinds of integration that could reach somebody: "slack", "pagerduty"."""

    name: str
    ways: tuple[str, ...]
    dead: tuple[str, ...] = ()
    """Integrations that reach nobody, with the reason: a placeholder, an address of this machine."""

    @property
    def reaches(self) -> bool:
        """Whether there is a way out."""
        return bool(self.ways)


@dataclass(frozen=True, slots=True)
class Route:
    """A branch of the routing tree."""

    receiver: str
    matchers: tuple[Matcher, ...] = ()
    goes_on: bool = False
    children: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class Routing:
    """The routing tree and the receivers by name."""

    root: Route
    receivers: Mapping[str, Receiver]

    def reached(self, labels: Mapping[str, str]) -> Sequence[Receiver]:
        """Every receiver that an alert with these labels may go to; labels that are not known may match or not."""
        names = dict.fromkeys(_receivers(self.root, labels))
        return [self.receivers.get(name, Receiver(name, ())) for name in names]


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence: alerts that match all of it tell nobody."""

    matchers: tuple[Matcher, ...]
    active: bool
    ends_at: str
    author: str

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is silenced whatever its series."""
        return bool(self.matchers) and all(one.holds(labels) is True for one in self.matchers)


def routing(text: str) -> Routing:
    """Read a configuration.

    Raises:
        Unobservable: it is no Alertmanager configuration.
    """
    document = load_yaml(text)
    if not isinstance(document, dict) or not isinstance(document.get("route"), dict):
        raise Unobservable("the Alertmanager's configuration has no route", "see that it loads: amtool check-config")
    found = [_receiver(one) for one in _objects(document.get("receivers"))]
    return Routing(_route(document["route"], "", 0), {one.name: one for one in found})


def silence(value: Mapping[str, Any]) -> Silence:
    """One silence as the API shows it."""
    status = value.get("status")
    matchers = [
        Matcher(
            str(one.get("name", "")),
            ("=~" if one.get("isRegex") else "=")
            if one.get("isEqual", True)
            else ("!~" if one.get("isRegex") else "!="),
            str(one.get("value", "")),
        )
        for one in _objects(value.get("matchers"))
    ]
    return Silence(
        tuple(matchers),
        isinstance(status, dict) and status.get("state") == "active",
        str(value.get("endsAt", "")),
        str(value.get("createdBy", "")),
    )


def load_yaml(text: str) -> object:
    """The first document of a text; None where it is none. Anchors are refused: they grow beyond any bound."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text[:TEXT_LIMIT_CHARACTERS])):
            return None
        return next(iter(yaml.safe_load_all(text[:TEXT_LIMIT_CHARACTERS])), None)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def _receivers(route: Route, labels: Mapping[str, str]) -> Iterator[str]:
    """Depth first, as the Alertmanager walks: the first child that matches takes the alert, unless it says continue."""
    certain = False
    for child in route.children:
        verdicts = [one.holds(labels) for one in child.matchers]
        if False in verdicts:
            continue
        yield from _receivers(child, labels)
        if None not in verdicts:
            certain = True
            if not child.goes_on:
                break
    if not certain:
        yield route.receiver


def _route(value: Mapping[str, Any], inherited: str, depth: int) -> Route:
    if depth > DEPTH_LIMIT:
        raise Unobservable("the Alertmanager's routes are nested too deep to follow")
    receiver = str(value.get("receiver") or inherited)
    children = tuple(_route(one, receiver, depth + 1) for one in _objects(value.get("routes"))[:ROUTES_LIMIT])
    return Route(receiver, tuple(_matchers(value)), value.get("continue") is True, children)


def _matchers(value: Mapping[str, Any]) -> Iterator[Matcher]:
    for key, operator in (("match", "="), ("match_re", "=~")):
        found = value.get(key)
        for name, wanted in found.items() if isinstance(found, dict) else ():
            yield Matcher(str(name), operator, str(wanted))
    texts = value.get("matchers")
    for text in texts if isinstance(texts, list) else ():
        parts = _MATCHER.match(str(text))
        yield Matcher(parts[1], parts[2], parts[3]) if parts else Matcher("", "=", str(text))


def _receiver(value: Mapping[str, Any]) -> Receiver:
    ways: list[str] = []
    dead: list[str] = []
    for key, configured in value.items():
        kind = str(key).removesuffix("_configs")
        for one in _objects(configured) if kind != key else ():
            reason = _leads_nowhere(one)
            (dead if reason else ways).append(f"{kind} ({reason})" if reason else kind)
    return Receiver(str(value.get("name", "")), tuple(ways), tuple(dead))


def _leads_nowhere(integration: Mapping[str, Any]) -> str:
    """Why nobody is reached: a placeholder in an address. Secrets are masked by the server and can't be judged."""
    for name in ("to", "url", "api_url", "service_key", "routing_key", "api_key", "channel", "chat_id", "user_key"):
        value = integration.get(name)
        text = str(value) if value is not None else ""
        if not text or text == "<secret>":
            continue
        if is_placeholder(text):
            return f"{name} is a placeholder"
        if LOOPBACK_ADDRESS.match(text):
            return f"{name} is on the machine itself"
    return ""


def _objects(value: object) -> Sequence[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
