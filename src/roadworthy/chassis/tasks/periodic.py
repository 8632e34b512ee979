"""Tasks that run every so many seconds, on one worker at a time however many there are."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import structlog

from roadworthy.chassis.tasks.turns import Turns
from roadworthy.chassis.telemetry import tracing

RETRY_SECONDS = 1.0
RETRY_GROWTH_MAX = 6
JITTER = 0.1
STANDBY_SECONDS_MAX = 30.0

log = structlog.get_logger("roadworthy.tasks")


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """A task: `run` is called about `every_seconds` after its last end, and cancelled after `timeout_seconds`.

    A run may be cut short at any point (a kill, a lost connection): its work is done in one transaction, or can be
    done twice. A run that raises is logged and tried again, after one second at first, then two, four, ... but
    never later than `every_seconds`, or a minute if that is longer.
    """

    name: str
    every_seconds: float
    run: Callable[[], Awaitable[None]]
    timeout_seconds: float


class Outcome(StrEnum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One run of a task, for logs and metrics."""

    name: str
    seconds: float
    outcome: Outcome


class Worker:
    """Runs periodic tasks until told to stop.

    Each task is held by one worker through a lock on the database; the others stand by and take over when that
    worker ends, or loses its connection.
    """

    def __init__(
        self,
        tasks: Sequence[PeriodicTask],
        turns: Turns,
        *,
        observe: Callable[[TaskRun], None] = lambda _: None,
        spread: Callable[[], float] = random.random,
    ) -> None:
        """Take the tasks and the locks; `observe` hears of every run, `spread` draws the jitter from 0 to 1."""
        names = [task.name for task in tasks]
        if len(set(names)) != len(names):
            raise ValueError(f"two tasks share a name: {sorted(names)}")
        self._tasks = tuple(tasks)
        self._turns = turns
        self._observe = observe
        self._spread = spread
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Start no further run; `run` returns when those under way have ended."""
        self._stopping.set()

    async def run(self, drain_seconds: float) -> None:
        """Work until `stop`; then give runs under way `drain_seconds` before they are cancelled."""
        loops = [asyncio.create_task(self._loop(task), name=task.name) for task in self._tasks]
        await self._stopping.wait()
        if loops:
            _, late = await asyncio.wait(loops, timeout=drain_seconds)
            for loop in late:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
        await self._turns.close()

    async def _loop(self, task: PeriodicTask) -> None:
        failures = 0
        # Spread over the first period, so that tasks of one worker do not all start at once, at every restart.
        await self._pause(task.every_seconds * JITTER * self._spread())
        while not self._stopping.is_set():
            if not await self._turns.take(task.name):
                await self._pause(self._jittered(min(task.every_seconds, STANDBY_SECONDS_MAX)))
                continue
            outcome = await self._run_once(task)
            failures = 0 if outcome is Outcome.DONE else failures + 1
            await self._pause(self._jittered(_wait_seconds(task, failures)))

    async def _run_once(self, task: PeriodicTask) -> Outcome:
        started = time.perf_counter()
        running = asyncio.ensure_future(asyncio.wait_for(_traced(task), task.timeout_seconds))
        outcome = Outcome.CANCELLED
        try:
            with self._turns.cancel_when_lost(task.name, running):
                await running
            outcome = Outcome.DONE
        except TimeoutError:
            outcome = Outcome.TIMED_OUT
            log.exception("task.timed_out", task=task.name, timeout_seconds=task.timeout_seconds)
        except asyncio.CancelledError:
            if not running.cancelled() or self._being_cancelled():
                raise
            log.warning("task.lost_its_lock", task=task.name)
        except Exception:
            outcome = Outcome.FAILED
            log.exception("task.failed", task=task.name)
        finally:
            self._observe(TaskRun(task.name, time.perf_counter() - started, outcome))
        return outcome

    @staticmethod
    def _being_cancelled() -> bool:
        current = asyncio.current_task()
        return current is not None and current.cancelling() > 0

    def _jittered(self, seconds: float) -> float:
        return seconds * (1 + JITTER * (2 * self._spread() - 1))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


async def _traced(task: PeriodicTask) -> None:
    with tracing.span(f"task {task.name}", {"roadworthy.task": task.name}):
        await task.run()


def _wait_seconds(task: PeriodicTask, failures: int) -> float:
    if failures == 0:
        return task.every_seconds
    retry = RETRY_SECONDS * 2.0 ** min(failures - 1, RETRY_GROWTH_MAX)
    return min(retry, max(task.every_seconds, RETRY_SECONDS))
