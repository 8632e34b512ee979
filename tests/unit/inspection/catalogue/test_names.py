"""A name counts where DNS says it; mail where a server greets and the domain is believed."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.names import BELIEVED, HOME, MAIL
from roadworthy.inspection.fixtures.names import Zone
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages
from roadworthy.inspection.probes.names import NamesProbe

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
HERE: Zone = {("localhost", "A"): ["127.0.0.1"]}


@pytest.mark.parametrize(
    ("stage", "params", "status"),
    [
        (Stage(site=HOME, host="localhost", zone=HERE), {}, PASS),
        (Stage(site=HOME, host="localhost", zone={("other.test", "A"): ["127.0.0.1"]}), {}, FAIL),
        (Stage(site=HOME, host="localhost", zone={("localhost", "A"): ["192.0.2.7"]}), {}, UNKNOWN),
        (Stage(site=HOME, zone=HERE), {}, FAIL),
        (Stage(site=pages({}), host="localhost", zone=HERE), {}, UNKNOWN),
        (Stage(site=HOME, host="localhost", zone=HERE), {"subject": "CAA record set"}, FAIL),
        (Stage(site=HOME, host="localhost", zone={**HERE, ("localhost", "CAA"): ['0 issue "ca.test"']}),
         {"subject": "CAA record set"}, PASS),
        (Stage(site=HOME, host="localhost", zone=HERE), {"subject": "SPF and DKIM in DNS"}, UNKNOWN),
        (Stage(site=HOME, host="localhost", zone=HERE), {"subject": "DNS propagation verified"}, UNKNOWN),
    ],
)  # fmt: skip
async def test_names(stage: Stage, params: dict[str, str], status: Status) -> None:
    verdict = await verdict_of("dns.ok.address", stage, **params)
    assert verdict.status is status, verdict.summary


async def test_a_name_of_this_machine_is_no_public_name() -> None:
    async with Stage(site=HOME, host="localhost", zone=HERE).open() as probes:
        assert probes.names is not None
        strict = NamesProbe(probes.names._server)
        assert await strict.addresses("localhost") == ["127.0.0.1"]
        assert not strict.loopback_counts


GREETS = ("STARTTLS", "AUTH")


@pytest.mark.parametrize(
    ("environment", "offers", "zone", "status"),
    [
        (MAIL, GREETS, BELIEVED, PASS),
        (MAIL, ("AUTH",), BELIEVED, FAIL),
        (MAIL, None, BELIEVED, UNKNOWN),
        (MAIL, GREETS, None, UNKNOWN),
        (MAIL, GREETS, {("shop.test", "TXT"): ['"v=spf1 -all"']}, FAIL),
        (MAIL, GREETS, {**BELIEVED, ("shop.test", "TXT"): ['"v=spf1 +all"']}, FAIL),
        ({**MAIL, "SMTP_PASSWORD": "your-password"}, GREETS, BELIEVED, FAIL),
        ({**MAIL, "SMTP_HOST": "mailhog"}, GREETS, BELIEVED, FAIL),
        ({name: MAIL[name] for name in ("SMTP_HOST", "SMTP_PORT")}, GREETS, BELIEVED, FAIL),
        ({"OTHER": "1"}, GREETS, BELIEVED, FAIL),
        ({**MAIL, "SMTP_USER": "apikey"}, GREETS, BELIEVED, UNKNOWN),
        ({**MAIL, "SMTP_USER": "apikey", "EMAIL_FROM": "Shop <no-reply@shop.test>"}, GREETS, BELIEVED, PASS),
    ],
)
async def test_mail(
    environment: dict[str, str], offers: tuple[str, ...] | None, zone: Zone | None, status: Status
) -> None:
    stage = Stage(environment=environment, mail_offers=offers, zone=zone)
    verdict = await verdict_of("cfg.email.server", stage)
    assert verdict.status is status, verdict.summary


async def test_a_variable_that_the_line_names_must_be_set() -> None:
    stage = Stage(environment=MAIL, mail_offers=GREETS, zone=BELIEVED)
    assert (await verdict_of("cfg.email.server", stage, name="SMTP_SENDER", value="x")).status is FAIL
