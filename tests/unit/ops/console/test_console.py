from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from tests.settings import settings_from

from roadworthy.chassis.service import Resources, build_web
from roadworthy.chassis.settings import Environment
from roadworthy.inspection import history
from roadworthy.ops.console.inspections import FOLDER, SHOWN, Inspections, trends
from roadworthy.ops.console.pages import PATH, console

pytestmark = pytest.mark.anyio
HERE = ("127.0.0.1", 40_000)
SECRET_KEY = "6f1c" * 16


def leave(folder: Path, name: str, **figures: float) -> None:
    folder.mkdir(exist_ok=True)
    zeros = dict.fromkeys(("pass", "fail", "unknown", "not_applicable", "human", "unmapped", "coverage"), 0)
    report = {"target": "shop", "seconds": 1.5, "summary": zeros | figures, "items": [{"line": 1}]}
    (folder / f"{name}.json").write_text(json.dumps(report))
    (folder / f"{name}.html").write_text(f"<!doctype html><p>{name}</p>")


def client(
    state: Path, *, environment: str = "development", host: str = "localhost:8000", peer: tuple[str, int] = HERE
) -> httpx.AsyncClient:
    secret: Any = SECRET_KEY
    settings = settings_from(environment=Environment(environment), secret_key=secret)
    resources = Resources(settings.model_copy(update={"state_dir": state}), cast("Any", None), None)
    web = build_web(resources, [console(resources)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(web, client=peer), base_url=f"http://{host}")


async def test_history_shows_figures_a_chart_a_checklist_and_leads_to_reports(tmp_path: Path) -> None:
    folder = tmp_path / "inspections"
    leave(folder, "20260301T100000Z-launch", **{"pass": 6, "fail": 3, "human": 1, "coverage": 0.9})
    leave(folder, "20260302T100000Z-launch", **{"pass": 8, "fail": 1, "human": 1, "coverage": 0.999})
    leave(folder, "20260302T110000Z-other-list", **{"pass": 1, "coverage": 1})
    async with client(tmp_path) as browser:
        page = await browser.get(PATH)
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-store"
        assert page.text.count("<polyline") == 2
        assert "9 of 10 lines verified, 1 failed" in page.text
        assert "99%" in page.text
        links = re.findall(rf'href="({PATH}/[^"]+)"', page.text)
        assert [link.rpartition("/")[2] for link in links] == [
            "20260302T110000Z-other-list", "20260302T100000Z-launch", "20260301T100000Z-launch",
        ]  # fmt: skip
        report = await browser.get(links[0])
        assert "other-list" in report.text
        assert "sandbox" in report.headers["content-security-policy"]
        assert "script-src" not in report.headers["content-security-policy"]


async def test_an_empty_history_says_what_to_type(tmp_path: Path) -> None:
    async with client(tmp_path) as browser:
        assert "roadworthy inspect examples/" in (await browser.get(PATH)).text
        assert (await browser.get("/console")).headers["location"] == PATH


@pytest.mark.parametrize("environment", ["staging", "production"])
async def test_elsewhere_than_in_development_there_is_no_console(tmp_path: Path, environment: str) -> None:
    async with client(tmp_path, environment=environment) as browser:
        assert (await browser.get(PATH)).status_code == 404


@pytest.mark.parametrize(
    ("host", "peer", "headers"),
    [
        ("localhost:8000", ("203.0.113.9", 1), {}),  # another machine
        ("attacker.example", HERE, {}),  # a page whose name was made to lead here
        ("127.0.0.1.attacker.example", HERE, {}),
        ("localhost:8000", HERE, {"x-forwarded-for": "203.0.113.9"}),  # through a proxy on this machine
        ("localhost:8000", HERE, {"via": "1.1 proxy"}),
    ],
)
async def test_strangers_get_what_an_address_without_anything_gets(
    tmp_path: Path, host: str, peer: tuple[str, int], headers: dict[str, str]
) -> None:
    leave(tmp_path / "inspections", "20260301T100000Z-launch")
    async with client(tmp_path, host=host, peer=peer) as browser:
        assert (await browser.get("/nothing", headers=headers)).status_code == 404
        for path in ("/console", PATH, f"{PATH}/20260301T100000Z-launch"):
            assert (await browser.get(path, headers=headers)).status_code == 404


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "[::1]:8000", "localhost"])
async def test_this_machine_has_several_names(tmp_path: Path, host: str) -> None:
    async with client(tmp_path, host=host) as browser:
        assert (await browser.get(PATH)).status_code == 200


@pytest.mark.parametrize("name", ["..%2f..%2fsecret_key", "20260301T100000Z-no", "target", "20260301T100000Z-link"])
async def test_only_reports_are_served(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inspections"
    leave(folder, "20260301T100000Z-launch")
    (tmp_path / "secret_key.html").write_text("secret")
    (folder / "20260301T100000Z-link.html").symlink_to(tmp_path / "secret_key.html")
    async with client(tmp_path) as browser:
        assert (await browser.get(f"{PATH}/{name}")).status_code == 404


def test_what_is_no_report_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "inspections"
    leave(folder, "20260301T100000Z-launch")
    (folder / "20260302T100000Z-broken.json").write_text('{"target": 3')
    (folder / "20269999T100000Z-no-day.json").write_text((folder / "20260301T100000Z-launch.json").read_text())
    (folder / "notes.json").write_text("{}")
    assert [entry.name for entry in Inspections(tmp_path).newest()] == ["20260301T100000Z-launch"]


def test_a_chart_of_many_or_one_stays_within_its_frame(tmp_path: Path) -> None:
    for n in range(SHOWN + 5):
        leave(tmp_path / "inspections", f"202603{n // 24 + 1:02d}T{n % 24:02d}0000Z-launch", coverage=n % 2)
    leave(tmp_path / "inspections", "20260401T000000Z-once", coverage=0.5)
    entries = Inspections(tmp_path).newest()
    assert len(entries) == SHOWN
    for trend in trends(entries):
        assert all(0 <= dot.x <= 320 and 0 <= dot.y <= 96 for dot in trend.dots)
        assert [dot.entry.moment for dot in trend.dots] == sorted(dot.entry.moment for dot in trend.dots)


def test_the_inspector_writes_where_the_console_reads() -> None:
    assert (history.FOLDER, history.KEPT) == (FOLDER, SHOWN)
