from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roadworthy.chassis.edge.asgi import Receive, Scope, Send
from roadworthy.chassis.edge.policy import RoutePolicy
from roadworthy.chassis.edge.requestid import request_ids
from roadworthy.chassis.telemetry.context import request_id

pytestmark = pytest.mark.anyio

# `making`, `ask` and `answering` stand in conftest.py.
Fixture = Callable[..., Any]


async def send_all(send: Send, body: bytes, *headers: tuple[bytes, bytes], status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def test_an_answer_gets_an_id_and_what_makes_browsers_strict(
    making: Fixture, ask: Fixture, answering: Fixture
) -> None:
    edge = await making(answering())
    answer = await ask(edge, "/api/x")
    assert (answer.status, answer.json) == (200, {"ok": True})
    assert re.fullmatch("[0-9a-f]{24}", answer["x-request-id"])
    assert answer["x-content-type-options"] == "nosniff"
    assert answer["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer["referrer-policy"] == "strict-origin-when-cross-origin"
    assert answer["server"] == "web"
    assert answer["cache-control"] == "private, no-cache"
    assert answer.get("strict-transport-security") is None
    page = await ask(await making(answering(b"<p>", content_type="text/html; charset=utf-8")))
    assert "default-src 'self'" in page["content-security-policy"]
    assert page["cross-origin-opener-policy"] == "same-origin"
    assert page["permissions-policy"].startswith("camera=()")


async def test_https_is_told_to_stay(making: Fixture, ask: Fixture, answering: Fixture) -> None:
    answer = await ask(await making(answering()), scheme="https")
    assert answer["strict-transport-security"] == "max-age=31536000; includeSubDomains"


async def test_an_apps_own_headers_stand_but_for_those_that_are_the_edges(
    making: Fixture, ask: Fixture, answering: Fixture
) -> None:
    app = answering(
        content_security_policy="default-src *", cache_control="max-age=60", server="leaky/1.2", x_powered_by="x"
    )
    answer = await ask(await making(app))
    assert answer["content-security-policy"] == "default-src *"
    assert answer["cache-control"] == "max-age=60"
    assert [value for name, value in answer.headers if name == b"server"] == [b"web"]
    assert answer.get("x-powered-by") is None
    names = [name for name, _ in answer.headers]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("given", ["canary-1", "0a.b:c@d/e+f=g_h", "x" * 128])
async def test_a_clients_own_id_is_taken_over(making: Fixture, ask: Fixture, answering: Fixture, given: str) -> None:
    answer = await ask(await making(answering()), headers={"x-request-id": given})
    assert answer["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", 'a"b', "-x", "a\tb"])
async def test_an_id_that_could_do_harm_is_replaced(
    making: Fixture, ask: Fixture, answering: Fixture, given: str
) -> None:
    answer = await ask(await making(answering()), headers={"x-request-id": given})
    assert re.fullmatch("[0-9a-f]{24}", answer["x-request-id"])


def test_ids_do_not_come_again() -> None:
    ids = request_ids()
    assert len({next(ids) for _ in range(3000)}) == 3000


async def test_the_app_knows_the_id_and_each_request_has_its_own(making: Fixture, ask: Fixture) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send_all(send, request_id.get().encode())

    edge = await making(app)
    answers = await asyncio.gather(*(asyncio.create_task(ask(edge)) for _ in range(20)))
    assert all(answer.body.decode() == answer["x-request-id"] for answer in answers)
    assert len({answer.body for answer in answers}) == 20


async def test_an_unforeseen_error_is_logged_with_its_trace_and_told_without(
    making: Fixture, ask: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError("secret detail")

    answer = await ask(await making(app), "/api/x")
    assert answer.status == 500
    assert answer["content-type"] == "application/problem+json"
    assert b"secret" not in answer.body
    assert "ZeroDivisionError: secret detail" in caplog.text


async def test_an_app_that_answers_nothing_is_a_500(
    making: Fixture, ask: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        return

    assert (await ask(await making(app))).status == 500
    assert "answered nothing to GET /" in caplog.text


async def test_an_answer_that_breaks_off_is_broken_off(
    making: Fixture, ask: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ask(await making(app))
    assert "unexpected error in GET /" in caplog.text


async def test_a_request_that_takes_too_long_is_cancelled_and_told(making: Fixture, ask: Fixture) -> None:
    cancelled = asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    edge = await making(app, REQUEST_TIMEOUT_SECONDS=0.01)
    answer = await ask(edge, "/api/slow")
    assert answer.status == 504
    assert answer.json["type"] == "urn:roadworthy:problem:deadline-exceeded"
    assert answer.json["detail"] == "There was none within 0.01 seconds."
    assert answer["x-request-id"]
    assert cancelled.is_set()
    assert edge.in_flight == 0


async def test_an_app_that_swallows_the_cancellation_is_not_heard_any_more(making: Fixture, ask: Fixture) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await send_all(send, b"too late")

    assert (await ask(await making(app, REQUEST_TIMEOUT_SECONDS=0.01))).status == 504


async def test_the_deadline_ends_where_a_stream_begins(making: Fixture, ask: Fixture) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(4):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": b"."})

    answer = await ask(await making(app, REQUEST_TIMEOUT_SECONDS=0.05))
    assert (answer.status, answer.body, answer.complete) == (200, b"xxxx.", True)


@pytest.mark.parametrize(("kind", "told"), [(b"text/event-stream", "no"), (b"text/plain", None)])
async def test_a_stream_of_events_asks_proxies_to_pass_each_on(
    making: Fixture, ask: Fixture, kind: bytes, told: str | None
) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Type", kind)]})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    answer = await ask(await making(app))
    assert answer.get("x-accel-buffering") == told


async def test_a_client_that_leaves_is_no_deadline(making: Fixture, ask: Fixture) -> None:
    began = asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        began.set()
        await asyncio.Event().wait()

    edge = await making(app)
    task = asyncio.create_task(ask(edge))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert edge.in_flight == 0


async def reading(_scope: Scope, receive: Receive, send: Send) -> None:
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message["body"]), message["more_body"]
    await send_all(send, b"%d" % size)


async def swallowing(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await reading(scope, receive, send)
    except Exception:  # noqa: BLE001  # as frameworks do
        await send_all(send, b"framework's own", status=500)


@pytest.mark.parametrize("app", [reading, swallowing])
@pytest.mark.parametrize("announced", ["announced", ""])
async def test_a_body_that_is_too_large_is_refused_announced_or_not(
    making: Fixture, ask: Fixture, app: Any, announced: str
) -> None:
    edge = await making(app, BODY_LIMIT_BYTES=1024)
    headers = {"content-length": "1025"} if announced else {"transfer-encoding": "chunked"}
    answer = await ask(edge, "/api/x", method="POST", headers=headers, body=[b"x" * 1000, b"x" * 25])
    assert answer.status == 413
    assert answer.json["type"] == "urn:roadworthy:problem:body-too-large"
    assert answer.json["detail"] == "This route takes 1024 bytes."
    assert answer["connection"] == "close"
    fits = await ask(edge, "/api/x", method="POST", headers={}, body=[b"x" * 1000, b"x" * 24])
    assert (fits.status, fits.body) == (200, b"1024")


async def test_a_route_may_take_more(making: Fixture, ask: Fixture) -> None:
    policies = (RoutePolicy("/upload", body_limit_bytes=2000), RoutePolicy("/slow/*", timeout_seconds=60))
    edge = await making(reading, policies=policies, BODY_LIMIT_BYTES=1024)
    assert (await ask(edge, "/upload", method="POST", body=b"x" * 2000)).body == b"2000"
    assert (await ask(edge, "/upload/x", method="POST", body=b"x" * 2000)).status == 413


async def test_head_is_answered_wherever_get_is(making: Fixture, ask: Fixture) -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        await send_all(send, scope["method"].encode() * 5, (b"content-length", b"15"))

    answer = await ask(await making(app), method="HEAD")
    assert (answer.body, answer["content-length"], answer.complete) == (b"", "15", True)


async def test_a_head_of_a_stream_ends(making: Fixture, ask: Fixture) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    answer = await ask(await making(app), method="HEAD")
    assert (answer.body, answer.complete) == (b"", True)


async def test_header_names_in_capitals_are_understood(making: Fixture, ask: Fixture) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send_all(send, b"<p>", (b"Content-Type", b"text/html"), (b"Server", b"leaky"), (b"ETag", b'"own"'))

    answer = await ask(await making(app))
    assert (answer["etag"], answer["server"]) == ('"own"', "web")
    assert "default-src 'self'" in answer["content-security-policy"]


async def test_websockets_and_others_pass_through(making: Fixture) -> None:
    seen = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    edge = await making(app)
    await edge({"type": "websocket"}, None, None)
    assert seen == ["websocket"]


async def test_each_request_is_logged_once_with_its_id(
    making: Fixture, ask: Fixture, answering: Fixture, tmp_path: Path
) -> None:
    edge = await making(answering(), log=tmp_path / "access.log", LOG_FORMAT="json")
    await ask(edge, "/api/x", query="token=secret", headers={"x-request-id": "canary"})
    await edge._access.close()
    line = json.loads((tmp_path / "access.log").read_text())
    assert line.pop("timestamp").endswith("Z")
    assert line.pop("duration_ms") >= 0
    assert line == {
        "level": "info",
        "event": "request",
        "method": "GET",
        "path": "/api/x",
        "route": "/api/*",
        "status": 200,
        "bytes": 12,
        "client": "192.0.2.1",
        "request_id": "canary",
    }


async def test_requests_are_counted_by_template_and_never_by_path(making: Fixture, ask: Fixture) -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/api/jobs/"):
            scope["roadworthy.route"] = "/api/jobs/{id}"
        await send_all(send, b"{}")

    edge = await making(app, RATE_LIMIT_ENABLED=False)
    for number in range(5):
        await ask(edge, f"/api/jobs/{number}")
        await ask(edge, f"/nothing/{number}", method="BREW")
    text = (await ask(edge, "/metrics")).body.decode()
    assert 'http_requests_total{method="GET",route="/api/jobs/{id}",status="200"} 5.0' in text
    assert 'http_requests_total{method="OTHER",route="/*",status="200"} 5.0' in text
    assert 'http_request_duration_seconds_count{method="GET",route="/api/jobs/{id}"} 5.0' in text
    assert "event_loop_lag_seconds" in text
    assert "http_requests_in_flight" in text
