"""Checks of proxies, schedules, logs and documents."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.proxy import BARE, FRONT, NGINX
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply

PASS, FAIL, UNKNOWN, NOT_APPLICABLE = Status.PASS, Status.FAIL, Status.UNKNOWN, Status.NOT_APPLICABLE
HOME = pages({"/": reply("<h1>Jobs</h1>")})
FRONTED = Stage(site=HOME, machine=Machine((NGINX,)), nginx=FRONT)


@pytest.mark.parametrize(
    ("check", "params", "status"),
    [
        ("nginx.proxyhdr.directive", {"directive": "client_max_body_size", "value": "10M"}, PASS),
        ("nginx.proxyhdr.directive", {"directive": "client_max_body_size", "value": "20M"}, FAIL),
        ("nginx.proxyhdr.directive", {"directive": "proxy_set_header Host $host"}, FAIL),
        ("nginx.proxyhdr.directive", {"directive": "server_name", "value": "yourdomain.com"}, PASS),
        ("nginx.proxyhdr.directive", {"directive": "least_conn"}, PASS),
        ("nginx.proxyhdr.directive", {"directive": "ip_hash"}, FAIL),
        ("nginx.on.front", {"directive": "listen", "value": "80"}, PASS),
        ("nginx.on.front", {"directive": "listen", "value": "443"}, FAIL),
        ("nginx.lb.upstream", {"server": "127.0.0.1:8011"}, PASS),
        ("nginx.lb.upstream", {"server": "127.0.0.1:8003"}, FAIL),
        ("nginx.static.location", {"path": "/uploads"}, PASS),
        ("nginx.static.location", {"path": "/media"}, FAIL),
        ("cdn.cachehdr.age", {"directive": "expires", "value": "30d", "path": "/uploads"}, PASS),
        ("cdn.cachehdr.age", {"directive": "expires", "value": "90d", "path": "/uploads"}, FAIL),
        ("rl.proxy.zone", {}, PASS),
    ],
)
async def test_directives(check: str, params: dict[str, str], status: Status) -> None:
    stage = FRONTED
    if check == "cdn.cachehdr.age":
        stage = Stage(
            site=pages({"/": reply("<html><head></head><body><p>x</p></body></html>")}),
            machine=FRONTED.machine,
            nginx=FRONT,
        )
    verdict = await verdict_of(check, stage, **params)
    assert verdict.status is status, verdict.summary


async def test_a_zone_that_nothing_uses_limits_nothing() -> None:
    text = FRONT.replace("limit_req zone=api burst=20; ", "")
    verdict = await verdict_of("rl.proxy.zone", Stage(site=HOME, machine=Machine((NGINX,)), nginx=text))
    assert (verdict.status, "used nowhere" in verdict.summary) == (FAIL, True)


async def test_a_condition_that_does_not_hold() -> None:
    asked = {"condition": "if multiple servers"}
    assert (await verdict_of("nginx.lb.upstream", Stage(site=HOME, machine=BARE), **asked)).status is NOT_APPLICABLE
    assert (await verdict_of("nginx.lb.upstream", Stage(site=HOME, machine=BARE))).status is FAIL
    alone = FRONT.replace(" server 127.0.0.1:8011;", "")
    stage = Stage(site=HOME, machine=Machine((NGINX,)), nginx=alone)
    assert (await verdict_of("nginx.lb.upstream", stage, **asked)).status is NOT_APPLICABLE


async def test_what_can_not_be_seen_of_a_proxy_is_unknown() -> None:
    for stage in (
        Stage(site=HOME),
        Stage(site=HOME, machine=Machine((NGINX,))),
        Stage(site=HOME, machine=Machine((Program("/usr/bin/caddy run", listens=True),))),
    ):
        assert (await verdict_of("nginx.on.front", stage)).status is UNKNOWN


async def test_a_configuration_offered_is_not_in_effect_where_no_nginx_runs() -> None:
    assert (await verdict_of("nginx.on.front", Stage(site=HOME, machine=BARE, nginx=FRONT))).status is FAIL


JOB = {"etc/cron.d/b": "0 3 * * * root pg_dump -Fc -f /var/backups/app.dump app\n"}


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        ({**JOB, "var/backups/app.dump": "PGDMP"}, PASS, "0 hours old"),
        ({**JOB, "var/backups/app.dump": ""}, FAIL, "can't be read"),
        ({**JOB, "var/backups/app.sql.gz": "not gzip"}, FAIL, "can't be read"),
        (JOB, FAIL, "no backup in"),
        ({"etc/cron.d/b": "# 0 3 * * * root pg_dump\n", "var/backups/app.dump": "PGDMP"}, FAIL, "no schedule"),
        ({"etc/cron.daily/dpkg": "/usr/libexec/dpkg/dpkg-db-backup\n"}, UNKNOWN, "no schedule"),
    ],
)
async def test_backups(files: dict[str, str], status: Status, words: str) -> None:
    verdict = await verdict_of("bk.scheduled.newest", Stage(machine=Machine(files=files)))
    assert (verdict.status, words in verdict.summary) == (status, True), verdict.summary


async def test_a_schedule_in_the_tree_counts() -> None:
    repo = {".github/workflows/backup.yml": "on:\n  schedule:\n    - cron: '0 3 * * *'\njobs:\n  run: pg_dump app\n"}
    machine = Machine(files={"var/backups/app.dump": "PGDMP"})
    assert (await verdict_of("bk.scheduled.newest", Stage(machine=machine, repo=repo))).status is PASS
    assert (await verdict_of("bk.scheduled.newest", Stage())).status is UNKNOWN


async def test_nothing_to_upload_nothing_to_back_up() -> None:
    documented = {"openapi": "3.1.0", "paths": {"/api/jobs": {"get": {}}}}
    taking = {"openapi": "3.1.0", "paths": {"/api/cv": {"post": {"content": {"multipart/form-data": {}}}}}}
    for document, status in ((documented, NOT_APPLICABLE), (taking, UNKNOWN)):
        stage = Stage(machine=Machine(), site=pages({"/openapi.json": reply(document)}))
        assert (await verdict_of("bk.uploads.covered", stage)).status is status
    assert (await verdict_of("bk.uploads.covered", Stage(machine=Machine(), site=pages({})))).status is UNKNOWN


@pytest.mark.parametrize(
    ("params", "environment", "status", "words"),
    [
        ({"names": ("access.log", "error.log")}, {}, FAIL, "error.log"),
        ({"name": "LOG_LEVEL", "level": "INFO"}, {}, FAIL, "LOG_LEVEL is not set"),
        ({"name": "LOG_LEVEL", "value": "INFO"}, {"LOG_LEVEL": "DEBUG"}, FAIL, "LOG_LEVEL is DEBUG"),
        ({"path": "/var/log/app/"}, {}, FAIL, "there is no log /var/log/app/"),
    ],
)
async def test_logs_are_where_the_line_says(
    params: dict[str, str], environment: dict[str, str], status: Status, words: str
) -> None:
    stage = Stage(site=HOME, logs={"access.log": "x"}, environment={"X": "1", **environment}, machine=Machine())
    verdict = await verdict_of("log.conf.written", stage, **params)
    assert (verdict.status, words in verdict.summary) == (status, True), verdict.summary


async def test_a_checklist_that_asks_for_a_plan_is_not_the_plan() -> None:
    checklist = "# Ready\n\n## Horizontal scaling\n" + "- [ ] **Scaling plan** written by somebody who knows\n" * 20
    assert (
        await verdict_of("doc.topic.section", Stage(repo={"READY.md": checklist}), "scale.horizontal")
    ).status is UNKNOWN
    others = {"READY.md": checklist, "README.md": "# Service\n\nWords.\n"}
    assert (await verdict_of("doc.topic.section", Stage(repo=others), "scale.horizontal")).status is UNKNOWN
    others["README.md"] = "# Service\n\n## Deployment\n\nPush, and wait.\n"
    assert (await verdict_of("doc.topic.section", Stage(repo=others), "scale.horizontal")).status is FAIL


async def test_a_file_must_hold_what_the_line_says() -> None:
    repo = {"backend/seed.py": "\n".join(f"create index i{number}" for number in range(9))}
    there = await verdict_of("repo.file.named", Stage(repo=repo), "repo.file", file="seed.py", names=("i3",))
    missing = await verdict_of("repo.file.named", Stage(repo=repo), "repo.file", file="seed.py", names=("i3", "i99"))
    gone = await verdict_of("repo.file.named", Stage(repo=repo), "repo.file", file="other.py")
    assert (there.status, missing.status, gone.status) == (PASS, FAIL, FAIL)
