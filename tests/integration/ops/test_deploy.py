"""What `roadworthy deploy` writes, taken by the programs that it is for."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.front import HOST, NGINX, PRODUCTION, front, plan_for, tls
from tests.ports import free_ports
from tests.settings import settings_from

from roadworthy.inspection.catalogue import CHECKS
from roadworthy.inspection.model import Requirement
from roadworthy.inspection.probes.bundle import ProbeSet
from roadworthy.inspection.probes.http import HttpProbe
from roadworthy.inspection.probes.nginx import NginxProbe
from roadworthy.main import assets
from roadworthy.ops.deploy.plan import DeployPlan
from roadworthy.ops.deploy.run import render, write_all

pytestmark = pytest.mark.nginx
BODY_LIMIT = 2048
HEADER = Requirement("nginx.proxyhdr", {"directive": "proxy_set_header", "value": "X-Real-IP $remote_addr"})


@dataclass
class Seen:
    """What reached an upstream of the test's own."""

    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


def upstream(port: int, seen: Seen, answer: Callable[[BaseHTTPRequestHandler], None]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            seen.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            answer(self)

        do_GET = do_POST = _answer  # noqa: N815  # the names that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server


def served(handler: BaseHTTPRequestHandler) -> None:
    body = b'{"from": %d}' % handler.server.server_port  # type: ignore[attr-defined]  # an HTTPServer
    handler.send_response(200)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def hung_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


class ByAddress(http.client.HTTPSConnection):
    """Speaks to nginx on loopback, as HOST."""

    def connect(self) -> None:
        raw = socket.create_connection(("127.0.0.1", self.port), 10)
        self.sock = self._context.wrap_socket(raw, server_hostname=HOST)  # type: ignore[attr-defined]  # http.client's own


@dataclass
class Stage:
    plan: DeployPlan
    seen: dict[str, Seen]

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str, dict[str, str]]:
        connection = ByAddress(HOST, self.plan.nginx.https_port, context=tls(self.plan), timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), {k.lower(): v for k, v in answer.getheaders()}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Call it with what the two instances do with a request."""
    with contextlib.ExitStack() as stack:

        def make(*answers: Callable[[BaseHTTPRequestHandler], None], **settings: object) -> Stage:
            port = free_ports(2)
            plan = plan_for(tmp_path, port=port, settings={"body_limit_bytes": BODY_LIMIT, **settings})
            stage = Stage(plan, {})
            for number, answer in enumerate(answers):
                seen = stage.seen[str(number + 1)] = Seen()
                server = upstream(port + number, seen, answer)
                stack.callback(server.server_close)
                stack.callback(server.shutdown)
            stack.enter_context(front(plan, tmp_path))
            return stage

        yield make


def test_nginx_takes_it_as_it_is_with_ipv6_and_proxies_before_it(tmp_path: Path) -> None:
    plan = plan_for(tmp_path, settings={"trusted_proxies": "10.0.0.0/8,2001:db8::/32", "rate_limit_enabled": False})
    plan = replace(plan, nginx=replace(plan.nginx, address=""))
    (tmp_path / "nginx.conf").write_text(render(plan, "nginx.conf.j2"))
    command = [NGINX, "-t", "-q", "-c", str(tmp_path / "nginx.conf")]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (tried.returncode, tried.stderr) == (0, "")


def test_a_request_arrives_with_its_client_and_its_name_and_nothing_that_the_client_made_up(
    stage: Callable[..., Stage],
) -> None:
    there = stage(served, served)
    status, _, _ = there.ask("/jobs?q=x", headers={"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "http"})
    assert status == 200
    [(_, path, headers)] = [one for seen in there.seen.values() for one in seen.requests]
    assert path == "/jobs?q=x"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["host"] == HOST
    assert len(headers["x-request-id"]) == 32
    assert headers.get("connection", "") not in {"close", "upgrade"}


def test_a_read_that_an_instance_dropped_is_asked_of_the_other_and_a_write_is_never_repeated(
    stage: Callable[..., Stage],
) -> None:
    there = stage(hung_up, hung_up)
    status, body, headers = there.ask("/api/jobs")
    assert (status, json.loads(body)["status"], headers["retry-after"]) == (503, 503, "2")
    assert sum(len(seen.requests) for seen in there.seen.values()) == 2
    for seen in there.seen.values():
        seen.requests.clear()
    status, _, headers = there.ask("/api/jobs", "POST", b"{}")
    assert (status, headers["content-type"]) == (503, "application/problem+json")
    assert sum(len(seen.requests) for seen in there.seen.values()) == 1


def test_an_event_arrives_while_its_stream_goes_on(stage: Callable[..., Stage]) -> None:
    heard = threading.Event()

    def stream(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("x-accel-buffering", "no")  # as the edge says
        handler.end_headers()
        handler.wfile.write(b"data: 1\n\n")
        heard.wait(10)
        handler.close_connection = True

    there = stage(stream, stream)
    with contextlib.closing(ByAddress(HOST, there.plan.nginx.https_port, context=tls(there.plan), timeout=5)) as one:
        one.request("GET", "/events")
        assert one.getresponse().read1(100) == b"data: 1\n\n"
        heard.set()


def test_a_write_that_reached_nobody_goes_to_the_other_instance(stage: Callable[..., Stage]) -> None:
    there = stage(served)  # nobody listens where the second should be
    assert {there.ask("/api/jobs", "POST", b"{}")[0] for _ in range(6)} == {200}
    assert len(there.seen["1"].requests) == 6


def test_what_it_refuses_itself_it_refuses_in_the_applications_words(stage: Callable[..., Stage]) -> None:
    there = stage(served, served, rate_limit_per_minute=1, rate_limit_pages_per_minute=1)
    assert there.ask("/api/x", "POST", b"x" * BODY_LIMIT)[0] == 200
    status, body, headers = there.ask("/api/x", "POST", b"x" * (BODY_LIMIT + 1))
    assert (status, json.loads(body)["type"]) == (413, "urn:roadworthy:problem:body-too-large")
    assert headers["content-type"] == "application/problem+json"
    assert there.ask("/metrics")[0] == 404
    assert there.plan.rate_per_second == 1
    answers = [there.ask("/jobs") for _ in range(20)]
    refused = [
        (json.loads(body)["status"], headers["retry-after"]) for status, body, headers in answers if status != 200
    ]
    assert set(refused) == {(429, "1")}


def test_plain_http_goes_to_tls_and_other_names_get_no_answer(stage: Callable[..., Stage]) -> None:
    there = stage(served, served)
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", there.plan.nginx.http_port, timeout=10)) as plain:
        plain.request("GET", "/jobs?q=x", headers={"Host": HOST})
        answer = plain.getresponse()
        assert answer.status == 301
        assert answer.headers["location"] == f"https://{HOST}:{there.plan.nginx.https_port}/jobs?q=x"
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", there.plan.nginx.https_port), 10) as raw:
        ssl._create_unverified_context().wrap_socket(raw, server_hostname="other.test")


def test_static_files_come_from_disk_compressed_and_unknown_ones_from_an_instance(stage: Callable[..., Stage]) -> None:
    there = stage(served, served)
    write_all(there.plan, assets(settings_from()), Path(there.plan.nginx.files) / "out")
    shutil.move(Path(there.plan.nginx.files) / "out" / "static", Path(there.plan.nginx.files) / "static")
    style = next(asset for one in assets(settings_from()) for asset in one if asset.url.endswith(".css"))
    status, body, headers = there.ask(style.url)
    assert (status, body, headers["content-type"]) == (200, style.body.decode(), "text/css")
    assert "immutable" in headers["cache-control"]
    with contextlib.closing(ByAddress(HOST, there.plan.nginx.https_port, context=tls(there.plan), timeout=10)) as one:
        one.request("GET", style.url, headers={"Accept-Encoding": "gzip"})
        answer = one.getresponse()
        assert (answer.headers["content-encoding"], answer.read()) == ("gzip", style.encoded["gzip"])
    assert not any(seen.requests for seen in there.seen.values())
    assert there.ask("/static/board.0000000000.css")[0] == 200
    assert sum(len(seen.requests) for seen in there.seen.values()) == 1


@pytest.mark.parametrize(
    ("check", "requirement"),
    [
        ("nginx.proxyhdr.directive", HEADER),
        ("nginx.lb.upstream", Requirement("nginx.lb", {"directive": "least_conn"})),
        ("nginx.static.location", Requirement("nginx.static", {"path": "/static/"})),
        ("rl.proxy.zone", Requirement("rl.proxy")),
    ],
)  # fmt: skip
def test_the_inspector_passes_it(tmp_path: Path, check: str, requirement: Requirement) -> None:
    plan = plan_for(tmp_path)
    (tmp_path / "nginx.conf").write_text(render(plan, "nginx.conf.j2"))
    by_id = {one.id: one for one in CHECKS}

    async def verdict() -> tuple[str, str]:
        http = HttpProbe(f"https://{HOST}:{plan.nginx.https_port}")
        try:
            found = await by_id[check].run(ProbeSet(nginx=NginxProbe(tmp_path / "nginx.conf"), http=http), requirement)
        finally:
            await http.aclose()
        return found.status, found.summary

    assert asyncio.run(verdict())[0] == "pass", asyncio.run(verdict())


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="not run: needs systemd-analyze (Debian: systemd)")
def test_systemd_takes_the_units_and_finds_them_well_shut(tmp_path: Path) -> None:
    plan = replace(plan_for(tmp_path), program="/bin/true", user="daemon")
    for name, template in {
        "roadworthy-web@.service": "web.service.j2",
        "roadworthy-worker.service": "worker.service.j2",
    }.items():
        (tmp_path / name).write_text(render(plan, template))
    (tmp_path / "roadworthy-web@1.service").symlink_to(tmp_path / "roadworthy-web@.service")
    for unit in ("roadworthy-web@1.service", "roadworthy-worker.service"):
        verified = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        ours = [line for line in verified.stderr.splitlines() if "roadworthy" in line]
        assert ours == [], verified.stderr
        rated = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(tmp_path / unit)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert rated.returncode == 0, rated.stdout[-2000:]


@pytest.mark.skipif(not shutil.which("promtool"), reason="not run: needs promtool (Debian: prometheus)")
def test_prometheus_takes_its_files(tmp_path: Path) -> None:
    write_all(plan_for(tmp_path), (), tmp_path / "out")
    command = ["promtool", "check", "config", str(tmp_path / "out/prometheus/prometheus.yml")]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_command_writes_everything_and_says_what_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "roadworthy", "deploy", "out", "--program", "/opt/roadworthy/bin/roadworthy"]
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    refused = subprocess.run(command, env=plain, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (refused.returncode, (tmp_path / "out").exists()) == (3, False)
    assert "SITE_URL=https://" in refused.stderr
    production = {name.upper(): value for name, value in PRODUCTION.items()}
    done = subprocess.run(
        command, env=plain | production, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    names = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {"README.md", "nginx/nginx.conf", "systemd/roadworthy-web@.service", "grafana/roadworthy.json"} <= names
    assert any(name.startswith("static/hiring/board.") and name.endswith(".css.gz") for name in names)
    assert "hunter2" not in done.stdout + done.stderr
