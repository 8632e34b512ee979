"""Versions of TLS: what a line bans is tried, and what it asks for too."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.tls_versions import SITE
from roadworthy.inspection.fixtures.stage import Certificate, Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN


@pytest.mark.parametrize(
    ("oldest", "names", "subject", "expected"),
    [
        ("", (), "TLS versions are modern", PASS),
        ("", ("1.2",), "TLS 1.2+ only", PASS),
        ("", ("1.2",), "TLS 1.2 or higher", PASS),
        ("", ("1.0", "1.1"), "TLS 1.0 and 1.1 disabled", PASS),
        ("", ("1.3",), "TLS 1.3 supported", PASS),
        ("", ("1.3",), "TLS 1.3 only", FAIL),
        ("1.0", ("1.2",), "TLS 1.2+ only", FAIL),
        ("1.1", ("1.0", "1.1"), "TLS 1.0 and 1.1 disabled", FAIL),
    ],
)
async def test_versions(oldest: str, names: tuple[str, ...], subject: str, expected: Status) -> None:
    stage = Stage(site=SITE, certificate=Certificate(oldest=oldest))
    verdict = await verdict_of("tls.versions.spoken", stage, names=names, subject=subject)
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize("stage", [Stage(site=SITE), Stage(refused=frozenset({"http"}))])
async def test_where_nothing_is_encrypted_nothing_is_known(stage: Stage) -> None:
    assert (await verdict_of("tls.versions.spoken", stage)).status is UNKNOWN
