"""What axe finds against WCAG 2.2 A and AA and its own best practices, page by page, on a desk and on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
RUN = "async () => { const r = await axe.run(); return {passes: r.passes.length, violations: r.violations}; }"
PAGES = (
    "/",
    "/jobs",
    "/jobs?q=masage+theripist",
    "/jobs?q=spa&city=los-angeles-ca&miles=50&posted=30d#filters",
    "/jobs?q=zebra&place=Gotham",
    "/jobs?q=zebra",
    "/jobs/7",
    "/companies",
    "/companies?q=zebra",
    "/no-such-page",
)
RULES_MIN = 15


def findings(page: Page) -> tuple[int, list[str]]:
    """How many rules held, and what was found: the rule, and where."""
    page.evaluate(AXE)
    result: dict[str, Any] = page.evaluate(RUN)
    found = [f"{each['id']}: {node['html'][:200]}" for each in result["violations"] for node in each["nodes"]]
    return result["passes"], found


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_stands_in_anybodys_way(board: str, chromium: Browser, width: int) -> None:
    context = chromium.new_context(base_url=board, viewport={"width": width, "height": 900})
    page = context.new_page()
    found: dict[str, list[str]] = {}
    for path in (*PAGES, "company"):
        if path == "company":
            page.goto("/companies")
            page.locator(".company a").first.click()
            page.wait_for_url("**/companies/*")
        else:
            page.goto(path)
        held, violations = findings(page)
        assert held > RULES_MIN, f"{path}: axe looked at next to nothing"
        found[path] = violations
    context.close()
    assert {path: violations for path, violations in found.items() if violations} == {}


def test_axe_sees_what_it_looks_for(board: str, chromium: Browser) -> None:
    page = chromium.new_page(base_url=board)
    page.goto("/jobs")
    page.evaluate("document.querySelector('label[for=q]').remove(); document.documentElement.removeAttribute('lang')")
    held, violations = findings(page)
    page.close()
    assert held > RULES_MIN
    assert {each.partition(":")[0] for each in violations} >= {"html-has-lang"}
