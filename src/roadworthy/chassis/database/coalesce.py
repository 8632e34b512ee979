"""Coalesced reads: what many callers ask at once becomes one query."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextvars import Context
from itertools import islice
from typing import Generic, TypeVar

from roadworthy.chassis.consistency import needs_primary, primary_context
from roadworthy.chassis.errors import Overloaded

G = TypeVar("G", bound=Hashable)
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Waiters = dict[K, list["asyncio.Future[V | None]"]]


class TooManyReads(Overloaded):
    """More reads are waiting than the database will answer in time; try again in a moment."""


class Lookup(Generic[G, K, V]):
    """Gathers concurrent reads of one group into one query.

    `load(group, keys)` answers distinct keys at once; a key that it leaves out is None. The group is whatever must
    be equal for reads to share a query: the caller's scope first of all, and the shape of the filter for lists. Reads
    for which a replica won't do (see `consistency`) share queries of their own.

    A read that arrives while no query runs starts one at the end of this turn of the event loop, with whatever else
    arrived in it; the others gather until that one is back. So an idle service answers at once, and a busy one asks
    the database less often. Only beside a query that takes longer than `patience_seconds` another one starts, up to
    `in_flight_limit`. (Two at a time from the start made the slowest reads six times as slow on two cores: a web
    process that was busy with one query's rows kept the other query from its processor.)

    An error of `load` reaches everyone who waits for that batch, and no one else. A caller that is cancelled leaves
    its batch as it was; what no one waits for any more is not asked.
    """

    def __init__(
        self,
        load: Callable[[G, Sequence[K]], Awaitable[Mapping[K, V]]],
        *,
        batch_limit: int = 128,
        in_flight_limit: int = 2,
        patience_seconds: float = 0.05,
        waiting_limit: int = 10_000,
    ) -> None:
        """Take limits: keys a query, queries at a time, reads that may wait before the next is refused."""
        self._load = load
        self._batch_limit = batch_limit
        self._in_flight_limit = in_flight_limit
        self._patience_seconds = patience_seconds
        self._waiting_limit = waiting_limit
        self._gathering: dict[tuple[G, bool], Waiters[K, V]] = {}
        self._waiting = 0
        self._scheduled = False
        self._running: set[asyncio.Task[None]] = set()
        self._started_at = 0.0
        self._latest: asyncio.Task[None] | None = None
        self._patience: asyncio.TimerHandle | None = None

    def get(self, group: G, key: K) -> asyncio.Future[V | None]:
        """Await it for what `load` says about `key`, or None.

        Raises:
            TooManyReads: the line is full.
        """
        if self._waiting >= self._waiting_limit:
            raise TooManyReads
        loop = asyncio.get_running_loop()
        future: asyncio.Future[V | None] = loop.create_future()
        line = (group, needs_primary())
        waiters = self._gathering.get(line)
        if waiters is None:
            waiters = self._gathering[line] = {}
        waiters.setdefault(key, []).append(future)
        self._waiting += 1
        if not self._scheduled:
            if self._latest is None and len(self._running) < self._in_flight_limit:
                self._scheduled = True
                loop.call_soon(self._start)
            else:
                self._be_patient(loop)
        return future

    @property
    def waiting(self) -> int:
        """Reads that no query has taken up yet."""
        return self._waiting

    def _may_start(self, loop: asyncio.AbstractEventLoop) -> bool:
        if len(self._running) >= self._in_flight_limit:
            return False
        return self._latest is None or loop.time() >= self._started_at + self._patience_seconds

    def _start(self) -> None:
        self._scheduled = False
        loop = asyncio.get_running_loop()
        while self._gathering and self._may_start(loop):
            self._start_one(loop)
        if self._gathering:
            self._be_patient(loop)
        elif self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _start_one(self, loop: asyncio.AbstractEventLoop) -> None:
        (group, from_primary), batch = self._next_batch()
        if batch:
            self._started_at = loop.time()
            # Not in the context of whoever came first: what that one may see is not what all may.
            context = primary_context() if from_primary else Context()
            self._latest = loop.create_task(self._run(group, batch), context=context)
            self._running.add(self._latest)
            self._latest.add_done_callback(self._finished)

    def _be_patient(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._patience is None and len(self._running) < self._in_flight_limit:
            self._patience = loop.call_at(self._started_at + self._patience_seconds, self._lose_patience)

    def _lose_patience(self) -> None:
        self._patience = None
        self._start()

    def _next_batch(self) -> tuple[tuple[G, bool], Waiters[K, V]]:
        line = next(iter(self._gathering))
        waiters = self._gathering.pop(line)
        if len(waiters) > self._batch_limit:
            # The rest goes to the end of the line: a popular group must not starve the others.
            rest = self._gathering[line] = dict(islice(waiters.items(), self._batch_limit, None))
            waiters = {key: futures for key, futures in waiters.items() if key not in rest}
        self._waiting -= sum(map(len, waiters.values()))
        wanted = {key: futures for key, futures in waiters.items() if not all(future.done() for future in futures)}
        return line, wanted

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if task is self._latest:
            self._latest = None
        self._start()

    async def _run(self, group: G, batch: Waiters[K, V]) -> None:
        try:
            found = await self._load(group, tuple(batch))
        except BaseException as error:
            for future in _unanswered(batch):
                future.set_exception(error) if isinstance(error, Exception) else future.cancel()
            if not isinstance(error, Exception):
                raise
            return
        for key, futures in batch.items():
            value = found.get(key)
            for future in futures:
                if not future.done():
                    future.set_result(value)


def _unanswered(batch: Waiters[K, V]) -> list[asyncio.Future[V | None]]:
    return [future for futures in batch.values() for future in futures if not future.done()]
