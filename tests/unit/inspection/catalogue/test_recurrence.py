"""Scheduled tasks are the service's own, and a certificate is renewed by something that runs."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.recurrence import APP, CERTBOT, CRON, LINE, TIMER
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
BEAT = Program("celery -A app beat", folder="/srv/shop/backend")
UNIT = {"etc/systemd/system/t.service": "[Service]\nExecStart=/usr/bin/php /srv/shop/run.php\n"}
ENABLED = {"etc/systemd/system/timers.target.wants/t.timer": "[Timer]\nOnCalendar=daily\n"}
PACKAGED = {"etc/cron.d/certbot": "0 */12 * * * root test \\! -d /run/systemd/system && certbot -q renew\n"}


@pytest.mark.parametrize(
    ("machine", "status"),
    [
        (Machine((APP, CRON), files={"etc/cron.d/a": LINE.format("shop")}), PASS),
        (Machine((APP,), files={"etc/cron.d/a": LINE.format("shop")}), FAIL),
        (Machine((APP, CRON), files={"etc/cron.d/a": LINE.format("shop-old")}), FAIL),
        (Machine((APP, CRON), files={"etc/cron.d/a": "# " + LINE.format("shop")}), FAIL),
        (Machine((APP, CRON), files={"etc/cron.d/a": "0 3 * * * root tar cf /b.tar /srv/shop\n"}), FAIL),
        (Machine((APP, BEAT)), PASS),
        (Machine((APP, Program("celery -A other beat", folder="/srv/other"))), FAIL),
        (Machine((APP,), files={**UNIT, **ENABLED}, units={}), PASS),
        (Machine((APP,), files=UNIT, units={}), FAIL),
        (
            Machine((Program("php artisan serve", listens=True), CRON), files={"etc/cron.d/a": LINE.format("shop")}),
            UNKNOWN,
        ),
        (Machine((CRON,), files={"etc/cron.d/a": LINE.format("shop")}), UNKNOWN),
    ],
)
async def test_scheduled_tasks(machine: Machine, status: Status) -> None:
    verdict = await verdict_of("jobs.cron.scheduled", Stage(site=pages({}), machine=machine))
    assert verdict.status is status, verdict.summary


async def test_overlapping_runs_are_another_question() -> None:
    machine = Machine((APP, CRON), files={"etc/cron.d/a": LINE.format("shop")})
    stage = Stage(site=pages({}), machine=machine)
    asked = "Scheduled jobs handle overlapping or missed execution"
    assert (await verdict_of("jobs.cron.scheduled", stage, subject=asked)).status is UNKNOWN


@pytest.mark.parametrize(
    ("machine", "status"),
    [
        (Machine(files={**CERTBOT, **TIMER}), PASS),
        (Machine(files=CERTBOT), FAIL),
        (Machine(files={**CERTBOT, **PACKAGED}), PASS),
        (Machine(files={**CERTBOT, **PACKAGED}, units={}), FAIL),
        (Machine(files={"etc/letsencrypt/renewal/other.test.conf": "version = 2.1\n", **TIMER}), FAIL),
        (Machine(files=TIMER), UNKNOWN),
        (Machine(), UNKNOWN),
    ],
)
async def test_renewal(machine: Machine, status: Status) -> None:
    verdict = await verdict_of("tls.renew.job", Stage(site=pages({}), machine=machine))
    assert verdict.status is status, verdict.summary
