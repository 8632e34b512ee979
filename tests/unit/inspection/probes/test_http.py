from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from roadworthy.inspection.errors import Refused, Unobservable
from roadworthy.inspection.fixtures.servers import free_port
from roadworthy.inspection.fixtures.web import Asked, Reply, Site, pages, reply, serve
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes import http as module
from roadworthy.inspection.probes.addresses import Address
from roadworthy.inspection.probes.http import BODY_LIMIT_BYTES, Answer, HttpProbe, directives


@asynccontextmanager
async def probing(site: Site, **options: Any) -> AsyncIterator[HttpProbe]:
    async with serve(site) as port:
        probe = HttpProbe(f"http://127.0.0.1:{port}", **options)
        try:
            yield probe
        finally:
            await probe.aclose()


@asynccontextmanager
async def speaking(*chunks: bytes, pause_seconds: float = 0.0) -> AsyncIterator[HttpProbe]:
    """A server that writes raw bytes, endlessly the last of them."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for chunk in chunks[:-1]:
                writer.write(chunk)
            while True:
                writer.write(chunks[-1])
                await writer.drain()
                await asyncio.sleep(pause_seconds)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    probe = HttpProbe(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield probe
    finally:
        await probe.aclose()
        server.close()


def counting(paths: list[str]) -> Site:
    def answer(asked: Asked) -> Reply:
        paths.append(asked.path)
        return reply(f"answer {len(paths)}")

    return lambda: answer


async def test_the_same_question_is_asked_once_also_by_many_at_a_time() -> None:
    asked: list[str] = []
    async with probing(counting(asked)) as probe:
        answers = await asyncio.gather(*(probe.get("/jobs") for _ in range(8)))
        assert {answer.text for answer in answers} == {"answer 1"}
        assert (await probe.get("/jobs", again="second")).text == "answer 2"
        assert (await probe.get("/jobs", headers={"accept": "text/html"})).text == "answer 3"
    assert len(asked) == 3


async def test_the_budget_ends_and_a_named_endpoint_costs_one_more() -> None:
    async with probing(pages({}, reply("ok")), requests_limit=2) as probe:
        await probe.get("/a")
        await probe.get("/b")
        with pytest.raises(Unobservable, match="budget of 2 requests"):
            await probe.get("/c")
        assert (await probe.get("/health", named=True)).status == 200
        with pytest.raises(Unobservable, match="budget"):
            await probe.get("/health", named=True, again="second")
        assert probe.requests_sent == (3, 0)


async def test_redirects_are_followed_on_the_same_host_only() -> None:
    site = pages(
        {
            "/old": reply("", 301, location="/new"),
            "/new": reply("here"),
            "/out": reply("", 302, location="http://elsewhere.example/"),
            "/round": reply("", 302, location="/round"),
        }
    )
    async with probing(site) as probe:
        there = await probe.get("/old")
        assert (there.status, there.text, [one.rpartition("/")[2] for one in there.redirects]) == (200, "here", ["old"])
        assert (await probe.get("/out")).status == 302
        assert (await probe.get("/round")).status == 302
        assert (await probe.get("/old", follow=False)).status == 301
        with pytest.raises(Unobservable, match="another host"):
            await probe.get("http://elsewhere.example/")


async def test_an_endless_body_is_cut() -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    async with speaking(head, b"10000\r\n" + b"x" * 0x10000 + b"\r\n") as probe:
        answer = await probe.get("/")
    assert answer.truncated
    assert len(answer.body) == BODY_LIMIT_BYTES


async def test_a_slow_drip_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_TIMEOUT_SECONDS", 1.3)
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"
    async with speaking(head, b"x", pause_seconds=0.05) as probe:
        answer = await probe.get("/")
    assert answer.truncated
    assert 0 < len(answer.body) < 100


async def test_a_server_that_never_answers_is_unobservable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_TIMEOUT_SECONDS", 0.2)
    async with speaking(b"", pause_seconds=0.05) as probe:
        with pytest.raises(Unobservable, match="no answer in time"):
            await probe.get("/")


async def test_a_bomb_stays_small() -> None:
    bomb = gzip.compress(b"0" * 200_000_000, 9)
    async with probing(pages({}, Reply(200, bomb, {"content-encoding": "gzip"}))) as probe:
        answer = await probe.get("/", headers={"accept-encoding": "gzip"})
    assert answer.truncated
    assert len(answer.body) == BODY_LIMIT_BYTES


async def test_gzip_is_read_and_what_only_claims_to_be_is_kept_as_it_came() -> None:
    site = pages(
        {
            "/good": Reply(200, gzip.compress(b"hello"), {"content-encoding": "gzip"}),
            "/bad": Reply(200, b"not gzip at all", {"content-encoding": "gzip"}),
            "/br": Reply(200, b"\x8b\x02", {"content-encoding": "br"}),
        }
    )
    async with probing(site) as probe:
        good, bad, other = [await probe.get(path) for path in ("/good", "/bad", "/br")]
    assert (good.text, good.wire_bytes > 5, bad.text, other.body) == ("hello", True, "not gzip at all", b"\x8b\x02")


async def test_a_refused_connection_is_known_as_such() -> None:
    probe = HttpProbe(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Refused):
        await probe.get("/")
    await probe.aclose()


async def test_a_provocation_has_an_address_of_its_own_and_is_done_once() -> None:
    clients: list[str] = []

    def answer(asked: Asked) -> Reply:
        clients.append(asked.client)
        return reply("no", 429 if clients.count(asked.client) > 3 else 200)

    async with probing(lambda: answer) as probe:
        await probe.get("/")

        def refused(one: Answer) -> bool:
            return one.status == 429

        first = await probe.burst("/api", 9, name="limit", stop=refused)
        again = await probe.burst("/api", 9, name="limit", stop=refused)
    assert first is again
    assert (first.first(429), first.first(500), len(first.answers), first.complete) == (4, None, 4, True)
    assert clients[0] == "127.0.0.1"
    assert set(clients[1:]) != {"127.0.0.1"}
    assert len(set(clients[1:])) == 1


async def test_a_provocation_goes_round_several_paths_with_headers_of_their_own() -> None:
    seen: list[tuple[str, str]] = []

    def answer(asked: Asked) -> Reply:
        seen.append((asked.path, asked.headers["x-forwarded-for"]))
        return reply("ok")

    async with probing(lambda: answer) as probe:
        await probe.burst(
            ["/a", "/b"], 3, name="round", headers=lambda number: {"x-forwarded-for": f"192.0.2.{number}"}
        )
    assert seen == [("/a", "192.0.2.0"), ("/b", "192.0.2.1"), ("/a", "192.0.2.2")]


async def test_localhost_is_provoked_over_ipv4_under_its_own_name() -> None:
    hosts: list[str] = []

    def answer(asked: Asked) -> Reply:
        hosts.append(asked.headers["host"])
        return reply("ok")

    async with serve(lambda: answer) as port:
        probe = HttpProbe(f"http://localhost:{port}")
        await probe.burst("/", 1, name="once")
        await probe.aclose()
    assert hosts == [f"localhost:{port}"]


@pytest.mark.parametrize("url", ["ftp://host/", "host", "http://"])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(Unobservable, match="not a web address"):
        HttpProbe(url)


def test_cache_control_is_read_as_directives() -> None:
    said = directives('public, Max-Age=31536000, immutable, stale="60"')
    assert said == {"public": "", "max-age": "31536000", "immutable": "", "stale": "60"}


async def test_a_login_in_the_address_is_sent_and_never_shown() -> None:
    given: list[str] = []

    def answer(asked: Asked) -> Reply:
        given.append(asked.headers.get("authorization", ""))
        return reply("ok")

    async with serve(lambda: answer) as port:
        probe = HttpProbe(f"http://staging:let%20me%20in@127.0.0.1:{port}")
        await probe.get("/")
        await probe.aclose()
    assert given == ["Basic c3RhZ2luZzpsZXQgbWUgaW4="]
    assert (probe.url, probe.password) == (f"http://127.0.0.1:{port}", "let me in")


async def test_a_login_is_for_the_target_alone() -> None:
    given: list[str] = []

    def elsewhere(asked: Asked) -> Reply:
        given.append(asked.headers.get("authorization", ""))
        return reply("ok")

    async with serve(lambda: elsewhere) as other:
        site = pages({"/": reply("", 302, location=f"http://127.0.0.1:{other}/")})
        async with serve(site) as port:
            for scheme, path in (("http", "/"), ("http", f"http://127.0.0.1:{other}/direct")):
                probe = HttpProbe(f"{scheme}://staging:let%20me%20in@127.0.0.1:{port}")
                assert (await probe.get(path)).text == "ok"
                await probe.aclose()
        secure = HttpProbe(f"https://staging:let%20me%20in@127.0.0.1:{other}")
        await secure.get(f"http://127.0.0.1:{other}/")
        await secure.aclose()
    assert given == ["", "", ""]


def test_addresses_are_read_without_trust() -> None:
    assert addresses.parse("http://[::1]:8000/a?b").place == "[::1]:8000"
    assert addresses.parse("http://[bad") == addresses.parse("http://host:99999999/") == Address()
    assert addresses.parse("postgresql://a%40b:p%2Fw@db/x").user == "a@b"
    assert addresses.parse("postgresql://a%40b:p%2Fw@db/x").password == "p/w"
    assert addresses.join("http://host/", "//[bad") == ""


async def test_a_provocation_serves_whoever_wants_no_more_than_was_sent() -> None:
    asked: list[str] = []
    async with probing(counting(asked)) as probe:
        first = await probe.burst("/api", 4, name="limit")
        assert await probe.burst("/api", 3, name="limit") is first
        assert len((await probe.burst("/api", 6, name="limit")).answers) == 6, "again, from a new address"
    assert len(asked) == 10


async def test_from_the_same_address_a_provocation_goes_on_where_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpProbe, "_own_address", lambda _: None)
    asked: list[str] = []
    async with probing(counting(asked)) as probe:
        first = await probe.burst("/api", 4, name="limit")
        more = await probe.burst("/api", 6, name="limit")
    assert (len(asked), more.answers[:4], more.began) == (6, first.answers, first.began)


async def test_all_provocations_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROVOKED_LIMIT_REQUESTS", 5)
    async with probing(pages({}, reply("ok"))) as probe:
        assert len((await probe.burst("/a", 4, name="a")).answers) == 4
        cut = await probe.burst("/b", 4, name="b")
        assert len(cut.answers) == 1
        with pytest.raises(Unobservable, match="were spent on provoking"):
            await probe.burst("/c", 4, name="c")
        assert probe.requests_sent == (0, 5)


async def test_each_step_of_a_redirect_is_a_request_of_the_budget() -> None:
    site = pages({"/a": reply("", 302, location="/b"), "/b": reply("", 302, location="/c"), "/c": reply("there")})
    async with probing(site, requests_limit=5) as probe:
        assert (await probe.get("/a")).text == "there"
        assert probe.requests_sent == (3, 0)
        assert (await probe.get("/a", again="second")).status == 302, "the budget ends on the way"


async def test_a_server_that_lets_everybody_wait_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_TIMEOUT_SECONDS", 0.1)
    async with speaking(b"", pause_seconds=0.05) as probe:
        for number in range(module.SILENCES_LIMIT):
            with pytest.raises(Unobservable, match="no answer in time"):
                await probe.get(f"/{number}")
        with pytest.raises(Unobservable, match="was not asked any more"):
            await probe.get("/once-more")


class OneAnswerAConnection:
    """Promises to keep a connection, and closes it as a second question arrives: as a server's keep-alive runs out."""

    def __init__(self) -> None:
        self.questions: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.questions.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        with contextlib.suppress(asyncio.IncompleteReadError):
            self.questions.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()


