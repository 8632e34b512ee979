"""The job board as visitors meet it: walked through in Chromium, on a desk and on a phone, by day and by night."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

Scheme = Literal["light", "dark"]
Visit = Callable[..., AbstractContextManager[Page]]
SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
CONTRAST = Path(__file__).with_name("contrast.js").read_text()
WATCH_POLICY = """
window.refusals = [];
addEventListener("securitypolicyviolation", (e) => window.refusals.push(`${e.violatedDirective} ${e.blockedURI}`));
"""
PAGE_BYTES_MAX = 60_000
LOOKS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]


@pytest.fixture
def visit(board: str, chromium: Browser) -> Visit:
    """Opens a page on the board, and afterwards looks at what the browser complained of."""

    @contextmanager
    def visiting(
        width: int = 1280, scheme: Scheme = "light", *, scripts: bool = True, errors: int = 0, refusals: int = 0
    ) -> Iterator[Page]:
        context = chromium.new_context(
            base_url=board,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=scripts,
        )
        context.add_init_script(WATCH_POLICY)
        page, complaints = context.new_page(), list[str]()

        def note(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                complaints.append(message.text)

        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        if scripts:
            refused = page.evaluate("window.refusals")
            assert len(refused) == refusals, refused
        context.close()
        assert len(complaints) == errors, complaints

    return visiting


def looks_right(page: Page, title: str, name: str) -> None:
    expect(page).to_have_title(re.compile(title))
    width = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width[0] <= width[1], f"{name} is wider than the screen"
    expect(page.locator("h1")).to_have_count(1)
    contrast = page.evaluate(CONTRAST)
    assert contrast["seen"] > 10
    assert contrast["found"] == []
    page.wait_for_load_state("networkidle")
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_visitor_walks_from_home_to_a_company(visit: Visit, width: int, scheme: Scheme) -> None:
    look = f"{width}-{scheme}"
    with visit(width, scheme) as page:
        page.goto("/")
        looks_right(page, "^SpaJobs", f"home-{look}")

        page.get_by_label("What").fill("massage")
        page.get_by_label("Where").fill("California")
        page.get_by_role("button", name="Search").click()
        page.wait_for_url("**/jobs?q=massage&state=CA")
        looks_right(page, "^Jobs for “massage” in California", f"results-{look}")
        expect(page.get_by_role("status")).to_contain_text("jobs, best matches first")

        title = page.locator(".job h2").first.inner_text()
        page.locator(".job h2 a").first.click()
        page.wait_for_url(re.compile(r"/jobs/\d+$"))
        looks_right(page, f"^{re.escape(title)} at ", f"job-{look}")
        expect(page.locator("h1")).to_have_text(title)

        company = page.locator("aside h2 a").inner_text()
        page.get_by_role("link", name="About the company").click()
        page.wait_for_url("**/companies/*")
        looks_right(page, f"^{re.escape(company)}", f"company-{look}")
        expect(page.locator("h1")).to_have_text(company)

        page.get_by_role("link", name="Companies", exact=True).first.click()
        page.wait_for_url("**/companies")
        looks_right(page, "^Companies that hire", f"companies-{look}")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_nothing_found_and_nothing_there_still_help(visit: Visit, width: int, scheme: Scheme) -> None:
    with visit(width, scheme, errors=1) as page:
        page.goto("/jobs?q=zebra&place=Austin,+TX&salary_min=900")
        looks_right(page, "^Jobs for “zebra” in Austin, TX", f"nothing-found-{width}-{scheme}")
        page.get_by_role("link", name="in all of Texas").click()
        page.wait_for_url("**/jobs?q=zebra&salary_min=900&salary_period=hour&state=TX")

        page.goto("/no-such-page")
        looks_right(page, "^This page is not here", f"not-found-{width}-{scheme}")
        page.get_by_role("link", name="Start page").click()
        page.wait_for_url("**/")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_mistakes_are_told_beside_their_fields(visit: Visit, width: int, scheme: Scheme) -> None:
    with visit(width, scheme, errors=1) as page:
        answer = page.goto("/jobs?place=Gotham&salary_min=lots#filters")
        assert answer is not None
        assert answer.status == 400
        looks_right(page, "^Check your search", f"mistakes-{width}-{scheme}")
        expect(page.get_by_label("Where")).to_have_accessible_description(re.compile("no place called “Gotham”"))
        expect(page.get_by_label("Dollars")).to_have_accessible_description(re.compile("whole dollars"))
        expect(page.get_by_label("Dollars")).to_have_value("lots")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_mistyped_search_says_what_was_searched(visit: Visit, width: int, scheme: Scheme) -> None:
    with visit(width, scheme) as page:
        page.goto("/jobs?q=masage+theripist")
        looks_right(page, "^Jobs for “masage theripist”", f"mistyped-{width}-{scheme}")
        expect(page.locator("#results .notice")).to_contain_text("These are results for massage therapist instead")
        expect(page.locator(".job h2").first).to_contain_text("Massage Therapist")
        page.get_by_role("link", name="as it is written").click()
        page.wait_for_url("**exact=true")
        expect(page.get_by_role("heading", name="No open jobs match all of this")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_search_can_reach_beyond_its_city(visit: Visit, width: int, scheme: Scheme) -> None:
    with visit(width, scheme) as page:
        page.goto("/jobs?q=spa&city=los-angeles-ca&miles=25&posted=30d#filters")
        looks_right(page, "within 25 miles of Los Angeles, CA", f"near-{width}-{scheme}")
        expect(page.locator(".job", has_text="miles away").first).to_be_visible()
        page.goto("/jobs?q=spa&city=los-angeles-ca#filters")
        page.get_by_label("Within").select_option("50 miles")
        page.wait_for_url("**miles=50*")
        expect(page.locator("h1")).to_contain_text("within 50 miles of Los Angeles, CA")


def test_numbers_stand_beside_choices_and_follow_the_search(visit: Visit) -> None:
    with visit() as page:
        page.goto("/jobs?state=CA")
        terms = page.get_by_label("Terms")
        expect(terms.locator("option").nth(1)).to_have_text(re.compile(r"^Full time \(\d+\)$"))
        before = terms.locator("option").nth(1).inner_text()
        page.get_by_label("What").press_sequentially("massage", delay=10)
        page.wait_for_url("**q=massage*")
        expect(terms.locator("option").nth(1)).not_to_have_text(before)
        count = page.locator("#narrow li", has_text="$30 or more").locator(".numbers").inner_text()
        page.get_by_role("link", name="$30 or more").click()
        page.wait_for_url("**salary_min=30*")
        expect(page.get_by_role("status")).to_contain_text(f"{count.split()[0]} jobs")
        page.get_by_role("link", name="newest").click()
        expect(page.get_by_role("status")).to_contain_text("featured first, then newest")


def test_results_follow_what_is_typed_and_chosen(visit: Visit) -> None:
    with visit() as page:
        page.goto("/jobs")
        first = page.locator(".job h2").first.inner_text()
        page.get_by_label("What").press_sequentially("acupuncturist", delay=10)
        page.wait_for_url("**/jobs?q=acupuncturist*")
        expect(page.locator("h1")).to_have_text("Jobs for “acupuncturist”")
        expect(page.get_by_label("What")).to_be_focused()
        expect(page.locator(".job h2").first).not_to_have_text(first)

        page.get_by_label("Experience").select_option("senior")
        page.wait_for_url("**&experience=senior*")
        expect(page.locator("h1")).to_have_text("Senior jobs for “acupuncturist”")
        page.get_by_role("link", name="Remove Senior").click()
        page.wait_for_url("**/jobs?q=acupuncturist")

        page.go_back()
        page.go_back()
        expect(page.locator(".job")).not_to_have_count(0)


def test_a_mistake_while_typing_keeps_the_field(visit: Visit) -> None:
    with visit(errors=1) as page:
        page.goto("/jobs")
        page.get_by_label("Dollars").fill("lots")
        page.get_by_label("Dollars").press("Tab")
        expect(page.locator("#error-salary_min")).to_contain_text("whole dollars")
        expect(page.get_by_label("Dollars")).to_have_value("lots")


def test_places_are_suggested(visit: Visit) -> None:
    with visit() as page:
        page.goto("/")
        page.get_by_label("Where").press_sequentially("san fr", delay=10)
        expect(page.locator("#place-options option").first).to_have_attribute("value", "San Francisco, CA")


def test_the_list_can_be_walked_on_and_back(visit: Visit) -> None:
    def titles() -> list[str]:
        links: list[str] = page.locator(".job h2 a").evaluate_all("all => all.map(link => link.getAttribute('href'))")
        return links

    with visit() as page:
        page.goto("/jobs?state=CA")
        first = titles()
        page.get_by_role("link", name="Next page").click()
        page.wait_for_url("**cursor=*")
        second = titles()
        assert not set(first) & set(second)
        page.get_by_role("link", name="Next page").click()
        expect(page.locator(".job h2 a").first).not_to_have_attribute("href", second[0])
        page.get_by_role("link", name="Previous page").click()
        page.wait_for_url("**before=*")
        assert titles() == second
        page.get_by_role("link", name="Previous page").click()
        expect(page.get_by_role("link", name="Previous page")).to_have_count(0)
        assert titles() == first


def test_everything_works_without_scripts(visit: Visit) -> None:
    with visit(scripts=False) as page:
        page.goto("/")
        page.get_by_label("What").fill("esthetician")
        page.get_by_label("Where").fill("texas")
        page.get_by_role("button", name="Search").click()
        expect(page.locator("h1")).to_have_text("Jobs for “esthetician” in Texas")
        page.get_by_label("Experience").select_option("mid")
        page.get_by_role("button", name="Show jobs").click()
        expect(page.locator("h1")).to_have_text("Mid level jobs for “esthetician” in Texas")
        page.locator(".job h2 a").first.click()
        expect(page.get_by_role("heading", name="At a glance")).to_be_visible()


def test_filters_open_on_a_phone_without_scripts(visit: Visit) -> None:
    with visit(390, scripts=False) as page:
        page.goto("/jobs")
        expect(page.get_by_label("Experience")).to_be_hidden()
        page.locator(".filters-open a").click()
        expect(page.get_by_label("Experience")).to_be_visible()
        page.get_by_role("link", name="Close").click()
        expect(page.get_by_label("Experience")).to_be_hidden()


@pytest.mark.parametrize("path", ["/", "/jobs", "/companies"])
def test_the_keyboard_reaches_everything_and_shows_where_it_is(visit: Visit, path: str) -> None:
    shown = """() => {
      const it = document.activeElement;
      const row = it.closest(".job, .company") || it;
      const ring = [it, row].map((e) => getComputedStyle(e)).find((s) => s.outlineStyle !== "none");
      return [it.textContent.trim().slice(0, 40) || it.name, ring ? parseFloat(ring.outlineWidth) : 0];
    }"""
    with visit() as page:
        page.goto(path)
        reached = []
        for _ in range(14):
            page.keyboard.press("Tab")
            reached.append(page.evaluate(shown))
        assert [name for name, outline in reached if outline < 2] == []
        assert reached[0][0] == "Skip to content"
        assert len({name for name, _ in reached}) > 8
        page.goto(path)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()


def test_the_checks_of_this_file_see_what_they_look_for(visit: Visit) -> None:
    with visit() as page:
        page.goto("/jobs")
        assert page.evaluate(CONTRAST)["found"] == []
        page.evaluate("document.querySelector('h1').style.color = 'color-mix(in srgb, currentcolor 20%, white)'")
        assert [text for text, *_ in page.evaluate(CONTRAST)["found"]] == ["All open jobs"]


def test_scripts_from_elsewhere_are_refused(visit: Visit) -> None:
    with visit(errors=1, refusals=1) as page:
        page.goto("/jobs")
        page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: '1'}))")
        page.wait_for_function("window.refusals.length > 0")


@pytest.mark.parametrize("path", ["/", "/jobs?q=massage", "/jobs/7", "/companies"])
def test_a_page_is_light(visit: Visit, path: str) -> None:
    with visit() as page:
        answers: list[Response] = []
        page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108  # Playwright marks its listeners
        page.goto(path)
        page.wait_for_load_state("networkidle")
        sent = {answer.url: answer.request.sizes()["responseBodySize"] for answer in answers}
        assert sum(sent.values()) < PAGE_BYTES_MAX, sent
        assert {host for url in sent if (host := url.split("/")[2])} == {page.url.split("/")[2]}


def test_a_second_page_asks_for_no_static_file_again(visit: Visit) -> None:
    with visit() as page:
        page.goto("/jobs")
        page.wait_for_load_state("networkidle")
        page.goto("/jobs?remote=true")
        page.wait_for_load_state("networkidle")
        loaded: list[tuple[str, int]] = page.evaluate(
            "performance.getEntriesByType('resource').map(entry => [entry.name, entry.transferSize])"
        )
        statics = [(name, size) for name, size in loaded if "/static/" in name]
        assert statics
        assert [name for name, size in statics if size > 0] == []
