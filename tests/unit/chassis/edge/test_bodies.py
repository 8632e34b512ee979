from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import brotli
import pytest
import zstandard

from roadworthy.chassis.edge.asgi import Receive, Scope, Send
from roadworthy.chassis.edge.compression import FOR_MANY, FOR_ONE, Negotiation, is_compressible
from roadworthy.chassis.edge.validators import matches

pytestmark = pytest.mark.anyio

# `making`, `ask` and `answering` stand in conftest.py.
Fixture = Callable[..., Any]

TEXT = b'{"text": "' + b"to be or not to be " * 200 + b'"}'
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_a_text_comes_in_the_coding_that_was_asked_for(
    making: Fixture, ask: Fixture, answering: Fixture, coding: str
) -> None:
    answer = await ask(await making(answering(TEXT)), headers={"accept-encoding": coding})
    assert answer["content-encoding"] == coding
    assert UNPACK[coding](answer.body) == TEXT
    assert int(answer["content-length"]) == len(answer.body) < len(TEXT) / 4
    assert answer["vary"] == "Accept-Encoding"
    assert answer["etag"].startswith('W/"')


async def test_a_large_text_is_compressed_beside_the_loop(making: Fixture, ask: Fixture, answering: Fixture) -> None:
    large = TEXT * 100
    answer = await ask(await making(answering(large)), headers={"accept-encoding": "br"})
    assert brotli.decompress(answer.body) == large


@pytest.mark.parametrize(
    ("body", "content_type", "headers"),
    [
        (b"x" * 500, "application/json", {}),
        (TEXT, "image/png", {}),
        (TEXT, "text/event-stream", {}),
        (TEXT, "application/json", {"content_encoding": "identity"}),
        (TEXT, "application/json", {"cache_control": "no-transform"}),
    ],
)
async def test_what_would_not_gain_stays_as_it_is(
    making: Fixture, ask: Fixture, answering: Fixture, *, body: bytes, content_type: str, headers: dict[str, str]
) -> None:
    app = answering(body, content_type=content_type, **headers)
    answer = await ask(await making(app), headers={"accept-encoding": "gzip, br"})
    assert answer.body == body
    assert answer.get("content-encoding") in (None, "identity")
    assert answer["etag"].startswith("W/")


async def test_a_part_of_a_body_is_not_compressed(making: Fixture, ask: Fixture, answering: Fixture) -> None:
    app = answering(TEXT, status=206, content_range="bytes 0-1/9999")
    answer = await ask(await making(app), headers={"accept-encoding": "br"})
    assert (answer.body, answer.get("etag")) == (TEXT, None)


async def test_who_takes_no_coding_is_told_that_others_may_get_another_answer(
    making: Fixture, ask: Fixture, answering: Fixture
) -> None:
    answer = await ask(await making(answering(TEXT, vary="Accept")))
    assert (answer.body, answer["vary"]) == (TEXT, "Accept, Accept-Encoding")


async def test_a_copy_that_is_still_good_is_not_sent_again(making: Fixture, ask: Fixture, answering: Fixture) -> None:
    edge = await making(answering(TEXT))
    etag = (await ask(edge))["etag"]
    again = await ask(edge, headers={"if-none-match": etag})
    assert (again.status, again.body, again["etag"], again["vary"]) == (304, b"", etag, "Accept-Encoding")
    assert again.get("content-length") is None
    assert again.get("content-type") is None
    assert again["x-content-type-options"] == "nosniff"
    assert (await ask(edge, method="HEAD", headers={"if-none-match": etag})).status == 304
    assert (await ask(edge, headers={"if-none-match": '"other"'})).status == 200


async def test_an_apps_own_etag_stands_and_what_must_not_be_stored_has_none(
    making: Fixture, ask: Fixture, answering: Fixture
) -> None:
    assert (await ask(await making(answering(etag='"own"'))))["etag"] == '"own"'
    assert (await ask(await making(answering(cache_control="no-store")))).get("etag") is None
    assert (await ask(await making(answering(status=404)))).get("etag") is None


