from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.settings import settings_from

from roadworthy.chassis.edge.asgi import Message, Receive, Scope, Send
from roadworthy.chassis.edge.build import edge_from_settings
from roadworthy.chassis.edge.lifespan import DRAIN_SIGNAL, Every, Lag
from roadworthy.chassis.telemetry.health import Health
from roadworthy.chassis.telemetry.metrics import Metrics

pytestmark = pytest.mark.anyio

Fixture = Callable[..., Any]


class Server:
    """A server's side of a lifespan."""

    def __init__(self, app: Any, tmp_path: Path) -> None:
        settings = settings_from()
        self.health = Health([], "1")
        self.edge = edge_from_settings(
            app, settings, health=self.health, metrics=Metrics(tmp_path / "metrics"), output=None
        )
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.events: asyncio.Queue[Message] = asyncio.Queue()
        self.task = asyncio.create_task(self.edge({"type": "lifespan"}, self.events.get, self.sent.put))

    async def say(self, word: str) -> str:
        self.events.put_nowait({"type": f"lifespan.{word}"})
        return str((await asyncio.wait_for(self.sent.get(), 5))["type"])

    @property
    def runs(self) -> bool:
        return self.edge._lifespan._timer is not None


async def knowing(_scope: Scope, receive: Receive, send: Send) -> None:
    for _ in range(2):
        message = await receive()
        await send({"type": f"{message['type']}.complete"})


async def refusing(scope: Scope, _receive: Receive, _send: Send) -> None:
    assert scope["type"] == "http"


async def ignoring(_scope: Scope, _receive: Receive, _send: Send) -> None:
    return


@pytest.mark.parametrize("app", [knowing, refusing, ignoring])
async def test_it_starts_and_stops_with_the_server_whatever_the_app_knows(app: Any, tmp_path: Path) -> None:
    server = Server(app, tmp_path)
    assert await server.say("startup") == "lifespan.startup.complete"
    assert server.runs
    assert await server.say("shutdown") == "lifespan.shutdown.complete"
    await server.task
    assert not server.runs


async def failing(_scope: Scope, receive: Receive, _send: Send) -> None:
    await receive()
    raise ZeroDivisionError


async def admitting(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


@pytest.mark.parametrize("app", [failing, admitting])
async def test_an_app_that_can_not_start_keeps_the_server_from_starting(
    app: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(app, tmp_path)
    assert await server.say("startup") == "lifespan.startup.failed"
    await server.task
    assert not server.runs
    assert ("the app could not start" in caplog.text) is (app is failing)


async def test_the_signal_before_a_stop_turns_readiness_red(tmp_path: Path) -> None:
    server = Server(knowing, tmp_path)
    await server.say("startup")
    assert await server.health.ready()
    os.kill(os.getpid(), DRAIN_SIGNAL)
    for _ in range(200):
        if server.health.draining:
            break
        await asyncio.sleep(0.005)
    assert not await server.health.ready()
    await server.say("shutdown")
    await server.task
    assert signal.getsignal(DRAIN_SIGNAL) in (signal.SIG_DFL, None)


async def test_a_part_of_the_timer_that_fails_is_logged_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ran: list[object] = []

    def fail(_now: float) -> None:
        raise ZeroDivisionError

    for now in (0.0, 0.5, 1.0):
        Every(1.0, fail).tick(now)
    every = Every(1.0, ran.append)
    for now in (10.0, 10.5, 11.0, 11.9, 12.1):
        every.tick(now)
    assert ran == [10.0, 11.0, 12.1]
    assert "a timed part of the edge failed" in caplog.text


async def test_the_lag_is_the_worst_of_a_period() -> None:
    lag = Lag()
    for seconds in (0.1, 0.3, 0.2):
        lag.observe(seconds)
    lag.turn_over(0)
    assert lag.seconds == 0.3
    lag.turn_over(0)
    assert lag.seconds == 0.0
