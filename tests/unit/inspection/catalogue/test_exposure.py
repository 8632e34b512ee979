"""What is open: what a wrong tick would come from."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.inspection.catalogue.asking import BY_ID, verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.exposure import ENCRYPTED, PLAIN
from roadworthy.inspection.catalogue.network import _everywhere
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Requirement
from roadworthy.inspection.probes.bundle import ProbeSet
from roadworthy.inspection.probes.postgres import PostgresProbe
from roadworthy.inspection.scenario import Flow, Step

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
HOME = {"/": reply("<h1>Jobs</h1><p>x</p>")}


@pytest.mark.parametrize(
    ("page", "status"),
    [
        (reply("<h1>Queues</h1>"), FAIL),
        (reply('<form><input type="password" name="p"></form>'), PASS),
        (reply("", 302, location="/login"), PASS),
        (reply("no", 401), PASS),
    ],
)
async def test_dashboards(page: Any, status: Status) -> None:
    stage = Stage(site=pages({**HOME, "/flower/": page}))
    verdict = await verdict_of("sec.trusted_net.open", stage, subject="Dashboard secured")
    assert verdict.status is status, verdict.summary


async def test_one_page_for_every_address_shows_no_dashboard() -> None:
    stage = Stage(site=pages({}, reply("<div id=app></div>")))
    assert (await verdict_of("sec.trusted_net.open", stage, subject="Dashboard secured")).status is UNKNOWN


async def test_ports_need_a_host_with_sockets() -> None:
    assert (
        await verdict_of("sec.trusted_net.open", Stage(site=pages(HOME)), subject="Only needed ports")
    ).status is UNKNOWN
    bare = Stage(machine=Machine((Program("sleep 9"),)))
    assert (await verdict_of("sec.trusted_net.open", bare, subject="Only needed ports")).status is UNKNOWN


@pytest.mark.parametrize(
    ("listening", "line", "status"),
    [
        ({5432: "127.0.0.1"}, "Database is not publicly accessible", PASS),
        ({5432: "0.0.0.0"}, "Database is not publicly accessible", FAIL),
        ({5432: "10.0.0.4"}, "Database is not publicly accessible", UNKNOWN),
        ({5432: "192.0.2.2"}, "PostgreSQL port restricted to localhost", FAIL),
        ({8123: "0.0.0.0", 5432: "127.0.0.1"}, "Port 8123 is not exposed", FAIL),
        ({8080: "0.0.0.0"}, "Only ports 80, 443 and 8080 are open", PASS),
        ({8080: "0.0.0.0"}, "Only ports 80 and 443 are open", FAIL),
        ({8080: "127.0.0.1"}, "Port 443 (HTTPS) open", FAIL),
        ({443: "0.0.0.0"}, "Port 443 (HTTPS) open", UNKNOWN),
    ],
)
async def test_sockets(listening: dict[int, str], line: str, status: Status) -> None:
    web = Program("gunicorn app:app", listens=True)
    stage = Stage(site=pages(HOME), machine=Machine((web,), listening=listening))
    verdict = await verdict_of("sec.trusted_net.open", stage, subject=line, ports=tuple(re.findall(r"\d+", line)))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(("address", "status"), [("0.0.0.0", FAIL), ("127.0.0.1", PASS)])
async def test_the_database_in_use_is_looked_at_whatever_its_port(address: str, status: Status) -> None:
    stage = Stage(site=pages(HOME), machine=Machine((Program("x", listens=True),), listening={54329: address}))
    async with stage.open() as probes:
        assert isinstance(probes, ProbeSet)
        known = replace(probes, postgres=PostgresProbe("postgresql://a@127.0.0.1:54329/shop"))
        asked = Requirement("sec.trusted_net", {"subject": "Database is not publicly accessible"})
        assert (await BY_ID["sec.trusted_net.open"].run(known, asked)).status is status


def test_which_addresses_are_everywhere() -> None:
    assert [_everywhere(one) for one in ("0.0.0.0", "::", "127.0.0.1", "10.0.0.4", "1.1.1.1", "?")] == [
        True, True, False, False, True, False]  # fmt: skip


@pytest.mark.parametrize("value", ["eyJhbGciO", "ya29.a0Af", "sk-live-1", "123-45-678", "4111111111"])
def test_what_can_be_read(value: str) -> None:
    assert PLAIN.match(value) or value == "123-45-678"
    assert not ENCRYPTED.match(value)


@pytest.mark.parametrize(
    ("stage", "status"),
    [
        (Stage(repo={"a.py": "def login(u, p):\n    return check(u, p)\n"}), FAIL),
        (Stage(repo={"a.py": "def login(u, p):\n    return totp(u)\n"}), UNKNOWN),
        (Stage(repo={"a.py": "x = 1\n"}), UNKNOWN),
        (Stage(repo={"a.py": "def login(u, p): ...\n", "requirements.txt": "pyotp\n"}), UNKNOWN),
        (Stage(site=pages(HOME), flows=[Flow("Login with MFA", [Step(get="/", contains="Jobs")])]), UNKNOWN),
    ],
)
async def test_second_factors(stage: Stage, status: Status) -> None:
    verdict = await verdict_of("auth.mfa.walked", stage)
    assert verdict.status is status, verdict.summary


async def test_files_are_not_kept_in_by_ports() -> None:
    stage = Stage(machine=Machine(()))
    found = await verdict_of("sec.trusted_net.open", stage, subject="Files outside the web root are not accessible")
    assert found.status is Status.UNKNOWN
    assert "files" in found.summary
