"""Answers given again: looked up, loaded once for all who wait, kept here and in the shared tier."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.cache.flights import Flight, Flights
from roadworthy.chassis.cache.functions import TRY_AGAIN_SECONDS
from roadworthy.chassis.cache.responses import StoredResponse
from roadworthy.chassis.cache.store import ENTRY_OVERHEAD_BYTES, Store
from roadworthy.chassis.edge.asgi import ASGIApp, Header, Message, Scope
from roadworthy.chassis.edge.compression import BODY_BYTES_MIN, FOR_MANY, Negotiation, compress, is_compressible
from roadworthy.chassis.edge.exchange import BODY, OK, START, encoded, with_vary
from roadworthy.chassis.edge.policy import NO_CACHE, CachePolicy
from roadworthy.chassis.edge.routes import Plan, route_of
from roadworthy.chassis.edge.security import with_security
from roadworthy.chassis.edge.validators import strong_etag
from roadworthy.chassis.errors import DeadlineExceeded
from roadworthy.chassis.limits.limiter import RateLimiter
from roadworthy.chassis.telemetry.metrics import Metrics

QUERY_BYTES_MAX = 1024
BODY_BYTES_MAX = 2 * 1024 * 1024
ALIASES_MAX = 16
NOT_KEPT_MAX = 10_000
NOT_KEPT_SECONDS = 10.0
HIT: Final[Header] = (b"x-cache", b"hit")
MISS: Final[Header] = (b"x-cache", b"miss")
STALE: Final[Header] = (b"x-cache", b"stale")
BYPASS: Final[Header] = (b"x-cache", b"bypass")

Key: TypeAlias = tuple[object, ...]

negotiation = Negotiation(FOR_MANY)
logger = logging.getLogger(__name__)


class Variant:
    """An answer in one content coding, ready to be sent: what differs from request to request is added to `headers`."""

    __slots__ = ("body", "headers", "size_bytes")

    def __init__(self, headers: list[Header], body: bytes) -> None:
        """Take `headers` that go out with every copy."""
        self.headers = headers
        self.body: Message = {"type": BODY, "body": body}
        self.size_bytes = len(body)


class Entry:
    """A kept answer and the codings that it was asked for in, each made once."""

    __slots__ = (
        "_compressible",
        "_present",
        "age",
        "aliases",
        "created",
        "etag",
        "expires",
        "keep_until",
        "key",
        "limiter",
        "older_at",
        "pending",
        "renew_at",
        "route",
        "size_bytes",
        "status",
        "tags",
        "uses",
        "uses_seen",
        "variants",
    )

    def __init__(
        self,
        key: Key,
        response: StoredResponse,
        policy: CachePolicy,
        limiter: RateLimiter | None,
        pending: list[float],
        *,
        tags: tuple[str, ...] = (),
    ) -> None:
        """Keep `response` under `key` until its time is up, measured from when it was made, wherever that was.

        `limiter` admits those who ask for it again, `pending` takes how long each had to wait.
        """
        age = max(0.0, time.time() - response.created_at)
        self.created = time.monotonic() - age
        self.expires = self.renew_at = self.created + policy.ttl_seconds
        self.keep_until = self.expires + policy.stale_seconds
        self.tags = tags
        self.uses = self.uses_seen = 0
        self.route = response.route
        self.key = key
        self.aliases: list[Key] = []
        self.limiter = limiter
        self.pending = pending
        self.status = response.status
        self.grow_older(self.created + age)
        headers, self.etag = _prepared(response, policy.browser_seconds)
        self._present = dict(headers)
        self._compressible = len(response.body) >= BODY_BYTES_MIN and (
            b"content-encoding" not in self._present and is_compressible(self._present.get(b"content-type", b""))
        )
        if self._compressible:
            headers = with_vary(headers, self._present)
        plain = Variant(with_security(headers, self._present), response.body)
        self.variants: dict[bytes | None, Variant] = {None: plain}
        self.size_bytes = len(response.body) + ENTRY_OVERHEAD_BYTES

    def grow_older(self, now: float) -> None:
        """Say in `age` how old the answer is `now`; to be called from `older_at` on, a second later each time."""
        seconds = int(now - self.created)
        self.older_at = self.created + seconds + 1
        self.age: Header = (b"age", b"%d" % seconds)

    async def variant(self, coding: bytes | None) -> tuple[Variant, int]:
        """The answer in `coding`, and how many bytes the entry grew by making it."""
        plain = self.variants[None]
        if coding is None or not self._compressible:
            return plain, 0
        body: bytes = plain.body["body"]
        compressed = await compress(coding, body, kept=True)
        if coding in self.variants:  # somebody else was faster
            return self.variants[coding], 0
        made = (
            plain
            if len(compressed) >= len(body)
            else Variant(encoded(plain.headers, coding, len(compressed)), compressed)
        )
        self.variants[coding] = made
        return made, 0 if made is plain else made.size_bytes


class _Load:
    """A run of the app for its answer's sake: no client, no credentials, one deadline."""

    __slots__ = ("_body", "_start", "complete", "expired", "size_bytes", "started_at", "task")

    def __init__(self) -> None:
        self.started_at = time.monotonic()
        self.task = asyncio.current_task()
        self.expired = False
        self.complete = False
        self.size_bytes = 0
        self._start: Message | None = None
        self._body: list[bytes] = []

    def expire(self) -> None:
        self.expired = True
        if self.task is not None:
            self.task.cancel()

    async def receive(self) -> Message:
        if self._start is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.Event().wait()  # nobody disconnects from a load
        raise AssertionError

    async def send(self, message: Message) -> None:
        if message["type"] == START:
            self._start = message
        elif message["type"] == BODY and self.size_bytes <= BODY_BYTES_MAX:
            self._body.append(message.get("body", b""))
            self.size_bytes += len(self._body[-1])
            self.complete = not message.get("more_body", False)

    def response(self, route: str) -> StoredResponse | None:
        """The whole answer; None when it was none, or too large to keep."""
        if self._start is None or not self.complete or self.size_bytes > BODY_BYTES_MAX:
            return None
        headers = [(name.lower(), value) for name, value in self._start.get("headers", ())]
        return StoredResponse(self._start["status"], headers, b"".join(self._body), time.time(), route)


