"""HTTPS is enforced only where plain HTTP is refused or leads to it, on every page."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.stage import Certificate, Stage
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, pages, reply
from roadworthy.inspection.probes.http import Answer, HttpProbe

HOME = reply('<h1>Jobs</h1><p>x</p><a href="/jobs/1">one</a>')


@pytest.mark.parametrize("first", [
    reply("", 302, location="/login"), reply("", 302, location="http://127.0.0.1/login"), reply("nothing", 404),
    reply("who are you", 401), reply("no", 403), reply("broken", 500), reply("", 204), HOME,
])  # fmt: skip
@pytest.mark.parametrize("secure", [False, True])
async def test_every_answer_without_tls_is_a_failure(
    first: Reply, secure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = Certificate() if secure else None
    if secure:  # port 80 is nobody's to plant: what would come from there is given instead

        async def get(probe: HttpProbe, path: str, **options: object) -> Answer:  # noqa: ARG001 - as the real one is called
            url = path if path.startswith("http") else probe.url + path
            return Answer("GET", url, first.status, first.headers, first.body, 0, 0.0)

        monkeypatch.setattr(HttpProbe, "get", get)
    verdict = await verdict_of("tls.https.enforced", Stage(site=pages({"/": first}), certificate=certificate))
    assert verdict.status is Status.FAIL, verdict.summary


async def test_a_redirect_of_the_first_page_alone_enforces_nothing() -> None:
    def site() -> Handler:
        def answer(asked: Asked) -> Reply:
            return reply("", 301, location="https://127.0.0.1:1/") if asked.path == "/" else HOME

        return answer

    verdict = await verdict_of("tls.https.enforced", Stage(site=site))
    assert (verdict.status, "robots.txt answers without TLS" in verdict.summary) == (Status.FAIL, True)
