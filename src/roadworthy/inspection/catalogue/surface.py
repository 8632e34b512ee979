"""What the service shows of itself: its pages, its documented operations, its metrics. Each is asked for once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.model import Probes, Requirement
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.exposition import Exposition
from roadworthy.inspection.probes.exposition import parse as parse_metrics
from roadworthy.inspection.probes.html import Page
from roadworthy.inspection.probes.html import parse as parse_page
from roadworthy.inspection.probes.http import Answer, HttpProbe

DOCUMENTS = ("/openapi.json", "/docs/openapi.json", "/schema/openapi.json", "/api/openapi.json", "/swagger.json")
DOCUMENT_ADDRESSES = (
    *DOCUMENTS,
    *("/docs", "/redoc", "/swagger", "/swagger-ui.html", "/swagger-ui/index.html", "/v3/api-docs"),
    *("/api/docs", "/api/schema/", "/api-docs", "/api-json"),
)
"""Where frameworks put documents for machines and for people."""
METRICS = ("/metrics",)
NOWHERE = "/roadworthy-does-this-page-exist"
HTML = {"accept": "text/html"}
PAGES_LIMIT = 4
GUESSES = 3
PAGE_ELEMENTS_MIN = 3
"""A page with less is an empty answer, and says nothing about a frontend."""
OK, BAD = 200, 400
REDIRECT = 300
_PARAMETER = re.compile(r"\{[^{}]{1,200}\}")


@dataclass(frozen=True, slots=True)
class Shown:
    """A page, and the answer that brought it."""

    answer: Answer
    page: Page


async def pages(http: HttpProbe) -> Sequence[Shown]:
    """The home page and up to three others that it links to, of different kinds.

    Raises:
        Unobservable: the home address answers with no page.
    """
    home = await http.get("/", headers=HTML)
    if home.status != OK or "html" not in home.content_type or not _a_page(home):
        raise Unobservable(
            f"{home.path} answers {home.status} {home.content_type or 'with no type'}: not a page to judge"
        )
    found = [Shown(home, parse_page(home.text))]
    for link in _kinds(http, found[0].page.links):
        answer = await http.get(link, headers=HTML)
        if answer.status == OK and "html" in answer.content_type:
            found.append(Shown(answer, parse_page(answer.text)))
    return found


def described(shown: Sequence[Shown]) -> str:
    """How many pages were looked at and which, for a summary."""
    return f"{len(shown)} page{'s' if len(shown) != 1 else ''} ({', '.join(one.answer.path for one in shown)})"


def local_assets(http: HttpProbe, shown: Sequence[Shown], *kinds: str) -> Sequence[str]:
    """Addresses of assets on this host; `kinds` of "scripts", "styles", "images"; all without."""
    found: dict[str, None] = {}
    for one in shown:
        for kind in kinds or ("scripts", "styles", "images"):
            for reference in getattr(one.page, kind):
                url = addresses.join(one.answer.url, reference)
                if addresses.parse(url).host == http.host:
                    found[url] = None
    return tuple(found)


def foreign_assets(http: HttpProbe, shown: Sequence[Shown]) -> Sequence[str]:
    """Addresses of assets on other hosts."""
    found = {addresses.join(one.answer.url, reference): None for one in shown for reference in one.page.assets}
    return tuple(url for url in found if addresses.parse(url).host not in {http.host, ""})


async def document(http: HttpProbe) -> Mapping[str, Any] | None:
    """The OpenAPI document; None where none is served at any usual address."""
    for path in DOCUMENTS:
        answer = await http.get(path)
        body = answer.json() if answer.status == OK else None
        if isinstance(body, dict) and isinstance(body.get("paths"), dict):
            return body
    return None


async def operations(http: HttpProbe) -> Sequence[tuple[str, str]]:
    """Documented (METHOD, path) pairs, sorted; empty where nothing is documented."""
    found = await document(http)
    paths = found["paths"] if found else {}
    methods = {"get", "post", "put", "patch", "delete"}
    return sorted(
        (method.upper(), path)
        for path, item in paths.items()
        if isinstance(item, dict)
        for method in methods & set(item)
    )


async def api_path(http: HttpProbe, requirement: Requirement | None = None) -> str:
    """A readable API route: the one that the line names, else the plainest documented list.

    Raises:
        Unobservable: no route is known.
    """
    named = (requirement.text("path") or next(iter(requirement.names("paths")), "")) if requirement else ""
    if named.startswith("/") and not _PARAMETER.search(named):
        await real(http, named)
        return named
    documented = [path for method, path in await operations(http) if method == "GET" and not _PARAMETER.search(path)]
    for path in (*sorted(documented, key=_plainness), *([] if documented else await _guessed(http))):
        answer = await http.get(path, headers={"accept": "application/json"})
        if answer.status == OK and "json" in answer.content_type and len(answer.body) > 2:  # noqa: PLR2004 - more than {}
            return path
    raise Unobservable(
        "no API route is documented, nor guessed from the pages", "name a route in the line: `/api/jobs`"
    )


async def _guessed(http: HttpProbe) -> Sequence[str]:
    """Where documents are off: /api/jobs for a page at /jobs."""
    try:
        shown = await pages(http)
    except Unobservable:
        return []
    segments = [
        addresses.parse(addresses.join(http.url, link)).path.split("/")[1:2] for one in shown for link in one.page.links
    ]
    names = dict.fromkeys(segment[0] for segment in segments if segment and segment[0].isalpha())
    return [f"/api/{name}" for name in list(names)[:GUESSES]]


async def real(http: HttpProbe, path: str) -> Answer:
    """The answer at `path`, where it has something to say that a made-up address does not say too.

    Raises:
        Unobservable: it says nothing.
    """
    answer, nowhere = await http.get(path), await http.get(NOWHERE)
    if answer.truncated and nowhere.truncated:
        raise Unobservable("its answers have no end, not even to a made-up address", "name a route that can be read")
    if answer.status != OK or len(answer.body) <= 2 or answer.body == nowhere.body:  # noqa: PLR2004 - {} and "ok"
        raise Unobservable(f"{path} answers {answer.status} with nothing of its own", "name a route that can be read")
    return answer


async def alive(http: HttpProbe) -> Answer:
    """An answer with something in it: what is absent means nothing on a server that says nothing.

    Raises:
        Unobservable: neither the home page nor health nor the API says anything.
    """
    for path in ("/", "/health", "/api/health", "/api/"):
        with if_seen():
            return await real(http, path)
    raise Unobservable(
        f"{http.url} answers with nothing: what it leaves out means nothing", "name the service's real address"
    )


async def limited_path(http: HttpProbe, requirement: Requirement) -> str:
    """A route that a rate limit should cover; the API's prefix where no route is documented."""
    with if_seen():
        return await api_path(http, requirement)
    answer = await http.get("/api/")
    return "/api/" if "json" in answer.content_type or answer.status < REDIRECT else "/"


