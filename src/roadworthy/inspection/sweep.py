"""Looks for ticks out of nothing: every check against systems that are empty, silent, gone or somebody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import Status
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.servers import LENT, Database, Servers, SharedMemory
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, FixtureUnavailable, Probes, Requirement

GRACE_SECONDS = 30.0
_NOTHING = Stage(environment={}, repo={}, machine=Machine(), logs={"app.log": ""})
_NEIGHBOURS = Stage(
    site=pages({}, reply({"status": "unhealthy"})),
    environment={"REDIS_POOL_SIZE": "20", "OTHER_SENTRY_DSN": "https://key@tracker.test/7"},
    repo={},
    machine=Machine(
        (
            Program("nginx: master process /usr/sbin/nginx", user_id=0),
            Program("tail -f /srv/other/worker.log", opens=("/srv/other/worker.log",)),
            Program("/usr/bin/vim celery-worker.service"),
            Program("/usr/sbin/rsyslogd -n", user_id=0, writes=("/var/log/syslog",)),
        ),
        files={
            "var/log/other/access.log": "",
            "var/log/other/access.log.1": "GET / 200\n",
            "var/log/other/access.log.2.gz": "",
            "etc/logrotate.d/other": "/var/log/other/*.log {\n  daily\n  rotate 7\n}\n",
            "etc/cron.d/other": "0 4 * * * root tar czf /srv/other/backup.tgz /srv/other\n",
        },
    ),
    logs={"app.log": ""},
    nginx="""limit_req_zone $binary_remote_addr zone=other:10m rate=60r/m;
upstream other { least_conn; server 10.0.0.1:80; server 10.0.0.2:80; }
server {
    listen 443 ssl; server_name other.test; gzip on; client_max_body_size 10M;
    location / { limit_req zone=other; proxy_pass http://other; proxy_set_header X-Real-IP $remote_addr; }
    location /static { alias /srv/other/static; expires 30d; }
    location /uploads { alias /srv/other/uploads; expires 30d; }
}
""",
)
"""What belongs to somebody else on the same machine."""
EMPTY: Mapping[str, Stage] = {
    "an empty page": Stage(site=pages({}, reply("")), environment={}, repo={}, machine=Machine(), logs={"app.log": ""}),
    "a page that says ok to all": Stage(
        site=pages({}, reply("ok")), environment={}, repo={}, machine=Machine(), logs={"app.log": ""}
    ),
    "a page that is never there": Stage(
        site=pages({}), environment={}, repo={}, machine=Machine(), logs={"app.log": ""}
    ),
    "an empty database": Stage(
        database=Database(), site=pages({}, reply("")), environment={}, repo={}, machine=Machine()
    ),
    "an empty Redis": Stage(
        redis=SharedMemory(), site=pages({}, reply("")), environment={}, repo={}, machine=Machine()
    ),
    "an empty repository": _NOTHING,
    "a refused connection": Stage(
        refused=frozenset({"http", "postgres", "redis"}),
        environment={},
        repo={},
        machine=Machine(),
        logs={"app.log": ""},
    ),
    "neighbours": _NEIGHBOURS,
    "nothing offered": Stage(),
}
"""What stands there -> how it is planted. Nothing in it may bring a tick."""


@dataclass(frozen=True, slots=True)
class Vacuous:
    """A check that passed on nothing."""

    check: str
    requirement: str
    on: str
    words: str


@dataclass(frozen=True, slots=True)
class Swept:
    """What the sweep found, how many runs it made, and the systems that could not be planted here."""

    found: Sequence[Vacuous]
    runs: int
    not_run: Sequence[str]


async def sweep(checks: Sequence[Check], servers: Servers, stages: Mapping[str, Stage] = EMPTY) -> Swept:
    """Run every check, for each requirement that it answers, on each of `stages`."""
    token = LENT.set(servers)
    found: list[Vacuous] = []
    missing: list[str] = []
    runs = 0
    try:
        for name, stage in stages.items():
            try:
                async with stage.open() as probes:
                    able = [check for check in checks if all(getattr(probes, need) is not None for need in check.needs)]
                    asked = [(check, requirement) for check in able for requirement in _questions(check)]
                    passes = await asyncio.gather(*(_pass(*question, probes, name) for question in asked))
            except FixtureUnavailable as unavailable:
                missing.append(f"{name}: {unavailable}")
                continue
            runs += len(asked)
            found += [one for one in passes if one is not None]
    finally:
        LENT.reset(token)
    return Swept([one for one in found if not _excused(one, checks)], runs, missing)


def _questions(check: Check) -> Sequence[Requirement]:
    """What its fixture asks, and each requirement that it answers as a line without any value asks it."""
    return [check.fixtures.must_fail.requirement, *(Requirement(name) for name in check.requirements)]


async def _pass(check: Check, requirement: Requirement, probes: Probes, name: str) -> Vacuous | None:
    """What the check says, if it passes where there is nothing."""
    try:
        async with asyncio.timeout(check.timeout_seconds + GRACE_SECONDS):
            verdict = await check.run(probes, requirement)
    except (Unobservable, TimeoutError):
        return None
    return Vacuous(check.id, requirement.id, name, verdict.summary) if verdict.status is Status.PASS else None


def _excused(one: Vacuous, checks: Sequence[Check]) -> bool:
    """A check about the server itself may pass on one that is up and empty."""
    return any(
        check.id == one.check and check.server_itself and one.on in {"an empty database", "an empty Redis"}
        for check in checks
    )
