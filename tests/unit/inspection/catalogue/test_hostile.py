"""No check breaks on a target that answers nonsense, and none tells a secret."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from roadworthy.contracts.checks import Status, Verdict
from roadworthy.inspection.catalogue import CHECKS
from roadworthy.inspection.catalogue.declaring import Run
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import SITE_HOST, Stage
from roadworthy.inspection.fixtures.web import Asked, Reply, Site, pages, reply
from roadworthy.inspection.model import Requirement
from roadworthy.inspection.runner import _clean

NONSENSE: dict[str, Site] = {
    "json that is no document": pages({}, reply({"paths": {"/x": [], "/y": "z"}, "openapi": 3})),
    "a list": pages({}, Reply(200, b'[{"status": "ok"}]', {"content-type": "application/json"})),
    "deep json": pages({}, Reply(200, b"[" * 100_000, {"content-type": "application/json"})),
    "bytes": pages({}, Reply(200, bytes(range(256)) * 8, {"content-type": "text/html"})),
    "broken html": pages({}, reply("<html><a href='http://[::1'><script src='//[bad'><img srcset=','><p><p>" * 50)),
    "metrics that are none": pages({}, reply('a{b="c} 1\n# TYPE\n' * 9, content_type="text/plain")),
    "wild headers": pages(
        {}, reply("<p><p><p>", cache_control="max-age=99999999999999999999,,=", ratelimit_policy=";;w=;q=,", age="-1")
    ),
    "escapes": pages({}, reply("\x1b[2J<p><p><p>", server="\x1b]0;owned\x07", x_cache="\x1b[31mHIT")),
    "errors": pages({}, reply("oops", 500)),
    "odd statuses": pages({}, reply("", 204)),
}


async def everything(stage: Stage) -> Sequence[Verdict]:
    """What all checks say, asked as their fixtures ask and as lines without values do, masked as for a report."""
    async with stage.open() as probes:

        async def one(run: Run, requirement: Requirement) -> Verdict:
            try:
                return await run(probes, requirement)
            except Unobservable as hidden:
                return Verdict(Status.UNKNOWN, f"{hidden.problem} {hidden.remedy}")

        asked = [
            (check.run, requirement)
            for check in CHECKS
            if all(getattr(probes, need) is not None for need in check.needs) and not check.id.startswith("log.")
            for requirement in (check.fixtures.must_fail.requirement, *map(Requirement, check.requirements))
        ]
        verdicts = await asyncio.gather(*(one(run, requirement) for run, requirement in asked))
        return [_clean(verdict, probes.secrets()) for verdict in verdicts]


@pytest.mark.parametrize("what", NONSENSE)
async def test_nonsense_breaks_no_check(what: str) -> None:
    stage = Stage(
        site=NONSENSE[what],
        environment={
            "DATABASE_URL": "postgresql://[bad",
            "DATABASE_POOL_SIZE": "many",
            "SITE_URL": "https://[",
            "X": "\0",
        },
        repo={
            "package.json": "{{{",
            "app.py": "def (",
            "docs/x.md": "# \n##\n" * 99,
            ".github/workflows/x.yml": "\t- :",
        },
        machine=Machine((Program("gunicorn", listens=True),), files={"etc/crontab": "\x00\xff * *"}),
        nginx="}}} server { ; {{ listen",
    )
    verdicts = await everything(stage)
    assert len(verdicts) > 100
    assert all("\x1b" not in str(one.evidence) for one in verdicts)


async def test_no_verdict_tells_a_secret() -> None:
    canary = "cAn4ry-9f2b7c41d08e6a53b1c7e904-"
    environment = {
        "SECRET_KEY": f"{canary}1",
        "JWT_SECRET": f"{canary}2",
        "SMTP_PASSWORD": f"{canary}3",
        "DATABASE_URL": f"postgresql://app:{canary}4@db.internal:5432/app",
        "REDIS_URL": f"redis://:{canary}5@cache.internal:6379/0",
        "SENTRY_DSN": f"http://{canary}6@{SITE_HOST}/7",
        "OPENAI_API_KEY": f"sk-{canary}7",
    }

    def echo(asked: Asked) -> Reply:
        return reply(f"<p><p><p>password={canary}8 Authorization: Bearer {canary}9 {asked.path}")

    stage = Stage(
        site=lambda: echo,
        environment=environment,
        repo={"app/config.py": f'SECRET_KEY = "{canary}1"\n', "docs/x.md": f"password: {canary}3"},
        machine=Machine((Program(f"gunicorn --password={canary}10 app:app", listens=True, environment=environment),)),
        nginx=f"server {{ listen 80; proxy_set_header Authorization 'Bearer {canary}11'; }}",
    )
    verdicts = await everything(stage)
    telling = [one for one in verdicts if canary in repr(one)]
    assert telling == []