async def metrics(probes: Probes, requirement: Requirement | None = None) -> tuple[Answer, Exposition]:
    """The page of metrics, read.

    Raises:
        Unobservable: there is no HTTP to ask.
    """
    if probes.http is None:
        raise Unobservable("the target offers no http", '[http] url = "https://your.app"')
    path = requirement.text("path") if requirement else ""
    answer = await probes.http.get(path if path.startswith("/") else METRICS[0], named=bool(path))
    return answer, parse_metrics(answer.text if answer.status == OK and "html" not in answer.content_type else "")


def _a_page(answer: Answer) -> bool:
    return parse_page(answer.text).elements >= PAGE_ELEMENTS_MIN


def _kinds(http: HttpProbe, links: Sequence[str]) -> Sequence[str]:
    """Links to this host, the first of each kind: kinds differ in their path with names and numbers left out."""
    chosen: dict[str, str] = {"/": "/"}
    for link in links:
        parts = addresses.parse(addresses.join(http.url + "/", link))
        if parts.host == http.host and parts.scheme in {"http", "https"} and not _aside(parts.path):
            kind = "/".join(parts.path.split("/")[:2]) + str(parts.path.count("/"))
            chosen.setdefault(kind, f"{parts.path}{f'?{parts.query}' if parts.query else ''}")
    return [link for link in chosen.values() if link != "/"][: PAGES_LIMIT - 1]


def _aside(path: str) -> bool:
    return path in {"", "/"} or path.startswith(("/docs", "/redoc", "/static", "/logout", "/metrics", "/health"))


def _plainness(path: str) -> tuple[bool, int, str]:
    meta = re.search(r"health|metric|schema|openapi|docs|version|auth|login|admin", path) is not None
    return meta, path.count("/") * 100 + len(path), path
