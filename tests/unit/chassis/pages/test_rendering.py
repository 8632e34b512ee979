from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
from litestar import Litestar, get
from litestar.testing import TestClient

from roadworthy.chassis.errors import Overloaded
from roadworthy.chassis.pages.assets import static_handlers
from roadworthy.chassis.pages.errors import WORDS, error_page, page_handlers, wants_page
from roadworthy.chassis.pages.rendering import Pages, Site
from roadworthy.chassis.web import problems

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    (tmp_path / "hello.html").write_text("<p>{{ name }}</p>")
    site = Site("Example", "A tagline", "https://example.org", links=(("/", "Home"),))
    return Pages(site, templates={"example": tmp_path}, static={}, filters={"loud": str.upper})


def client(pages: Pages) -> TestClient[Litestar]:
    @get("/busy", sync_to_thread=False)
    def busy() -> str:
        raise Overloaded

    @get("/broken", sync_to_thread=False)
    def broken() -> str:
        raise ZeroDivisionError("a secret detail")

    handlers = [busy, broken, *static_handlers(pages.assets)]
    return TestClient(Litestar(handlers, exception_handlers=page_handlers(pages, problems.exception_handlers())))


def test_what_strangers_wrote_is_escaped(pages: Pages) -> None:
    assert pages.render("example/hello.html", name="<script>") == "<p>&lt;script&gt;</p>"


def test_a_missing_name_is_an_error_not_a_blank(pages: Pages) -> None:
    with pytest.raises(jinja2.UndefinedError):
        pages.render("example/hello.html")


def test_pages_are_asked_for_again_and_static_files_never(pages: Pages) -> None:
    assert pages.response("example/hello.html", name="Ada").headers["cache-control"] == "no-cache"
    with client(pages) as browser:
        got = browser.get(pages.assets.url("chassis/app.css"), headers={"accept-encoding": "br"})
        assert got.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert got.headers["content-encoding"] == "br"
        assert got.headers["content-type"] == "text/css; charset=utf-8"
        assert browser.get("/favicon.ico").headers["content-type"] == "image/vnd.microsoft.icon"


@pytest.mark.parametrize("status", [*WORDS, 418, 502])
def test_every_error_has_a_page_in_words(pages: Pages, status: int) -> None:
    page = error_page(pages, status)
    assert f">{int(status)}<" in page
    assert "<h1>" in page


@pytest.mark.parametrize(
    ("path", "status"), [("/nothing", 404), ("/busy", 503), ("/broken", 500), ("/static/chassis/app.css", 404)]
)
def test_browsers_get_a_page_and_programs_a_problem_document(pages: Pages, path: str, status: int) -> None:
    with client(pages) as visitor:
        page, problem = visitor.get(path, headers=BROWSER), visitor.get(path, headers={"accept": "application/json"})
    assert (page.status_code, problem.status_code) == (status, status)
    assert page.headers["content-type"].startswith("text/html")
    assert problem.headers["content-type"] == "application/problem+json"
    assert "secret" not in page.text + problem.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers.get("retry-after") == problem.headers.get("retry-after")


@pytest.mark.parametrize(
    ("path", "accept", "wanted"),
    [
        ("/jobs", "text/html", True),
        ("/jobs", "*/*", True),
        ("/jobs", "", True),
        ("/jobs", "application/json", False),
        ("/jobs", "application/problem+json, */*", False),
        ("/api", "text/html", False),
        ("/api/jobs", "text/html", False),
        ("/apiary", "text/html", True),
    ],
)
def test_the_api_never_answers_with_a_page(path: str, accept: str, wanted: bool) -> None:
    assert wants_page(path, accept) is wanted


def test_static_files_come_from_a_cdn_where_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        "{% extends 'chassis/base.html' %}{% import 'chassis/components/parts.html' as parts %}"
        "{% block main %}{{ parts.icon('pin') }}{% endblock %}"
    )
    site = Site("Example", "A tagline", "https://example.org")
    pages = Pages(site, templates={"example": tmp_path}, static={}, cdn_url="https://cdn.example.net/")
    response = pages.response("example/page.html", title="x", description="x", path="/")
    page = response.content.decode()
    assert f'href="https://cdn.example.net{pages.assets.url("chassis/app.css")}"' in page
    assert "https://cdn.example.net/static/chassis/icons" not in page, (
        "its parts would not be drawn from another origin"
    )
    policy = str(response.headers["content-security-policy"])
    assert policy.startswith(
        "default-src 'self' https://cdn.example.net; img-src 'self' data: https://cdn.example.net;"
    )
    assert "cdn.example.net" not in error_page(pages, 503), "what explains trouble does not depend on it"