class ResponseCache:
    """Keeps what apps declared cacheable, and nothing that says it is somebody's own."""

    __slots__ = (
        "_app",
        "_flights",
        "_hits_gone",
        "_metrics",
        "_not_kept",
        "_second_level",
        "_store",
        "asked",
        "misses",
        "stale",
    )

    def __init__(self, app: ASGIApp, limit_bytes: int, cache: Cache, metrics: Metrics) -> None:
        """Keep at most `limit_bytes` in this process, and more in the shared tier of `cache` if there is one."""
        self._app = app
        self._metrics = metrics
        self._hits_gone = 0
        self._store: Store[Key, Entry] = Store(limit_bytes, self._forget, cache.tags)
        self._second_level = cache.shared
        self._flights: Flights[Key, Entry | None] = Flights(cache.tags)
        self._not_kept: dict[Key, float] = {}
        self.asked: dict[Key, Entry] = {}
        """Entries by the way they were asked for, word by word: the shortest way to one that is asked for again.

        Only those that depend on nothing but path, query and host.
        """
        self.misses = 0
        self.stale = 0
        """Requests answered by an entry whose time was up, while it was made anew."""

    @property
    def hits(self) -> int:
        """Requests answered by an entry."""
        return self._hits_gone + sum(entry.uses for entry in self._store.entries.values())

    @property
    def size_bytes(self) -> int:
        """What this process keeps."""
        return self._store.size_bytes

    @property
    def evictions(self) -> int:
        """Entries that had to make room before their time was up."""
        return self._store.evictions

    def asked_for(self, scope: Scope, headers: Mapping[bytes, bytes], plan: Plan) -> Key:
        """Everything that the answer depends on, as it was asked."""
        return (scope["path"], scope["query_string"], headers.get(b"host"), *(headers.get(name) for name in plan.vary))

    def find(self, asked: Key, plan: Plan, scope: Scope, now: float) -> Entry | None:
        """An entry for a request that was not asked in these words before; a query's order does not matter.

        One whose time is up is given out for as long as the policy allows, while it is made anew, once.
        """
        key = _canonical(asked)
        entry = self._store.entries.get(key) if key is not None else None
        if key is None or entry is None or entry.keep_until <= now:
            return None
        if entry.expires <= now:
            self.stale += 1
            if entry.renew_at <= now:
                entry.renew_at = now + TRY_AGAIN_SECONDS
                self._begin(key, plan, scope)
        self._remember(asked, entry, plan)
        return entry

    async def fetch(self, asked: Key, plan: Plan, scope: Scope) -> Entry | None:
        """The answer, loaded once however many wait. None: not to be shared, so let the app answer each.

        Raises:
            DeadlineExceeded: the load took too long.
            Exception: whatever the app raised.
        """
        key = _canonical(asked)
        if key is None or time.monotonic() < self._not_kept.get(key, 0.0):
            return None
        entry = await asyncio.shield(self._begin(key, plan, scope))
        if entry is not None and self._store.entries.get(key) is entry:
            self._remember(asked, entry, plan)
        return entry

    async def variant(self, entry: Entry, coding: bytes | None) -> Variant:
        """`entry` in `coding`, made if need be and accounted for."""
        variant, grown = await entry.variant(coding)
        if grown:
            self._store.grow(entry.key, entry, grown)
        return variant

    def _remember(self, asked: Key, entry: Entry, plan: Plan) -> None:
        if plan.vary or plan.cors or plan.cost != 1:
            return
        if asked not in self.asked and len(entry.aliases) < ALIASES_MAX:
            entry.aliases.append(asked)
            self.asked[asked] = entry

    def _forget(self, entry: Entry) -> None:
        self._hits_gone += entry.uses
        for asked in entry.aliases:
            self.asked.pop(asked, None)

    def tidy(self, now: float) -> None:
        """Forget what is over at `now` (monotonic seconds)."""
        self._store.tidy(now)
        if len(self._not_kept) > NOT_KEPT_MAX // 2:
            self._not_kept = {key: until for key, until in self._not_kept.items() if until > now}

    def _begin(self, key: Key, plan: Plan, scope: Scope) -> asyncio.Task[Entry | None]:
        assert plan.cache is not None, "nothing is fetched without a policy"
        policy, ran = plan.cache, _Ran(self._app, plan, scope)
        tags = policy.tags_of(scope["path"])
        return self._flights.begin(key, lambda flight: self._load(flight, key, policy, plan, ran), tags)

    async def _load(
        self, flight: Flight[Entry | None], key: Key, policy: CachePolicy, plan: Plan, ran: _Ran
    ) -> Entry | None:
        shared, wait_seconds = self._second_level, plan.deadlines.timeout_seconds
        if shared is None:
            response = await ran.keepable()
        else:
            address = shared.address(key, flight.tags, plan.label)
            response = await shared.get(address, policy.ttl_seconds, ran.keepable, CODEC, wait_seconds)
        if response is not None:
            entry = self._entry(key, response, policy, plan, flight.tags)
            if not flight.spoilt:
                self._store.put(key, entry)
            return entry
        if ran.shareable is not None:
            return self._entry(key, ran.shareable, NO_CACHE, plan, flight.tags)
        self._do_not_keep(key, plan)
        return None

    def _entry(
        self, key: Key, response: StoredResponse, policy: CachePolicy, plan: Plan, tags: tuple[str, ...]
    ) -> Entry:
        pending = self._metrics.requests("GET", response.route, str(response.status)).pending
        return Entry(key, response, policy, plan.limiter, pending, tags=tags)

    def _do_not_keep(self, key: Key, plan: Plan) -> None:
        self._store.drop(key)  # it was for everybody once
        logger.warning("%s is declared cacheable, but its answer is private, a stream or too large", plan.label)
        if len(self._not_kept) < NOT_KEPT_MAX:
            self._not_kept[key] = time.monotonic() + NOT_KEPT_SECONDS


