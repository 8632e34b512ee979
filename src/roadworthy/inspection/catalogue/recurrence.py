"""What must happen by itself: the service's scheduled tasks, and the renewal of its certificate."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.schedules import recurring
from roadworthy.inspection.catalogue.service import behind
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.host import HostProbe, Process
from roadworthy.inspection.redaction import outline

OWN = re.compile(
    r"artisan schedule:run|manage\.py|rails runner|\brake\b|bundle exec|bin/console|wp-cron|(?:npm|yarn|pnpm) run"
    r"|node\b.*\.js|python[\d.]*\b.*\.py|php\b.*\.php|flask\b",
    re.IGNORECASE,
)
"""Commands by which frameworks run their scheduled tasks."""
DAEMONS = ("cron", "crond", "fcron", "systemd-cron", "supercronic", "anacron")
BEATS = re.compile(
    r"celery\b.{0,300}\bbeat\b|rqscheduler|schedule:work|clockwork|\bcelerybeat\b|sidekiq-scheduler|huey_consumer"
)
"""Processes that start scheduled tasks themselves."""
MORE = re.compile(r"overlap|missed|monitor|alert|idempoten|safe order|verified|lock", re.IGNORECASE)
RENEWS = re.compile(
    r"certbot(?:-auto)?\b.{0,300}\brenew|acme\.sh\b.{0,300}--cron|lego\b.{0,300}\brenew|dehydrated\b.{0,300}(?:-c|--cron)|/certbot\b"
)
ON_HOST = re.compile(r"/|(?<![\w@.-])[\w@.-]{1,200}?\.service: Exec")
"""Where a line of this machine begins: a file under its root, or what an enabled timer runs."""
LINEAGES = ("etc/letsencrypt/renewal/*.conf",)
OWN_RENEWERS = frozenset({"caddy", "traefik"})
CRON_PACKAGED = re.compile(r"-d /run/systemd/system")
"""Debian's own line for cron does nothing where systemd runs."""


async def _ran(probes: Probes, requirement: Requirement) -> Verdict:
    host = offered(probes.host, "host")
    if MORE.search(requirement.text("subject")):
        raise Unobservable("the line asks more than that scheduled tasks run", "ask for that alone")
    home = _home(probes, host)
    beats = [one for one in host.processes() if BEATS.search(one.command) and _at_home(host, one, home)]
    schedule = await asyncio.to_thread(recurring, probes, OWN)
    lines = [one for one in schedule.lines if ON_HOST.match(one) and home and _within(home).search(one)]
    daemon = host.running(*DAEMONS)
    evidence = observe(
        f"scheduled tasks of the service in {home or 'a folder that was not seen'}",
        f"processes {listed(one.command[:80] for one in beats)}; schedules {listed(map(outline, lines), 3)}, "
        f"of {schedule.looked_at} looked at; cron runs: {bool(daemon)}",
        host.vantage,
        basis=f"{bool(beats)} {listed(lines)} {bool(daemon)}",
    )
    if beats:
        return passed(f"{beats[0].name} starts them", evidence)
    timed = [one for one in lines if "cron" not in one.partition(":")[0]]
    if lines and (daemon or (timed and host.systemd)):
        return passed(f"scheduled by {outline(lines[0])[:120]}", evidence)
    if lines:
        return failed(
            "a schedule is written, but no cron runs here",
            evidence,
            mend="start cron",
            patch="systemctl enable --now cron",
        )
    if not home:
        return unknown(
            "which schedules are this service's was not seen",
            evidence,
            mend="run as its user, with [http] url of this machine",
        )
    return failed(f"no schedule runs anything in {home} ({schedule.looked})", evidence,
                  mend="a cron line, a timer, or the library's own process",
                  patch=f"* * * * * app cd {home} && ...")  # fmt: skip


def _home(probes: Probes, host: HostProbe) -> str:
    """The folder that the service was started in; empty where that may not be seen, or says nothing."""
    try:
        serving = behind(probes, host, offered(probes.http, "http").port)
    except Unobservable:
        return ""
    folder = host.folder(serving[0].pid) if serving else ""
    return folder if folder.count("/") > 1 or len(folder) > len("/srv") else ""


def _at_home(host: HostProbe, process: Process, home: str) -> bool:
    return bool(home) and _within(home).match(host.folder(process.pid)) is not None


