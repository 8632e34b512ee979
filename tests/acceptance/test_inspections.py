"""Reports and the console as readers meet them: in Chromium, on a desk and on a phone, by day and by night."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.unit.inspection.fakes import inspection, line
from tests.unit.inspection.reports.hostile import everything

from roadworthy.contracts.checks import Status
from roadworthy.inspection import history
from roadworthy.inspection.model import Item
from roadworthy.inspection.reports import machine
from roadworthy.inspection.reports import page as report
from roadworthy.inspection.results import Inspection

# The board starts before the browser does, whose event loop would be in its way.
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.usefixtures("board")]

Scheme = Literal["light", "dark"]
SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
CONTRAST = Path(__file__).with_name("contrast.js").read_text()
LOOKS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
CONSOLE = "/console/inspections"


def looks_right(shown: Page, name: str) -> None:
    width = shown.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width[0] <= width[1], f"{name} is wider than the screen"
    expect(shown.locator("h1")).to_have_count(1)
    contrast = shown.evaluate(CONTRAST)
    assert contrast["seen"] > 10
    assert contrast["found"] == []
    shown.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def launch_list() -> Inspection:
    """What a reader would see of a small checklist."""
    lines = [
        line(Item(4, ("Data", "PostgreSQL"), "PostgreSQL is in use"), Status.PASS, summary="PostgreSQL 18 answers"),
        line(Item(5, ("Data", "PostgreSQL"), "Nightly backups, kept 30 days"), Status.FAIL, mend="schedule a dump"),
        line(Item(8, ("Limits",), "60 requests a minute"), Status.UNKNOWN, summary="nobody answers"),
    ]
    return inspection(*lines, *everything().lines[4:])


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
@pytest.mark.parametrize(("name", "found"), [("report", launch_list()), ("report-hostile", everything())])
def test_a_report_is_read_without_scripts_and_asks_nobody(
    chromium: Browser, tmp_path: Path, width: int, scheme: Scheme, name: str, found: Inspection
) -> None:
    (tmp_path / "report.html").write_bytes(report.encode(found))
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=name == "report-hostile"
    )
    shown, asked, alarms = context.new_page(), list[str](), list[str]()
    shown.on("request", lambda request: asked.append(request.url))
    shown.on("dialog", lambda dialog: alarms.append(dialog.message))
    shown.goto((tmp_path / "report.html").as_uri())
    shown.locator("label", has_text="could not be seen").click()
    expect(shown.locator(".line:visible")).to_have_count(1)
    shown.locator("label", has_text="All").click()
    expect(shown.locator(".line:visible")).to_have_count(len(found.lines))
    shown.locator("summary").first.click()
    expect(shown.get_by_text("Asked", exact=True).first).to_be_visible()
    if name == "report-hostile":
        looks_right(shown, f"{name}-{width}-{scheme}")
    else:
        shown.screenshot(path=SCREENSHOTS / f"{name}-{width}-{scheme}.png", full_page=True)
    assert len(asked) == 1
    assert not alarms
    context.close()


def test_a_report_prints_every_line(chromium: Browser, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_bytes(report.encode(launch_list()))
    context = chromium.new_context()
    shown = context.new_page()
    shown.goto((tmp_path / "report.html").as_uri())
    shown.emulate_media(media="print")
    expect(shown.locator(".filter")).to_be_hidden()
    expect(shown.locator(".line:visible")).to_have_count(len(launch_list().lines))
    assert shown.pdf(format="A4").startswith(b"%PDF")
    context.close()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_whoever_runs_it_sees_its_history_and_each_report(
    board: str, chromium: Browser, tmp_path_factory: pytest.TempPathFactory, width: int, scheme: Scheme
) -> None:
    (state,) = (path.parent for path in tmp_path_factory.getbasetemp().glob("board[0-9]*/server.log"))
    context = chromium.new_context(
        base_url=board, viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=True
    )
    shown = context.new_page()
    if not (state / history.FOLDER).exists():
        shown.goto(CONSOLE)
        expect(shown.get_by_text("Nothing has been inspected yet")).to_be_visible()
        _leave_some(state / history.FOLDER)
    shown.goto(CONSOLE)
    expect(shown.locator("svg.chart")).to_have_count(2)
    looks_right(shown, f"console-inspections-{width}-{scheme}")
    shown.locator(".runs a").first.click()
    expect(shown.get_by_role("heading", name="Mend first")).to_be_visible()
    assert shown.evaluate("getComputedStyle(document.querySelector('.card')).display") == "flex"
    context.close()


def _leave_some(folder: Path) -> None:
    found = launch_list()
    plain = machine.document(found)
    for n in range(12):
        for checklist in ("launch", "hardening") if n % 2 else ("launch",):
            plain["summary"]["coverage"] = 0.5 + n / 25
            name = f"2026{n + 1:02d}01T100000Z-{checklist}"
            folder.mkdir(exist_ok=True)
            (folder / f"{name}.json").write_text(json.dumps(plain))
            (folder / f"{name}.html").write_bytes(report.encode(found))