class _Codec:
    encode = staticmethod(msgspec.msgpack.Encoder().encode)
    decode = staticmethod(msgspec.msgpack.Decoder(StoredResponse).decode)


CODEC: Final = _Codec()


class _Ran:
    """One run of the app, and what may be done with its answer."""

    def __init__(self, app: ASGIApp, plan: Plan, scope: Scope) -> None:
        self._app = app
        self._plan = plan
        self._scope = _scope_for_everybody(scope, plan)
        self.shareable: StoredResponse | None = None
        """What those who wait now may all have, errors too; not to be kept unless `keepable` returned it."""

    async def keepable(self) -> StoredResponse | None:
        """Run the app; returns its answer if others may have it later."""
        load = _Load()
        self._plan.deadlines.watch(load)
        try:
            await self._app(self._scope, load.receive, load.send)
        except asyncio.CancelledError:
            if not load.expired:
                raise
            raise DeadlineExceeded(f"There was none within {self._plan.deadlines.timeout_seconds:g} seconds.") from None
        finally:
            self._plan.deadlines.forget(load)
        response = load.response(route_of(self._scope, self._plan.label))
        self.shareable = response if response is not None and not _is_private(response) else None
        return self.shareable if self.shareable is not None and self.shareable.status == OK else None


def _canonical(asked: Key) -> Key | None:
    """What an answer is kept under; None for a query too long to be worth it."""
    path, query, *others = asked
    assert isinstance(query, bytes), "path, query, host and headers that matter"
    if len(query) > QUERY_BYTES_MAX:
        return None
    return (path, b"&".join(sorted(query.split(b"&"))), *others) if b"&" in query else asked


def _scope_for_everybody(scope: Scope, plan: Plan) -> Scope:
    # Only what the key holds: a header that the app saw and the key does not would be given to all (cache poisoning).
    kept = {b"host", *plan.vary}
    headers = [(name, value) for name, value in scope["headers"] if name in kept]
    return {**scope, "method": "GET", "headers": headers, "client": None}


def _is_private(response: StoredResponse) -> bool:
    control = _all_values(response, b"cache-control")
    return (
        any(name == b"set-cookie" for name, _ in response.headers)
        or b"private" in control
        or b"no-store" in control
        or b"*" in _all_values(response, b"vary")
    )


def _all_values(response: StoredResponse, wanted: bytes) -> bytes:
    """What every header called `wanted` says: a list may be sent in several of them (RFC 9110, 5.3)."""
    return b", ".join(value for name, value in response.headers if name == wanted).lower()


def _prepared(response: StoredResponse, browser_seconds: int) -> tuple[list[Header], bytes | None]:
    """Headers of a kept answer, and its ETag."""
    present = dict(response.headers)
    headers = [header for header in response.headers if header[0] != b"content-length"]
    headers.append((b"content-length", b"%d" % len(response.body)))
    if response.status != OK:
        return headers, None
    etag = present.get(b"etag")
    if etag is None:
        etag = strong_etag(response.body)
        headers.append((b"etag", etag))
    if b"cache-control" not in present:
        headers.append((b"cache-control", b"public, max-age=%d" % browser_seconds if browser_seconds else b"no-cache"))
    return headers, etag
