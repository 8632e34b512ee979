"""Asks the service over HTTP: politely, bounded in everything, and each question once."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpx

from roadworthy.inspection.errors import Refused, Unobservable
from roadworthy.inspection.observation import CONNECTIONS, REQUESTS_A_CHECKLIST
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.answer import (
    BODY_LIMIT_BYTES,
    Answer,
    Burst,
    bounded_body,
    decoded,
    directives,
    joined_headers,
)

__all__ = ["BODY_LIMIT_BYTES", "Answer", "Burst", "HttpProbe", "directives"]

REQUEST_TIMEOUT_SECONDS = 8.0
PROVOCATION_TIMEOUT_SECONDS = 45.0
PROVOCATION_LIMIT_REQUESTS = 600
PROVOKED_LIMIT_REQUESTS = 1_500
"""All provocations of a checklist together."""
GENTLE_SHARE, GENTLE_SECONDS = 3.0, 0.01
"""A provocation leaves the service to others three times as long as an answer took, at most so many seconds."""
REDIRECTS_LIMIT = 3
SILENCES_LIMIT = 4
USER_AGENT = "roadworthy-inspect/0.1 (production-readiness checks)"
VANTAGE = "HTTP client on this machine"
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1"})
NO_HEADERS: Mapping[str, str] = {}
NO_TLS = "WRONG_VERSION_NUMBER"
"""How OpenSSL calls an answer that is no TLS at all."""
REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
GONE = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
"""How a connection ends that the server closed while it was kept for the next question."""


@dataclass(slots=True)
class _Counts:
    unnamed: int = 0
    named: set[str] = field(default_factory=set)
    provoked: int = 0
    answered: int = 0


class HttpProbe:
    """The service as a client sees it.

    At most two connections, a budget of requests a checklist (an endpoint that the checklist names costs one more,
    once), answers kept: the same question is asked once. Redirects are followed on the same host only.
    """

    def __init__(
        self,
        url: str,
        *,
        verify_tls: bool = True,
        ca_file: Path | None = None,
        requests_limit: int = REQUESTS_A_CHECKLIST,
    ) -> None:
        """Take the base `url`, with scheme and perhaps a login, and `ca_file`, to trust besides the system's."""
        parts = addresses.parse(url)
        if parts.scheme not in {"http", "https"} or not parts.host:
            raise Unobservable(f"{url} is not a web address", 'write it with its scheme: url = "https://your.app"')
        self.url = f"{parts.scheme}://{parts.place}"
        self._login = httpx.BasicAuth(parts.user, parts.password) if parts.user else None
        self.password = parts.password or None
        self.parts = addresses.parse(self.url)
        self.host = parts.host
        self.port: int = parts.port or (443 if parts.scheme == "https" else 80)
        self._verify = verify_tls
        self._ca_file = ca_file
        self._requests_limit = requests_limit
        self._counts = _Counts()
        self._kept: dict[tuple[str, str, tuple[tuple[str, str], ...]], asyncio.Task[Answer]] = {}
        self._connections = asyncio.Semaphore(CONNECTIONS)
        self._provoking = asyncio.Lock()
        self._provocations: dict[str, Burst | Unobservable] = {}
        self._silences = 0
        self._client: httpx.AsyncClient | None = None

    @property
    def vantage(self) -> str:
        """From where the answers were seen."""
        return VANTAGE

    @property
    def secure(self) -> bool:
        """Whether the address begins with https."""
        return self.parts.scheme == "https"

    @property
    def loopback(self) -> bool:
        """Whether the service is addressed on this very machine."""
        return self.host in LOOPBACK_NAMES

    @property
    def requests_sent(self) -> tuple[int, int]:
        """Ordinary requests, and those of provocations."""
        return self._counts.unnamed + len(self._counts.named), self._counts.provoked

    async def get(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] = NO_HEADERS,
        named: bool = False,
        again: str = "",
        follow: bool = True,
    ) -> Answer:
        """The answer to one question, asked once however many checks want it.

        `named`: the checklist itself names this endpoint. `again`: a word that makes the same question a new one
        ("second"), for what only shows when asked twice. `follow` false: a redirect is the answer.

        Raises:
            Unobservable: no connection, no answer in time, or the budget is spent.
        """
        url = self.absolute(path)
        key = (method, f"{url}#{again}#{follow}", tuple(sorted((k.lower(), v) for k, v in headers.items())))
        if key not in self._kept:
            self._spend(method, path, named=named)
            self._kept[key] = asyncio.ensure_future(self._ask(method, url, headers, REDIRECTS_LIMIT if follow else 0))
        return await asyncio.shield(self._kept[key])

    def absolute(self, path: str) -> str:
        """`path` on this service; an absolute address must be on the same host."""
        url = addresses.join(self.url + "/", path)
        if addresses.parse(url).host != self.host:
            raise Unobservable(f"{url} is on another host; only {self.host} is asked")
        return url

    async def burst(
        self,
        path: str | Sequence[str],
        count: int,
        *,
        name: str,
        headers: Callable[[int], Mapping[str, str]] = lambda _: NO_HEADERS,
        stop: Callable[[Answer], bool] = lambda _: False,
        pause_seconds: float = 0.0,
    ) -> Burst:
        """Send `count` requests one after the other to `path`, or in turn to several, outside the budget.

        A provocation of the same `name` is done once, however many lines ask for it: again only where more requests
        are wanted than were sent, and nothing stopped them. On a loopback target the requests come from a loopback
        address of their own, so that a limit that counts addresses counts these alone and locks nobody else out.

        Raises:
            Unobservable: no answer, or the checklist's provocations are spent.
        """
        async with self._provoking:
            kept = self._provocations.get(name)
            if isinstance(kept, Unobservable):
                raise kept
            if kept is None or kept.goes_on(min(count, PROVOCATION_LIMIT_REQUESTS)):
                try:
                    kept = await self._provoke(path, count, headers, stop, pause_seconds, so_far=kept)
                except Unobservable as hidden:
                    self._provocations[name] = hidden
                    raise
                self._provocations[name] = kept
            return kept

    def tls_context(self) -> ssl.SSLContext:
        """What certificates are judged by: the system's authorities, and the one given."""
        context = ssl.create_default_context()
        if self._ca_file is not None:
            context.load_verify_locations(self._ca_file)
        return context

    async def aclose(self) -> None:
        """Close connections and forget answers."""
        for task in self._kept.values():
            task.cancel()
        await asyncio.gather(*self._kept.values(), return_exceptions=True)
        self._kept.clear()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _provoke(
        self,
        path: str | Sequence[str],
        count: int,
        headers: Callable[[int], Mapping[str, str]],
        stop: Callable[[Answer], bool],
        pause_seconds: float,
        *,
        so_far: Burst | None,
    ) -> Burst:
        paths = [path] if isinstance(path, str) else path
        wanted = min(count, PROVOCATION_LIMIT_REQUESTS)
        left = PROVOKED_LIMIT_REQUESTS - self._counts.provoked
        if left <= 0:
            raise Unobservable(
                f"{PROVOKED_LIMIT_REQUESTS} requests were spent on provoking other limits",
                "inspect a shorter checklist, or name fewer routes",
            )
        source = self._own_address()
        async with self._open(source) as client:
            # from the same address a limit has counted the earlier requests too: these go on where those ended
            began = so_far.began if so_far and not source else time.monotonic()
            answers: list[Answer] = list(so_far.answers) if so_far and not source else []
            count = min(wanted, len(answers) + left)
            while len(answers) < count and time.monotonic() - began < PROVOCATION_TIMEOUT_SECONDS:
                self._counts.provoked += 1
                url = self.absolute(paths[len(answers) % len(paths)])
                request = self._request(client, "GET", url, headers(len(answers)), ipv4=bool(source))
                answers.append(await self._send(client, request, keep_body=False))
                if stop(answers[-1]):
                    break
                await asyncio.sleep(max(pause_seconds, min(GENTLE_SHARE * answers[-1].seconds, GENTLE_SECONDS)))
            vantage = f"{VANTAGE}, {'an address of its own' if source else 'its only address'}"
            stopped = bool(answers and stop(answers[-1]))
            complete, seconds = stopped or len(answers) == wanted, time.monotonic() - began
            return Burst(tuple(answers), seconds, vantage, complete=complete, stopped=stopped, began=began)

    def _spend(self, method: str, path: str, *, named: bool) -> None:
        endpoint = f"{method} {path.partition('?')[0]}"
        if named and endpoint not in self._counts.named:
            self._counts.named.add(endpoint)
            return
        if self._counts.unnamed >= self._requests_limit:
            raise Unobservable(
                f"the budget of {self._requests_limit} requests was spent before {endpoint} could be asked",
                "inspect a shorter checklist, or name the endpoint in the line",
            )
        self._counts.unnamed += 1

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], redirects: int) -> Answer:
        if self._client is None:
            self._client = self._open(None)
        passed: list[str] = []
        while True:
            async with self._connections:
                answer = await self._send(self._client, self._request(self._client, method, url, headers))
            onward = self._same_host_redirect(answer)
            if onward is None or len(passed) == redirects or self._counts.unnamed >= self._requests_limit:
                return replace(answer, redirects=tuple(passed))
            self._counts.unnamed += 1  # each step of a redirect is a request like any other
            passed.append(url)
            url = onward

    def _same_host_redirect(self, answer: Answer) -> str | None:
        location = answer.headers.get("location")
        if answer.status not in {301, 302, 303, 307, 308} or not location:
            return None
        url = addresses.join(answer.url, location)
        parts = addresses.parse(url)
        return url if parts.host == self.host and parts.scheme in {"http", "https"} else None

    def _open(self, source: str | None) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        verify = self.tls_context() if self.secure and self._verify else False
        transport = httpx.AsyncHTTPTransport(verify=verify, limits=limits, local_address=source, trust_env=False)
        # every request comes as a stranger's: a session picked up on the way would change later answers
        nobody = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        return httpx.AsyncClient(transport=transport, timeout=REQUEST_TIMEOUT_SECONDS, trust_env=False, cookies=nobody)

    def _own_address(self) -> str | None:
        if not self.loopback or self.secure:
            return None
        octets = (random.randint(1, 254) for _ in range(3))  # noqa: S311 - it only has to differ from the last run's
        return "127." + ".".join(map(str, octets))

    def _request(
        self, client: httpx.AsyncClient, method: str, url: str, headers: Mapping[str, str], *, ipv4: bool = False
    ) -> httpx.Request:
        everything = {"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "identity", **headers}
        if ipv4:  # a loopback source address can't reach ::1, which localhost may mean
            everything.setdefault("host", addresses.parse(url).place)
            url = url.replace(f"//{self.host}", "//127.0.0.1", 1)
        try:
            return client.build_request(method, url, headers=everything)
        except (httpx.InvalidURL, ValueError) as error:  # an address of a page may be anything
            raise Unobservable(f"{url[:120]} can't be asked for: {error}", "mend the address") from error

    async def _send(self, client: httpx.AsyncClient, request: httpx.Request, *, keep_body: bool = True) -> Answer:
        self._give_up_on_silence()
        began = time.monotonic()
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                response = await self._begun(client, request)
                try:
                    raw, truncated = await bounded_body(response, began + REQUEST_TIMEOUT_SECONDS - 1)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError) as error:
            self._silences += isinstance(error, TimeoutError | httpx.TimeoutException)
            kind = Refused if _refused(error) else Unobservable
            raise kind(self._why(request, error), self._advice(error)) from error
        self._counts.answered += 1
        dripping = truncated and len(raw) < BODY_LIMIT_BYTES
        self._silences = self._silences + 1 if dripping else 0
        headers = joined_headers(response)
        body, cut = decoded(raw, headers.get("content-encoding", "")) if keep_body else (b"", False)
        seconds = time.monotonic() - began
        url = str(request.url)
        return Answer(
            request.method, url, response.status_code, headers, body, len(raw), seconds, truncated=truncated or cut
        )

    async def _begun(self, client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        """The answer, its body still to come.

        Asked again, once, where a server that has answered before closed a kept connection as the question arrived.
        """
        login = self._login_for(request)
        try:
            return await client.send(request, stream=True, auth=login)
        except GONE:
            if not self._counts.answered or request.method not in REPEATABLE:
                raise
            return await client.send(request, stream=True, auth=login)

    def _give_up_on_silence(self) -> None:
        """Each question would wait its whole time: a few that did so in a row speak for the rest."""
        if self._silences >= SILENCES_LIMIT:
            raise Unobservable(
                f"{self.url} let {self._silences} requests in a row wait {REQUEST_TIMEOUT_SECONDS:g} seconds; "
                "it was not asked any more",
                "mend the service, or its address",
            )

    def _login_for(self, request: httpx.Request) -> httpx.Auth | None:
        """The login for the target itself; nobody else, and no plain request to an https target, gets it."""
        url, ports = request.url, {"http": 80, "https": 443}
        # a provocation of localhost goes to its IPv4 address
        same_host = url.host == self.host or (self.host == "localhost" and url.host == "127.0.0.1")
        same = url.scheme == self.parts.scheme and same_host and (url.port or ports.get(url.scheme)) == self.port
        return self._login if same else None

    def _why(self, request: httpx.Request, error: Exception) -> str:
        words = "no answer in time" if isinstance(error, TimeoutError | httpx.TimeoutException) else str(error)
        words = "what answers there speaks no TLS" if NO_TLS in words else words
        return f"{request.method} {request.url}: {words or type(error).__name__}"

    def _advice(self, error: Exception) -> str:
        if NO_TLS in str(error):
            return f"write the address as http://{self.parts.place}"
        return "start the service, or mend the address"


def _refused(error: BaseException | None) -> bool:
    """Whether a refusal lies at the bottom of it; several addresses tried make a group."""
    while error is not None and not isinstance(error, ConnectionRefusedError):
        if isinstance(error, BaseExceptionGroup):
            return all(map(_refused, error.exceptions))
        error = error.__cause__ or error.__context__
    return error is not None
