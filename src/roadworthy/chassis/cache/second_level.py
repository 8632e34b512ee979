"""Answers kept in the shared tier, below those of each process."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from redis.exceptions import RedisError

from roadworthy.chassis.cache.responses import StoredResponse
from roadworthy.chassis.cache.shared import SharedTier, SharedTierDown

KEY_PREFIX = "roadworthy:response"
LOCK_MS = 5000
POLL_SECONDS = 0.02
POLLS_MAX = 25
WRITES_MAX = 1000
BATCH_MAX = 128
BODY_BYTES_MAX = 256 * 1024
# Below this share of hits a look costs more than it saves: then only each PROBE_EVERYth load looks.
WORTH_A_LOOK = 0.05
PROBE_EVERY = 16
SMOOTHING = 0.05

logger = logging.getLogger(__name__)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(StoredResponse).decode

# KEYS[1] the answer, KEYS[2] the lock on loading it. Answer: the value, or whether the caller is to load it.
LOOK: Final = """
local out = {}
for n = 1, #KEYS, 2 do
  local value = redis.call('GET', KEYS[n])
  if value then out[#out + 1] = value
  elseif redis.call('SET', KEYS[n + 1], '1', 'NX', 'PX', ARGV[1]) then out[#out + 1] = 1
  else out[#out + 1] = 0 end
end
return out
"""

Load = Callable[[], Awaitable[StoredResponse | None]]


class SecondLevel:
    """Looks into the shared tier before a load, and leaves there what was loaded.

    One process loads what several miss at once; the others look again for at most half a second and then load
    themselves. Looks and writes that come together travel together. A tier that is down costs nothing but the hits.
    """

    def __init__(self, tier: SharedTier, *, namespace: str) -> None:
        """Keep entries of different `namespace` (say, version) apart."""
        self._tier = tier
        self._prefix = f"{KEY_PREFIX}:{namespace}"
        self._look = tier.client.register_script(LOOK)
        self._looks: dict[str, list[asyncio.Future[bytes | int]]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._writes: dict[str, tuple[StoredResponse | None, float]] = {}
        self._writing: asyncio.Task[None] | None = None
        self._hit_share = 1.0
        self._since_probe = 0
        self.hits = 0
        self.misses = 0

    def key(self, parts: tuple[object, ...]) -> str:
        """The key of an answer: its parts can be long, or hold what clients sent."""
        return f"{self._prefix}:{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"

    async def get(self, key: str, ttl_seconds: float, load: Load) -> StoredResponse | None:
        """What the tier has under `key`, else what `load` gives, which is then left there. None: not to be kept."""
        if self._tier.down:
            return await load()
        if not self._worth_a_look():
            return await self._load(key, ttl_seconds, load, locked=False)
        found = await self._find(key)
        self._hit_share += SMOOTHING * ((1.0 if isinstance(found, StoredResponse) else 0.0) - self._hit_share)
        if isinstance(found, StoredResponse):
            self.hits += 1
            return found
        self.misses += 1
        return await self._load(key, ttl_seconds, load, locked=found)

    async def close(self) -> None:
        """Finish what is being written."""
        for task in (self._looking, self._writing):
            if task is not None:
                await asyncio.wait([task])

    def _worth_a_look(self) -> bool:
        self._since_probe += 1
        if self._hit_share < WORTH_A_LOOK and self._since_probe < PROBE_EVERY:
            return False
        self._since_probe = 0
        return True

    async def _find(self, key: str) -> StoredResponse | bool:
        """The answer, or whether this process holds the lock on loading it."""
        for _ in range(POLLS_MAX):
            try:
                found = await self._ask(key)
            except (SharedTierDown, RedisError):
                return False
            if isinstance(found, bytes):
                return _decoded(found) or False
            if found:
                return True
            await asyncio.sleep(POLL_SECONDS)
        return False

    async def _load(self, key: str, ttl_seconds: float, load: Load, *, locked: bool) -> StoredResponse | None:
        response = None
        try:
            response = await load()
        finally:
            if response is not None and len(response.body) <= BODY_BYTES_MAX:
                self._write(key, response, ttl_seconds)
            elif locked:
                self._write(key, None, 0)
        return response

    def _ask(self, key: str) -> asyncio.Future[bytes | int]:
        future: asyncio.Future[bytes | int] = asyncio.get_running_loop().create_future()
        self._looks.setdefault(key, []).append(future)
        if self._looking is None:
            self._looking = asyncio.create_task(self._travel(), name="second-level-looks")
        return future

    async def _travel(self) -> None:
        try:
            while self._looks:
                batch = {key: self._looks.pop(key) for key in list(self._looks)[:BATCH_MAX]}
                keys = [name for key in batch for name in (key, f"{key}:lock")]
                try:
                    answers = await self._tier.run(self._look(keys=keys, args=[LOCK_MS]))
                except Exception as error:  # noqa: BLE001  # whoever waits must hear of it, whatever it is
                    answers = [error] * len(batch)
                for futures, answer in zip(batch.values(), answers, strict=True):
                    _tell(futures, answer)
        finally:
            self._looking = None

    def _write(self, key: str, response: StoredResponse | None, ttl_seconds: float) -> None:
        """Leave `response` in the tier and give up the lock, soon and behind the answer's back."""
        if len(self._writes) >= WRITES_MAX:
            return
        self._writes[key] = (response, ttl_seconds)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="second-level-writes")

    async def _write_all(self) -> None:
        try:
            while self._writes:
                batch = {key: self._writes.pop(key) for key in list(self._writes)[:BATCH_MAX]}
                pipeline = self._tier.client.pipeline(transaction=False)
                for key, (response, ttl_seconds) in batch.items():
                    if response is not None:
                        pipeline.set(key, _encode(response), px=max(1, int(ttl_seconds * 1000)))
                    pipeline.delete(f"{key}:lock")
                await self._tier.run(pipeline.execute())
        except (SharedTierDown, RedisError) as error:
            self._writes.clear()
            logger.debug("answers were not left in the shared tier: %s", error)
        finally:
            self._writing = None


def _decoded(value: bytes) -> StoredResponse | None:
    try:
        return _decode(value)
    except msgspec.MsgspecError:  # left by another version, or by somebody else
        return None


def _tell(futures: list[asyncio.Future[bytes | int]], answer: bytes | int | Exception) -> None:
    for number, future in enumerate(futures):
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(0 if answer == 1 and number else answer)  # one of them holds the lock