def _within(home: str) -> re.Pattern[str]:
    """The folder itself or what lies below it; /srv/shop-old is another one."""
    return re.compile(rf"{re.escape(home)}(?![\w.-])")


async def _renewed(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    host, http = offered(probes.host, "host"), offered(probes.http, "http")
    listening = [one.name for one in host.listeners(443)]
    lineages = {path: text for path, text in host.files(*LINEAGES).items() if http.host in path or http.host in text}
    others = [path for path in host.files(*LINEAGES) if path not in lineages]
    lines = await asyncio.to_thread(_renewals, probes, host)
    evidence = observe(
        f"renewal of the certificate for {http.host}",
        f"certbot renews it: {listed(lineages)}; others: {listed(others)}; "
        f"jobs that renew: {listed(map(outline, lines), 3)}; "
        f"port 443: {listed(listening)}",
        host.vantage,
    )
    if lineages and lines:
        return passed(f"{http.host} is renewed by {outline(lines[0])[:100]}", evidence)
    if lineages:
        return failed(f"certbot knows {http.host}, but no timer or cron renews it", evidence, mend="enable its timer",
                      patch="systemctl enable --now certbot.timer")  # fmt: skip
    if set(listening) & OWN_RENEWERS:
        words = f"{listening[0]} renews what it asked for itself; whether {http.host} is among them was not seen"
        return unknown(words, evidence, mend="see its log for the last renewal")
    if others:
        return failed(f"certbot renews others only: {listed(others)}", evidence, mend=f"certbot --domain {http.host}")
    return unknown(f"what renews the certificate of {http.host} was not seen on this machine", evidence,
                   mend="run where the certificate is kept")  # fmt: skip


def _renewals(probes: Probes, host: HostProbe) -> Sequence[str]:
    found = [one for one in recurring(probes, RENEWS).lines if ON_HOST.match(one)]
    return [one for one in found if not (CRON_PACKAGED.search(one) and host.systemd)]


CRON = Program("/usr/sbin/cron -f", user_id=0)
APP = Program("php artisan serve", listens=True, folder="/srv/shop")
LINE = "* * * * * www-data cd /srv/{} && php artisan schedule:run >> /dev/null\n"
CERTBOT = {"etc/letsencrypt/renewal/127.0.0.1.conf": "version = 2.1\n"}
TIMER = {
    "etc/systemd/system/timers.target.wants/certbot.timer": "[Timer]\nOnCalendar=*-*-* 00,12:00:00\n",
    "lib/systemd/system/certbot.service": "[Service]\nExecStart=/usr/bin/certbot -q renew\n",
}
TASKS = Check(
    id="jobs.cron.scheduled",
    requirements=("jobs.cron",),
    title="Scheduled tasks of the service run",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"host"}),
    run=_ran,
    documentation=Documentation(
        what="Something starts the service's scheduled tasks: the library's own process, or cron or a timer that runs "
        "a command in the service's folder, with cron running.",
        why="Moved to a new server, a service loses its cron line first.",
        how_verified="Processes, cron and timers of this machine; only what runs in the folder that the serving "
        "process was started in counts.",
        how_to_mend="The framework's line for cron.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "jobs.cron",
        must_fail=Stage(site=pages({}), machine=Machine((APP, CRON), files={"etc/cron.d/a": LINE.format("other")})),
        mended=Stage(site=pages({}), machine=Machine((APP, CRON), files={"etc/cron.d/a": LINE.format("shop")})),
    ),
)
RENEWAL = Check(
    id="tls.renew.job",
    requirements=("tls.renew",),
    title="The certificate renews itself",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"host", "http"}),
    run=_renewed,
    documentation=Documentation(
        what="certbot knows this service's name, and an enabled timer or a cron line renews.",
        why="Ninety days later, at night, the site is gone.",
        how_verified="Renewal configurations, enabled timers, cron. Debian's line for cron does nothing under systemd "
        "and does not count there. What Caddy or Traefik renew themselves is unknown.",
        how_to_mend="systemctl enable --now certbot.timer",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "tls.renew",
        must_fail=Stage(site=pages({}), machine=Machine(files=CERTBOT)),
        mended=Stage(site=pages({}), machine=Machine(files={**CERTBOT, **TIMER})),
    ),
)

CHECKS = (TASKS, RENEWAL)
