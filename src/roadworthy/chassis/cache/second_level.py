"""What is kept in the shared tier, below what each process keeps."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeAlias, TypeVar

from redis.exceptions import RedisError

from roadworthy.chassis.cache.locks import LEASE_MS, Leases
from roadworthy.chassis.cache.shared import SharedTier, SharedTierDown
from roadworthy.chassis.cache.tags import digest
from roadworthy.chassis.errors import DeadlineExceeded

# In braces: a script that compares a value with the versions of its tags needs them all on one node of a cluster.
PREFIX: Final = "{roadworthy:cache}"
EVERYTHING: Final = f"{PREFIX}:tag:"
VERSION_LIFE_MS: Final = 2 * 86_400_000  # longer than any entry's: then only a version that was evicted ends early
CHANGE_LIFE_MS: Final = 30_000  # by then every process that hears has told of it; the others forget everything
CHANGES_MAX: Final = 1000
POLL_SECONDS = 0.02
WAIT_SECONDS_MAX = 30.0
LEFT_MAX = 1000
BATCH_MAX = 128
BATCH_BYTES_MAX = 4 * 1024 * 1024
VALUE_BYTES_MAX = 256 * 1024
# Below this share of hits a look costs more than it saves: then only each PROBE_EVERYth load looks.
WORTH_A_LOOK = 0.05
PROBE_EVERY = 16
SMOOTHING = 0.05
GROUPS_MAX = 1000

V = TypeVar("V")

logger = logging.getLogger(__name__)


class Codec(Protocol[V]):
    """Turns values into bytes and back."""

    def encode(self, value: V) -> bytes:
        """`value` as it is left in the shared tier."""

    def decode(self, data: bytes) -> V:
        """What was encoded.

        Raises:
            ValueError: it was not encoded by this version.
        """


class Address(NamedTuple):
    """Where something is kept: its key, the tags that it depends on, and what it is one of, for hit shares."""

    key: str
    tags: tuple[str, ...]
    group: str


class Lock(NamedTuple):
    """The right to load something, and the versions of its tags when that was given."""

    token: bytes
    versions: bytes


Found: TypeAlias = "bytes | Lock | None"
"""The value; or a lock to load it under; or nothing, for somebody else is loading it."""


class _Looked:
    """How often looks of one group found something, lately."""

    __slots__ = ("since_probe", "value")

    def __init__(self) -> None:
        self.value = 1.0
        self.since_probe = 0

    def is_worth_it(self) -> bool:
        self.since_probe += 1
        if self.value < WORTH_A_LOOK and self.since_probe < PROBE_EVERY:
            return False
        self.since_probe = 0
        return True

    def note(self, *, found: bool) -> None:
        self.value += SMOOTHING * (found - self.value)


class SecondLevel:
    """Looks into the shared tier before a load, and leaves there what was loaded.

    One process loads what several miss at once, under a lock with a lease; the others look again until the value is
    there, and one of them takes over when the holder gave up or died. What was loaded under a lock that is no longer
    its loader's is not left, nor what a dropped tag made untrue meanwhile. Looks and writes that come together travel
    together. A tier that is down costs nothing but the hits; when it comes back everything in it is taken for untrue,
    since changes may have passed it by.
    """

    def __init__(self, tier: SharedTier, *, namespace: str, lease_ms: int = LEASE_MS) -> None:
        """Keep entries of different `namespace` (say, version) apart; tags are the same for all."""
        self._tier = tier
        self._prefix = f"{PREFIX}:{namespace}"
        self._look = tier.script(_script("look"))
        self._leave = tier.script(_script("leave"))
        self._drop = tier.script(_script("drop"))
        self._leases = Leases(tier, lease_ms)
        self._nonce = secrets.token_hex(8)
        self._number = 0
        self._looks: OrderedDict[Address, list[asyncio.Future[Found]]] = OrderedDict()
        self._looking: asyncio.Task[None] | None = None
        self._left: dict[Address, tuple[Lock, bytes, float]] = {}
        self._leaving: asyncio.Task[None] | None = None
        self._changes: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._changing = asyncio.Lock()
        self._outages_seen = tier.outages
        self._looked: dict[str, _Looked] = {}
        self.hits = 0
        self.misses = 0

    def address(self, parts: tuple[object, ...], tags: tuple[str, ...] = (), group: str = "") -> Address:
        """Where something is kept: its parts can be long, or hold what clients sent."""
        return Address(f"{self._prefix}:{digest(repr(parts))}", tags, group)

    async def get(
        self,
        address: Address,
        ttl_seconds: float,
        load: Callable[[], Awaitable[V | None]],
        codec: Codec[V],
        wait_seconds: float = WAIT_SECONDS_MAX,
    ) -> V | None:
        """What the tier has at `address`, else what `load` gives, which is then left there. None: not to be kept.

        Raises:
            DeadlineExceeded: others have been loading it for `wait_seconds`.
            Exception: whatever `load` raised.
        """
        looked = self._looked_of(address.group)
        if self._tier.down or not looked.is_worth_it():
            return await load()
        found = await self._find(address, wait_seconds)
        value = _decoded(found, codec) if isinstance(found, bytes) else None
        looked.note(found=value is not None)
        if value is not None:
            self.hits += 1
            return value
        self.misses += 1
        if not isinstance(found, Lock):
            return await load()
        return await self._load(address, found, ttl_seconds, load, codec)

    def changed(self, change: str, tags: Iterable[str]) -> None:
        """Hear that `change` (a name given once) made what is under `tags` untrue: nothing of it is found from now on.

        `settle` awaits that other processes don't find it either.
        """
        if len(self._changes) >= CHANGES_MAX:
            self._changes.clear()
            self.distrust()
        else:
            self._changes[change] = tuple(tags)

    def distrust(self) -> None:
        """Take everything in the tier for untrue: changes may have gone unheard."""
        self._outages_seen = -1

    async def settle(self) -> None:
        """Tell the tier of every change heard so far. While it is down, nothing is taken from it."""
        if self._tier.down or not (self._changes or self._outages_seen != self._tier.outages):
            return
        try:
            async with self._changing:
                await self._tell()
        except (SharedTierDown, RedisError) as error:
            self._changes.clear()
            self.distrust()
            logger.debug("the shared tier was not told of changes: %s", error)

    async def close(self) -> None:
        """Finish what is being written."""
        for task in (self._looking, self._leaving):
            if task is not None:
                await asyncio.wait([task])
        await self._leases.close()

    def _looked_of(self, group: str) -> _Looked:
        if group not in self._looked and len(self._looked) >= GROUPS_MAX:
            group = ""
        return self._looked.setdefault(group, _Looked())

    async def _tell(self) -> None:
        outages = self._tier.outages
        if self._outages_seen != outages:
            self._changes.clear()
            await self._drop_tags(self._unique(), [EVERYTHING])
            self._outages_seen = outages
        while self._changes:
            change, tags = next(iter(self._changes.items()))
            await self._drop_tags(change, [_tag(tag) for tag in tags])
            self._changes.pop(change, None)

    async def _drop_tags(self, change: str, tags: list[str]) -> None:
        keys = [f"{PREFIX}:change:{change}", *tags]
        await self._tier.run(self._drop(keys=keys, args=[self._unique(), VERSION_LIFE_MS, CHANGE_LIFE_MS]))

    def _unique(self) -> str:
        self._number += 1
        return f"{self._nonce}.{self._number}."

    async def _find(self, address: Address, wait_seconds: float) -> Found:
        give_up_at = time.monotonic() + wait_seconds
        while time.monotonic() < give_up_at:
            try:
                found = await self._ask(address)
            except (SharedTierDown, RedisError):
                return None
            if found is not None:
                return found
            await asyncio.sleep(POLL_SECONDS)
        raise DeadlineExceeded(f"Another process has been loading it for {wait_seconds:g} seconds.")

    async def _load(
        self,
        address: Address,
        lock: Lock,
        ttl_seconds: float,
        load: Callable[[], Awaitable[V | None]],
        codec: Codec[V],
    ) -> V | None:
        data = b""
        self._leases.hold(_lock(address), lock.token)
        try:
            value = await load()
            if value is not None:
                data = codec.encode(value)
        finally:
            self._leases.let_go(_lock(address))
            self._leave_soon(address, lock, data if len(data) <= VALUE_BYTES_MAX else b"", ttl_seconds)
        return value

    def _ask(self, address: Address) -> asyncio.Future[Found]:
        future: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._looks.setdefault(address, []).append(future)
        if self._looking is None:
            self._looking = asyncio.create_task(self._travel(), name="second-level-looks")
        return future

    async def _travel(self) -> None:
        try:
            while self._looks:
                await self.settle()
                batch = [self._looks.popitem(last=False) for _ in range(min(BATCH_MAX, len(self._looks)))]
                try:
                    answers = await self._look_for([address for address, _ in batch])
                except Exception as error:  # noqa: BLE001  # whoever waits must hear of it, whatever it is
                    answers = [error] * len(batch)
                for (_, futures), answer in zip(batch, answers, strict=True):
                    _tell(futures, answer)
        finally:
            self._looking = None

    async def _look_for(self, addresses: list[Address]) -> list[Found | Exception]:
        keys = [EVERYTHING, *(key for address in addresses for key in _keys(address))]
        token = self._unique()
        args: list[str | int] = [
            self._leases.lease_ms,
            VERSION_LIFE_MS,
            token,
            *(len(address.tags) for address in addresses),
        ]
        answers = await self._tier.run(self._look(keys=keys, args=args))
        return [_found(answer, token) for answer in answers]

    def _leave_soon(self, address: Address, lock: Lock, data: bytes, ttl_seconds: float) -> None:
        """Leave `data` in the tier and give up the lock, soon and behind the answer's back."""
        if len(self._left) >= LEFT_MAX:
            return
        self._left[address] = (lock, data, ttl_seconds)
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._leave_all(), name="second-level-writes")

    async def _leave_all(self) -> None:
        try:
            while self._left:
                keys = [EVERYTHING]
                args: list[str | bytes | int] = []
                size = 0
                while self._left and len(args) < BATCH_MAX * 5 and size < BATCH_BYTES_MAX:
                    address, (lock, data, ttl_seconds) = self._left.popitem()
                    keys += _keys(address)
                    args += [len(address.tags), lock.token, lock.versions, max(1, int(ttl_seconds * 1000)), data]
                    size += len(data)
                await self._tier.run(self._leave(keys=keys, args=args))
        except (SharedTierDown, RedisError) as error:
            self._left.clear()
            logger.debug("nothing was left in the shared tier: %s", error)
        finally:
            self._leaving = None


def _script(name: str) -> str:
    return Path(__file__).with_name(f"{name}.lua").read_text(encoding="ascii")


def _tag(tag: str) -> str:
    return f"{EVERYTHING}{digest(tag)}"


def _lock(address: Address) -> str:
    return f"{address.key}:lock"


def _keys(address: Address) -> list[str]:
    return [address.key, _lock(address), *map(_tag, address.tags)]


def _found(answer: bytes | list[bytes] | int, token: str) -> Found:
    if isinstance(answer, bytes):
        return answer
    return Lock(token.encode(), answer[0]) if isinstance(answer, list) else None


def _decoded(data: bytes, codec: Codec[V]) -> V | None:
    try:
        return codec.decode(data)
    except ValueError:  # left by another version, or by somebody else
        return None


def _tell(futures: list[asyncio.Future[Found]], answer: Found | Exception) -> None:
    for number, future in enumerate(futures):
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(None if isinstance(answer, Lock) and number else answer)  # one of them holds the lock
