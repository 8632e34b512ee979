"""Pages: what a wrong tick would come from."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue import markup
from roadworthy.inspection.catalogue.browsing import CHECKS
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Reply, pages, reply
from roadworthy.inspection.model import Check

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
NGINX = reply("<html><head><title>Welcome to nginx!</title></head><body><h1>Welcome</h1><p>x</p></body></html>")
SPA = reply('<html lang="en"><head><title>App</title><script src="/app.js"></script></head><body><div></div></body>')
VIEW = '<meta name="viewport" content="width=device-width{}">'
CSS = reply("@media (max-width: 40rem) {}", content_type="text/css")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
async def test_a_servers_default_page_is_not_the_service(check: Check) -> None:
    verdict = await verdict_of(check.id, Stage(site=pages({}, NGINX)))
    assert verdict.status is not PASS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
async def test_one_page_for_every_address_holds_no_files(check: Check) -> None:
    verdict = await verdict_of(check.id, Stage(site=pages({}, SPA)))
    assert (verdict.status is PASS) == (check.id == "fe.a11y.named"), verdict.summary


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (VIEW.format("") + "<style>@media (max-width: 9em) {}</style>", PASS),
        (VIEW.format("") + "<style>body { color: red }</style>", UNKNOWN),
        (VIEW.format(", user-scalable=no") + "<style>@media (max-width: 9em) {}</style>", FAIL),
        (VIEW.format(", maximum-scale=10") + "<style>@media (max-width: 9em) {}</style>", PASS),
        ("<!-- " + VIEW.format("") + " -->", FAIL),
        ('<meta name="viewport" content="width=1024">', FAIL),
    ],
)
async def test_viewports(head: str, status: Status) -> None:
    page = reply(f"<html><head><title>x</title>{head}</head><body><p>x</p></body></html>")
    verdict = await verdict_of("fe.mobile.viewport", Stage(site=pages({"/": page})))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("robots", "status"),
    [
        ("User-agent: *\nDisallow: /\n", FAIL),
        ("User-agent: *\nDisallow:\n", PASS),
        ("User-agent: Bad\nDisallow: /\n\nUser-agent: *\nDisallow: /admin\n", PASS),
        ("User-agent: *\nAllow: /\n", PASS),
    ],
)
async def test_robots(robots: str, status: Status) -> None:
    routes: dict[str, Reply] = {
        "/": reply('<html><title>x</title><meta name="description" content="y"><body><p>x</p>'),
        "/robots.txt": reply(robots, content_type="text/plain"),
        "/sitemap.xml": reply("<urlset><loc>/</loc></urlset>", content_type="text/xml"),
    }
    assert (await verdict_of("fe.seo.found", Stage(site=pages(routes)))).status is status


def test_what_a_page_says() -> None:
    said = markup.read(
        '<html lang="de"><title>T</title><svg><title>icon</title></svg><a href="/x"><img src="a.png" alt="home"></a>'
        '<a href="/y"><svg></svg></a><button aria-label="close"></button><label>Name <input name="n"></label>'
        '<input type="hidden" name="h"><input name="bare"><textarea id="t"></textarea><label for="t">Text</label>'
        '<img src="b.png">'
    )
    assert (said.language, said.title, said.silent, said.fields, said.images) == ("de", "T", ["a"], ["bare"], ["b.png"])


async def test_a_missing_worker_file_is_seen() -> None:
    script = reply("navigator.serviceWorker.register('/sw.js')", content_type="text/javascript")
    stage = Stage(site=pages({"/app.js": script}, SPA))
    verdict = await verdict_of("fe.pwa.registered", stage)
    assert (verdict.status, "/sw.js" in verdict.summary) == (FAIL, True)


async def test_a_line_that_asks_for_more_than_markup() -> None:
    stage = Stage(site=pages({}, SPA))
    for subject, status in (("Accessible pages", PASS), ("WCAG 2.1 AA", UNKNOWN), ("Colour contrast checked", UNKNOWN)):
        assert (await verdict_of("fe.a11y.named", stage, subject=subject)).status is status
