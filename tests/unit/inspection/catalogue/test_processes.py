"""Whose process the service is, and what keeps it: nothing that merely passes requests on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.inspection.catalogue.asking import BY_ID, verdict_of

from roadworthy.contracts.checks import Status, Verdict
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Requirement
from roadworthy.inspection.probes.bundle import ProbeSet
from roadworthy.inspection.probes.config import ConfigProbe

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
ABOUT_THE_PROCESS = ("srv.prodserver.process", "srv.workers.count", "sec.nonroot.user", "srv.systemd.restart")
NGINX = Program("nginx: master process /usr/sbin/nginx", children=4, listens=True)
BACKEND = "socket:[88002]"
SECOND_PORT = {"proc/net/tcp6": "  sl\n 0: 0100007F:1F4A 0:0 0A 0:0 00:0 0 0 0 88002 1\n"}
TO_IT = "server { listen 80; location / { proxy_pass http://127.0.0.1:8010; } }"


@pytest.mark.parametrize("check", ABOUT_THE_PROCESS)
@pytest.mark.parametrize("command", [
    "nginx: master process /usr/sbin/nginx", "/usr/bin/caddy run", "traefik", "haproxy -f /etc/haproxy.cfg",
    "envoy -c /etc/envoy.yaml", "/usr/sbin/apache2 -k start", "docker-proxy -host-port 8000", "rootlessport",
    "kubectl port-forward svc/app 8000", "ssh -L 8000:app:8000 host", "sshd: app@notty", "socat TCP-LISTEN:8000 x",
    "cloudflared tunnel run", "ngrok http 8000", "/sbin/init",
])  # fmt: skip
async def test_who_passes_on_is_not_the_service(command: str, check: str) -> None:
    machine = Machine((Program(command, children=4, listens=True), Program("gunicorn app:app", children=4)), units={})
    verdict = await verdict_of(check, Stage(site=pages({}), machine=machine), workers=4)
    assert verdict.status is UNKNOWN, verdict.summary


def behind_nginx(*programs: Program, nginx: str | None = TO_IT) -> Stage:
    return Stage(site=pages({}), machine=Machine((NGINX, *programs), files=SECOND_PORT), nginx=nginx)


async def test_the_application_behind_nginx_is_followed() -> None:
    root = Program("gunicorn app:app", children=2, opens=(BACKEND,), user_id=0)
    stage = behind_nginx(root)
    assert (await verdict_of("srv.workers.count", stage, workers=3)).status is FAIL
    assert (await verdict_of("srv.workers.count", stage, workers=2)).status is PASS
    assert (await verdict_of("sec.nonroot.user", stage)).status is FAIL
    upstream = "upstream app { server 127.0.0.1:8010; } server { location / { proxy_pass http://app; } }"
    assert (await verdict_of("sec.nonroot.user", behind_nginx(root, nginx=upstream))).status is FAIL


@pytest.mark.parametrize("nginx", [
    None,
    "server { location / { proxy_pass http://127.0.0.1:8010; } location /b { proxy_pass http://127.0.0.1:9000; } }",
    "server { location / { proxy_pass http://10.0.0.7:8010; } }",
    "server { location / { proxy_pass http://127.0.0.1:8099; } }",
    "server { location / { proxy_pass http://$backend; } }",
    "upstream app { server 127.0.0.1:8010; server 10.0.0.7:8010; } server { location / { proxy_pass http://app; } }",
    "server { root /srv/www; }",
])  # fmt: skip
async def test_a_way_behind_nginx_that_is_not_certain_is_unknown(nginx: str | None) -> None:
    stage = behind_nginx(Program("gunicorn app:app", opens=(BACKEND,)), nginx=nginx)
    assert (await verdict_of("sec.nonroot.user", stage)).status is UNKNOWN


async def with_pid(stage: Stage, pid: int, **params: int) -> Verdict:
    async with stage.open() as probes:
        assert isinstance(probes, ProbeSet)
        named = replace(probes, config=ConfigProbe(pid=pid, host=probes.host))
        try:
            return await BY_ID["srv.workers.count"].run(named, Requirement("srv.workers", params))
        except Unobservable as hidden:
            return Verdict(UNKNOWN, hidden.problem)


async def test_the_pid_that_the_target_names_is_the_service_behind_a_proxy() -> None:
    stage = behind_nginx(Program("gunicorn app:app", children=2), nginx=None)
    for master_or_worker in (106, 107):
        assert (await with_pid(stage, master_or_worker, workers=2)).status is PASS
    assert (await with_pid(stage, 101, workers=4)).status is UNKNOWN


UNIT = {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled", "Restart": "always"}


@pytest.mark.parametrize(
    ("unit", "main", "status"),
    [
        ("app.service", "101", PASS),
        ("docker.service", "55", FAIL),
        ("cron.service", "100", FAIL),
        ("ssh.service", "0", FAIL),
    ],
)
async def test_a_unit_counts_only_if_the_service_is_its_main_process(unit: str, main: str, status: Status) -> None:
    machine = Machine(
        (Program("gunicorn app:app", listens=True),),
        files={"proc/101/cgroup": f"0::/system.slice/{unit}\n"},
        units={unit: {**UNIT, "MainPID": main}},
    )
    verdict = await verdict_of("srv.systemd.restart", Stage(site=pages({}), machine=machine))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("/venv/bin/celery -A app worker --loglevel=info", PASS),
        ("python -X dev -m celery --app=app worker", PASS),
        ("python /venv/bin/rq worker high", PASS),
        ("python manage.py qcluster", PASS),
        ("php artisan queue:work", PASS),
        ("ruby /usr/bin/bundle exec sidekiq -C config.yml", PASS),
        ("node dist/worker.js", PASS),
        ("dramatiq app.tasks", PASS),
        ("python -m roadworthy worker", PASS),
        ("tail -f /var/log/celery/worker.log", FAIL),
        ("vim worker.py", FAIL),
        ("less celery worker", FAIL),
        ("grep celery worker", FAIL),
        ("docker run app celery worker", FAIL),
        ("celery -A worker beat", FAIL),
        ("celery -A app flower --queue worker", FAIL),
        ("python manage.py runserver", FAIL),
        ("python -c worker", FAIL),
        ("node server.js --mode worker", FAIL),
        ("Runner.Worker spawnclient", FAIL),
        ("python bull.py", FAIL),
    ],
)
async def test_a_task_worker_is_known_by_program_and_subcommand(command: str, status: Status) -> None:
    verdict = await verdict_of("srv.async.workers", Stage(machine=Machine((Program(command),))))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize("title", ["/usr/lib/erlang/beam.smp -sname ejabberd", "beam.smp -- -root /app"])
async def test_another_erlang_program_is_no_rabbitmq(title: str) -> None:
    stage = Stage(machine=Machine((Program(title),)))
    assert (await verdict_of("srv.async.workers", stage, tool="rabbitmq")).status is FAIL
    rabbit = Stage(machine=Machine((Program("beam.smp -pa /usr/lib/rabbitmq/ebin -s rabbit boot"),)))
    assert (await verdict_of("srv.async.workers", rabbit, tool="rabbitmq")).status is PASS


async def test_a_command_is_redacted_before_it_is_cut() -> None:
    secret = "c4nary-" + "x9y8z7" * 40
    listening = Machine((Program(f"gunicorn --db-password {secret} app:app", listens=True),))
    verdict = await verdict_of("srv.prodserver.process", Stage(site=pages({}), machine=listening))
    assert "c4nary" not in repr(verdict)
    worker = Machine((Program(f"celery worker --broker redis://:{secret}@cache/0"),))
    assert "c4nary" not in repr(await verdict_of("srv.async.workers", Stage(machine=worker)))


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/srv/shop", Status.PASS),
        ("/srv/shop/worker", Status.PASS),
        ("", Status.PASS),
        ("/", Status.PASS),
        ("/srv/blog", Status.UNKNOWN),
        ("/home/other/app", Status.UNKNOWN),
    ],
)
async def test_a_worker_of_something_else_on_the_machine(folder: str, expected: Status) -> None:
    web = Program("gunicorn shop:app", listens=True, folder="/srv/shop")
    machine = Machine((web, Program("/venv/bin/celery -A app worker", folder=folder)))
    stage = Stage(site=pages({"/": reply("x")}), machine=machine)
    found = await verdict_of("srv.async.workers", stage)
    assert found.status is expected, found.summary
