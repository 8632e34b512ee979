"""Asks Prometheus and its Alertmanager: rules that are loaded, targets that are scraped, series that exist."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.alertmanager import Routing, Silence, routing, silence
from roadworthy.inspection.probes.http import HttpProbe

OK = 200
RULES_LIMIT = 2_000
TARGETS_LIMIT = 5_000
QUERY_TIMEOUT = "5s"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An alerting rule as it is loaded. `health` is "ok", "unknown" (not evaluated yet) or "err"."""

    name: str
    expression: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    health: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    """What Prometheus scrapes; `health` is "up", "down" or "unknown"."""

    job: str
    instance: str
    url: str
    health: str


class PrometheusProbe:
    """The monitoring system, over its HTTP API; nothing is changed there. Each question is asked once."""

    def __init__(self, url: str, alertmanager_url: str = "", jobs: Sequence[str] = ()) -> None:
        """Take both addresses, with their path prefixes, and the scrape `jobs` that belong to the service."""
        self.jobs = tuple(jobs)
        self._prometheus = _Door(url)
        self._alertmanager = _Door(alertmanager_url) if alertmanager_url else None

    @property
    def vantage(self) -> str:
        """From where the answers were seen."""
        return f"Prometheus at {self._prometheus.http.parts.place}"

    @property
    def passwords(self) -> frozenset[str]:
        """Passwords in the addresses."""
        doors = (self._prometheus, self._alertmanager)
        return frozenset(door.http.password for door in doors if door and door.http.password)

    @property
    def local(self) -> bool:
        """Whether it runs on this very machine."""
        return self._prometheus.http.host in LOOPBACK

    async def rules(self) -> Sequence[AlertRule]:
        """Alerting rules that are loaded, at most `RULES_LIMIT`."""
        data = await self._prometheus.data("/api/v1/rules", type="alert")
        groups = data.get("groups") if isinstance(data, dict) else None
        return [
            _rule(rule)
            for group in _objects(groups)
            for rule in _objects(group.get("rules"))
            if rule.get("type") == "alerting"
        ][:RULES_LIMIT]

    async def targets(self) -> Sequence[ScrapeTarget]:
        """What is scraped now, at most `TARGETS_LIMIT`; dropped targets are none."""
        data = await self._prometheus.data("/api/v1/targets", state="active")
        found = data.get("activeTargets") if isinstance(data, dict) else None
        return [_target(one) for one in _objects(found)][:TARGETS_LIMIT]

    async def alertmanagers(self) -> Sequence[str]:
        """Addresses that Prometheus sends its alerts to."""
        data = await self._prometheus.data("/api/v1/alertmanagers")
        active = data.get("activeAlertmanagers") if isinstance(data, dict) else None
        return [str(one.get("url", "")) for one in _objects(active)]

    async def count(self, selector: str) -> int:
        """How many series match a selector now: `up{job="app"}`."""
        return int(await self.value(f"count({selector})") or 0)

    async def value(self, query: str) -> float | None:
        """The value of an expression that comes to one number; None where there is none."""
        data = await self._prometheus.data("/api/v1/query", query=query, timeout=QUERY_TIMEOUT)
        found = _objects(data.get("result")) if isinstance(data, dict) else []
        value = found[0].get("value") if found else None
        if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004 - moment and value
            return None
        number = float(str(value[1]))
        return number if math.isfinite(number) else None

    async def names(self, matcher: str) -> Sequence[str]:
        """Names of the series that match now: `{job="app"}`."""
        query = f"count by (__name__) ({matcher})"
        data = await self._prometheus.data("/api/v1/query", query=query, timeout=QUERY_TIMEOUT)
        found = _objects(data.get("result")) if isinstance(data, dict) else []
        metrics = [one.get("metric") for one in found]
        return sorted(str(metric.get("__name__", "")) for metric in metrics if isinstance(metric, dict))

    async def routing(self) -> Routing | None:
        """How the Alertmanager routes; None where its address is not offered."""
        if self._alertmanager is None:
            return None
        status = await self._alertmanager.json("/api/v2/status")
        config = status.get("config") if isinstance(status, dict) else None
        original = config.get("original") if isinstance(config, dict) else None
        if not isinstance(original, str):
            raise Unobservable(
                f"{self._alertmanager.http.url} shows no configuration",
                "[prometheus] alertmanager_url is Alertmanager's",
            )
        return routing(original)

    async def silences(self) -> Sequence[Silence]:
        """Silences that hold now; none where the Alertmanager's address is not offered."""
        if self._alertmanager is None:
            return []
        found = _objects(await self._alertmanager.json("/api/v2/silences"))
        return [one for one in map(silence, found) if one.active]

    async def aclose(self) -> None:
        """Close the connections."""
        await self._prometheus.http.aclose()
        if self._alertmanager is not None:
            await self._alertmanager.http.aclose()


class _Door:
    """One server and the prefix that its API stands under."""

    def __init__(self, url: str) -> None:
        self.http = HttpProbe(url)
        self.prefix = addresses.parse(url).path.rstrip("/")

    async def json(self, path: str, **query: str) -> object:
        address = f"{self.prefix}{path}{f'?{urlencode(query)}' if query else ''}"
        answer = await self.http.get(address)
        if answer.truncated:
            raise Unobservable(f"{self.http.url}{path} answers more than is read", "inspect a smaller Prometheus")
        body = answer.json()
        if answer.status != OK or body is None:
            raise Unobservable(
                f"{self.http.url}{path} answers {answer.status}: not this API",
                "[prometheus] url is the server's address",
            )
        return body

    async def data(self, path: str, **query: str) -> object:
        body = await self.json(path, **query)
        if not isinstance(body, dict) or body.get("status") != "success":
            problem = str(body.get("error", "not Prometheus' API"))[:200] if isinstance(body, dict) else "no object"
            raise Unobservable(f"{self.http.url}{path}: {problem}", "[prometheus] url is the server's address")
        return body.get("data")


def _objects(value: object) -> Sequence[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: object) -> Mapping[str, str]:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, dict) else {}


def _rule(rule: Mapping[str, Any]) -> AlertRule:
    name = str(rule.get("name", ""))
    labels = {"alertname": name, **_texts(rule.get("labels"))}
    problem = str(rule.get("lastError", ""))
    health = str(rule.get("health", ""))
    return AlertRule(name, str(rule.get("query", "")), labels, _texts(rule.get("annotations")), health, problem)


def _target(one: Mapping[str, Any]) -> ScrapeTarget:
    labels = _texts(one.get("labels"))
    return ScrapeTarget(
        labels.get("job", ""), labels.get("instance", ""), str(one.get("scrapeUrl", "")), str(one.get("health", ""))
    )


def quoted(names: Sequence[str]) -> str:
    """Names as the value of a `=~` matcher: each as it stands, one of them."""
    joined = "|".join(re.escape(name).replace(r"\-", "-") for name in names)
    return joined.replace("\\", "\\\\").replace('"', '\\"')
