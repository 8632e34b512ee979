"""Units of work: one transaction each, and with it what it makes untrue elsewhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from roadworthy.chassis import consistency
from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.database.announcements import TAGS_MAX, announce
from roadworthy.chassis.database.pool import Database

if TYPE_CHECKING:
    from roadworthy.chassis.database.pool import Proxy


class UnitOfWork:
    """One transaction, opened at first use; `unit_of_work` commits it, or rolls it back when its block raises."""

    def __init__(self, database: Database, stack: AsyncExitStack) -> None:
        """Open nothing yet."""
        self._database = database
        self._stack = stack
        self._connection: Proxy | None = None
        self._dropped: dict[str, None] = {}

    async def connection(self) -> Proxy:
        """The connection of the transaction."""
        if self._connection is None:
            self._connection = await self._stack.enter_async_context(self._database.transaction())
        return self._connection

    def drop(self, *tags: str) -> None:
        """Have everything that is kept under `tags` forgotten when the transaction commits.

        In this process and in the shared tier before the block of `unit_of_work` is left, in others within 100 ms.
        """
        self._dropped.update(dict.fromkeys(tags))

    @property
    def is_open(self) -> bool:
        """Whether anything was done."""
        return self._connection is not None

    @property
    def dropped(self) -> tuple[str, ...]:
        """What it makes untrue."""
        return tuple(self._dropped)


@asynccontextmanager
async def unit_of_work(database: Database, cache: Cache) -> AsyncGenerator[UnitOfWork]:
    """A unit of work for the block, committed at its end and undone when it raises."""
    change = None
    work: UnitOfWork | None = None
    try:
        async with AsyncExitStack() as stack:
            work = UnitOfWork(database, stack)
            yield work
            if work.dropped:
                change = await announce(await work.connection(), work.dropped)
    finally:
        # Also after a commit that failed on its way: whether it took place is not known.
        if change is not None and work is not None:
            await _forget(cache, change, work.dropped)
    if work.is_open:
        consistency.note_write()


async def _forget(cache: Cache, change: str, tags: tuple[str, ...]) -> None:
    if len(tags) > TAGS_MAX:
        cache.missed()
        await cache.settle()
    else:
        await cache.changed(change, tags)