@asynccontextmanager
async def closing() -> AsyncIterator[tuple[HttpProbe, OneAnswerAConnection]]:
    behaviour = OneAnswerAConnection()
    server = await asyncio.start_server(behaviour, "127.0.0.1", 0)
    probe = HttpProbe(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield probe, behaviour
    finally:
        await probe.aclose()
        server.close()


async def test_a_question_that_met_a_closing_connection_is_asked_again() -> None:
    async with closing() as (probe, _):
        assert [(await probe.get(path)).status for path in ("/a", "/b", "/c")] == [200, 200, 200]


async def test_what_changes_something_is_not_asked_again() -> None:
    async with closing() as (probe, server):
        await probe.get("/a")
        with pytest.raises(Unobservable, match="disconnected"):
            await probe.get("/b", method="POST")
        assert [one.split()[0] for one in server.questions] == [b"GET", b"POST"]


async def test_a_provocation_leaves_the_service_time_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    pause = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await pause(0)

    async with probing(pages({"/api": reply("ok")})) as probe:
        monkeypatch.setattr(asyncio, "sleep", noted)
        burst = await probe.burst("/api", 5, name="five")
        monkeypatch.undo()
    expected = [min(3 * answer.seconds, 0.01) for answer in burst.answers]
    assert [seconds for seconds in pauses if seconds in expected] == expected


async def test_a_port_without_tls_is_named_as_one() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    probe = HttpProbe(f"https://{place}")
    try:
        with pytest.raises(Unobservable) as hidden:
            await probe.get("/")
    finally:
        await probe.aclose()
        server.close()
    assert "what answers there speaks no TLS" in hidden.value.problem
    assert hidden.value.remedy == f"write the address as http://{place}"


async def test_an_address_that_no_client_takes_is_unobservable() -> None:
    async with probing(pages({"/": reply("ok")})) as probe:
        with pytest.raises(Unobservable, match="can't be asked for"):
            await probe.get("/i-" + "a" * 200_000 + ".png")
