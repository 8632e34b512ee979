"""Changes told to every process by the database itself: with the commit, in its order, or not at all.

A notification is part of the transaction that made the change, so none is lost between the two, and none tells of what
was rolled back. A process that listens hears of it a few milliseconds after the commit (decision 14).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.cache.tags import checked

if TYPE_CHECKING:
    from roadworthy.chassis.database.pool import Proxy

    Connection = asyncpg.Connection[asyncpg.Record]

CHANNEL = "roadworthy_changes"
NOTIFY = "select pg_notify($1, $2)"
# PostgreSQL takes 7,999 bytes; a tag takes 200 at most, and twice that if each of them has to be escaped.
TAGS_A_PAYLOAD = 15
TAGS_MAX = 300
CONNECT_TIMEOUT_SECONDS = 5.0
HEARTBEAT_SECONDS = 1.0
RETRY_SECONDS = (0.02, 0.1, 0.5, 1.0)
FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

logger = logging.getLogger(__name__)


class Announcement(msgspec.Struct, frozen=True, array_like=True):
    """A change by a name given once, and the tags of what it made untrue; none: everything."""

    change: str
    tags: tuple[str, ...]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Announcement).decode


async def announce(connection: Proxy, tags: Sequence[str]) -> str:
    """Tell every process, when the transaction commits, that what is under `tags` is no longer true.

    Returns the name of the change. More than 300 tags are announced as everything.

    Raises:
        ValueError: a tag is empty or longer than 200 bytes.
    """
    tags = checked(tags)
    change = secrets.token_hex(8)
    for announcement in _announcements(change, tags if len(tags) <= TAGS_MAX else ()):
        await connection.execute(NOTIFY, CHANNEL, _encode(announcement).decode())
    return change


def _announcements(change: str, tags: tuple[str, ...]) -> Iterator[Announcement]:
    yield Announcement(change, tags[:TAGS_A_PAYLOAD])
    for number, start in enumerate(range(TAGS_A_PAYLOAD, len(tags), TAGS_A_PAYLOAD), 1):
        yield Announcement(f"{change}.{number}", tags[start : start + TAGS_A_PAYLOAD])


class Listener:
    """Hears of every change and has this process forget what it made untrue.

    Its connection is asked for a sign of life every second. When it was lost, the next one begins with forgetting
    everything, here and in the shared tier: what was announced meanwhile is not told again.
    """

    def __init__(self, dsn: str, cache: Cache, *, application_name: str = "roadworthy listener") -> None:
        """Take the address of the database itself: a transaction pooler passes no notifications on."""
        self._dsn = dsn
        self._cache = cache
        self._application_name = application_name
        cache.hears = False
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._settling: asyncio.Task[None] | None = None
        self.heard = 0
        self.losses = 0

    @property
    def listening(self) -> bool:
        """Whether changes are heard at the moment."""
        return self._ready.is_set()

    async def start(self) -> None:
        """Listen from now on; without a database for some seconds, when there is one."""
        self._task = asyncio.create_task(self._keep_listening(), name="listener")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), CONNECT_TIMEOUT_SECONDS)

    async def close(self) -> None:
        """Listen no more."""
        tasks = [task for task in (self._task, self._settling) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _keep_listening(self) -> None:
        failures = 0
        while True:
            try:
                await self._listen()
            except FAILURES as error:
                was_listening = self._ready.is_set()
                self._ready.clear()
                self._cache.hears = False
                failures = 0 if was_listening else failures + 1
                if was_listening or failures == 1:
                    logger.warning("changes by other processes are not heard: %s", str(error) or type(error).__name__)
            self.losses += 1
            await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])

    async def _listen(self) -> None:
        connection: Connection = await asyncpg.connect(
            self._dsn,
            timeout=CONNECT_TIMEOUT_SECONDS,
            server_settings={"application_name": self._application_name},
        )
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(CHANNEL, self._hear)
            self._cache.missed()
            await self._cache.settle()
            self._ready.set()
            self._cache.hears = True
            while not lost.is_set():
                await connection.execute("select", timeout=HEARTBEAT_SECONDS)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), HEARTBEAT_SECONDS)
            raise ConnectionError("the connection that listens was closed")
        finally:
            connection.terminate()

    def _hear(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        try:
            announcement = _decode(str(payload))
        except msgspec.MsgspecError:  # of another version, or anybody else's: better too much forgotten
            self._cache.missed()
            return
        self.heard += 1
        if not announcement.tags:
            self._cache.missed()
        elif not self._cache.heard(announcement.change, announcement.tags):
            return
        if self._settling is None or self._settling.done():
            self._settling = asyncio.create_task(self._cache.settle(), name="settle")