async def in_parts(_scope: Scope, _receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/css"), (b"content-length", b"%d" % len(TEXT))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for start in range(0, len(TEXT), 1000):
        await send({"type": "http.response.body", "body": TEXT[start : start + 1000], "more_body": True})
    await send({"type": "http.response.body"})


async def test_parts_of_a_known_length_are_one_body(making: Fixture, ask: Fixture) -> None:
    answer = await ask(await making(in_parts), headers={"accept-encoding": "gzip"})
    assert gzip.decompress(answer.body) == TEXT
    assert answer["etag"].startswith("W/")


async def unbounded(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    for _ in range(3):
        await send({"type": "http.response.body", "body": TEXT, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def test_a_stream_passes_as_it_comes(making: Fixture, ask: Fixture) -> None:
    answer = await ask(await making(unbounded), headers={"accept-encoding": "gzip"})
    assert (answer.body, answer.complete) == (TEXT * 3, True)
    assert answer.get("content-encoding") is None
    assert answer["x-request-id"]


async def test_a_file_sent_by_its_path_is_left_to_the_server(making: Fixture) -> None:
    sent = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/css")]})
        await send({"type": "http.response.pathsend", "path": "/x"})

    async def keep(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    await (await making(app))(scope, None, keep)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.pathsend"]
    assert (b"x-content-type-options", b"nosniff") in sent[0]["headers"]


@pytest.mark.parametrize(
    ("accept", "for_one", "for_many"),
    [
        (b"gzip, deflate, br, zstd", b"zstd", b"br"),
        (b"gzip", b"gzip", b"gzip"),
        (b"GZIP;Q=0.5, br;q=0.1", b"gzip", b"gzip"),
        (b"br;q=0, gzip;q=0", None, None),
        (b"*", b"zstd", b"br"),
        (b"*;q=0", None, None),
        (b"*, zstd;q=0, br;q=0", b"gzip", b"gzip"),
        (b"identity", None, None),
        (b"", None, None),
        (None, None, None),
        (b"br;q=nonsense", None, None),
        (b"gzip, " + b"x" * 1000, None, None),
    ],
)
def test_the_coding_is_what_the_client_likes_best_then_what_serves_best(
    accept: bytes | None, for_one: bytes | None, for_many: bytes | None
) -> None:
    for _ in range(2):  # the second time from memory
        assert Negotiation(FOR_ONE).choose(accept) == for_one
        assert Negotiation(FOR_MANY).choose(accept) == for_many


def test_negotiation_remembers_a_bounded_number() -> None:
    negotiation = Negotiation(FOR_ONE)
    for number in range(2000):
        negotiation.choose(b"gzip, x%d" % number)
    assert len(negotiation.known) < 600


def test_types_are_known_by_their_beginning() -> None:
    assert is_compressible(b"text/html; charset=utf-8")
    assert not is_compressible(b"application/zip")
    assert not is_compressible(b"")


@pytest.mark.parametrize(
    ("candidates", "etag", "good"),
    [
        (b'"a"', b'"a"', True),
        (b'W/"a"', b'"a"', True),
        (b'"a"', b'W/"a"', True),
        (b'"b" , W/"a"', b'"a"', True),
        (b" * ", b'"a"', True),
        (b'"ab"', b'"a"', False),
        (b"a", b'"a"', False),
    ],
)
def test_validators_are_compared_weakly(candidates: bytes, etag: bytes, *, good: bool) -> None:
    assert matches(candidates, etag) is good


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
async def test_a_write_is_never_answered_with_not_modified(
    making: Fixture, ask: Fixture, answering: Fixture, method: str
) -> None:
    edge = await making(answering())
    assert (await ask(edge, method=method, headers={"if-none-match": "*"})).status == 200


async def test_vary_sent_twice_keeps_both(making: Fixture, ask: Fixture) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/html"), (b"vary", b"Cookie"), (b"vary", b"HX-Request")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * 4000})

    edge = await making(app)
    assert (await ask(edge, headers={"accept-encoding": "br"}))["vary"] == "Cookie, HX-Request, Accept-Encoding"
