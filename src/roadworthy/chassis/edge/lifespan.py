"""Starting and stopping with the server, and the one timer behind everything that need not happen in a request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Sequence

from roadworthy.chassis.edge.asgi import ASGIApp, Message, Receive, Scope, Send
from roadworthy.chassis.processes.doors import shut_doors

TICK_SECONDS = 0.05
DRAIN_SIGNAL = signal.SIGUSR1
DOORS_SIGNAL = signal.SIGUSR2

logger = logging.getLogger(__name__)


class Every:
    """Something done on the timer, `seconds` apart."""

    __slots__ = ("_due", "_run", "_seconds")

    def __init__(self, seconds: float, run: Callable[[float], object]) -> None:
        """`run` gets the time (monotonic seconds); it must not block."""
        self._seconds = seconds
        self._run = run
        self._due = 0.0

    def tick(self, now: float) -> None:
        """Run if it is due. What goes wrong is logged: the timer goes on for the others."""
        if now < self._due:
            return
        self._due = now + self._seconds
        try:
            self._run(now)
        except Exception:
            logger.exception("a timed part of the edge failed")


class Lag:
    """How late the event loop is: the most in the last period."""

    __slots__ = ("_worst", "seconds")

    def __init__(self) -> None:
        """Start punctual."""
        self.seconds = 0.0
        self._worst = 0.0

    def observe(self, late_seconds: float) -> None:
        """Take one observation."""
        self._worst = max(self._worst, late_seconds)

    def turn_over(self, _now: float) -> None:
        """End a period."""
        self.seconds, self._worst = self._worst, 0.0


class Lifespan:
    """Runs the timer while the service runs, and hands lifespan messages on to the app if it wants them.

    `drain` is called on SIGUSR1: the service is about to be stopped, but still answers. On SIGUSR2 it takes no new
    connection any more.
    """

    __slots__ = ("_closers", "_drain", "_every", "_openers", "_timer", "lag")

    def __init__(
        self,
        every: Sequence[Every],
        closers: Sequence[Callable[[], Awaitable[object]]],
        drain: Callable[[], None],
        lag: Lag,
        openers: Sequence[Callable[[], Awaitable[object]]] = (),
    ) -> None:
        """`openers` are awaited before the app starts, `closers` in their order when it has stopped."""
        self._openers = tuple(openers)
        self._every = tuple(every)
        self._closers = tuple(closers)
        self._drain = drain
        self._timer: asyncio.Task[None] | None = None
        self.lag = lag

    async def start(self) -> None:
        """Start the timer and what the edge opens, and listen to the drain signal where this thread may."""
        for start in self._openers:
            await start()
        self._timer = asyncio.create_task(self._tick(), name="edge-timer")
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # only a main thread hears signals
            asyncio.get_running_loop().add_signal_handler(DRAIN_SIGNAL, self._drain)
            asyncio.get_running_loop().add_signal_handler(DOORS_SIGNAL, shut_doors)

    async def stop(self) -> None:
        """Stop the timer and close what the edge opened."""
        if self._timer is not None:
            self._timer.cancel()
            await asyncio.wait([self._timer])
            self._timer = None
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # only a main thread hears signals
            asyncio.get_running_loop().remove_signal_handler(DRAIN_SIGNAL)
            asyncio.get_running_loop().remove_signal_handler(DOORS_SIGNAL)
        for close in self._closers:
            try:
                await close()
            except Exception:
                logger.exception("a part of the edge could not be closed")

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the server's lifespan connection."""
        conversation = _Conversation(self, receive, send)
        try:
            await app(scope, conversation.receive, conversation.send)
        except Exception as error:
            if conversation.begun:
                await self.stop()
                raise
            if conversation.asked:
                logger.exception("the app could not start")
                await conversation.send({"type": "lifespan.startup.failed", "message": repr(error)})
            else:
                logger.debug("the app takes no lifespan: %r", error)  # the specification's way to say so
        if not conversation.begun and not conversation.failed:
            await conversation.alone()

    async def _tick(self) -> None:
        while True:
            asleep_at = time.monotonic()
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            self.lag.observe(now - asleep_at - TICK_SECONDS)
            for part in self._every:
                part.tick(now)


class _Conversation:
    def __init__(self, lifespan: Lifespan, receive: Receive, send: Send) -> None:
        self._lifespan = lifespan
        self._receive = receive
        self._send = send
        self.asked = False
        self.begun = False
        self.failed = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "lifespan.startup":
            self.asked = True
            await self._lifespan.start()
        return message

    async def send(self, message: Message) -> None:
        self.begun = self.begun or message["type"] == "lifespan.startup.complete"
        if message["type"] in ("lifespan.startup.failed", "lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            self.failed = message["type"] == "lifespan.startup.failed"
            await self._lifespan.stop()
        await self._send(message)

    async def alone(self) -> None:
        """Talk to the server for an app that does not."""
        if not self.asked:
            await self.receive()
        await self.send({"type": "lifespan.startup.complete"})
        await self.receive()
        await self.send({"type": "lifespan.shutdown.complete"})
