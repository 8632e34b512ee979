"""The nginx that we ship, running: as `roadworthy deploy` writes it, on ports and in a folder of a test's own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from tests.processes import free_port, started, wait_until
from tests.settings import settings_from

from roadworthy.ops.deploy.plan import DeployPlan, Nginx, make_plan
from roadworthy.ops.deploy.run import render

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
HOST = "jobs.test"
NOTHING: Mapping[str, object] = {}
PRODUCTION: Mapping[str, str] = {
    "environment": "production",
    "site_url": f"https://{HOST}",
    "secret_key": "0123456789abcdef" * 4,
    "database_url": "postgresql://roadworthy:hunter2@db.internal:5432/roadworthy",
    "redis_url": "redis://cache.internal:6379/0",
}


def plan_for(folder: Path, *, port: int = 8001, settings: Mapping[str, object] = NOTHING) -> DeployPlan:
    """A plan whose nginx needs nothing outside of `folder`; its instances are on `port` and those after it."""
    for name in ("logs", "temporary", "files", "acme"):
        (folder / name).mkdir(exist_ok=True)
    certificate, key = folder / "site.pem", folder / "site.key"
    if not certificate.exists():
        _certify(certificate, key)
    plan = make_plan(
        settings_from(**{**PRODUCTION, **settings}),
        program="/opt/roadworthy/bin/roadworthy",
        cores=2,
        certificate=str(certificate),
        certificate_key=str(key),
        port=port,
    )
    return replace(plan, nginx=nginx_in(folder))


def nginx_in(folder: Path) -> Nginx:
    return Nginx(
        address="127.0.0.1",
        http_port=free_port(),
        https_port=free_port(),
        user="root" if os.geteuid() == 0 else "",
        pid=str(folder / "nginx.pid"),
        logs=str(folder / "logs"),
        files=str(folder / "files"),
        acme=str(folder / "acme"),
        temporary=str(folder / "temporary"),
    )


def _certify(certificate: Path, key: Path) -> None:
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    command = ["openssl", "req", "-x509", *curve, *names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)


def tls(plan: DeployPlan) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=plan.certificate)


@contextlib.contextmanager
def front(plan: DeployPlan, folder: Path) -> Iterator[None]:
    """nginx with the plan's configuration, until the end of the block."""
    configuration = folder / "nginx.conf"
    configuration.write_text(render(plan, "nginx.conf.j2"))
    command = [NGINX, "-c", str(configuration), "-p", str(folder), "-g", "daemon off;"]

    def answers() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", plan.nginx.https_port), 1):
            return True
        return False

    with started(command, os.environ, folder / "nginx.out", folder) as process:
        wait_until(lambda: answers() or process.poll() is not None, (folder / "nginx.out").read_text)
        assert process.poll() is None, (folder / "nginx.out").read_text()
        yield
        process.terminate()
        process.wait(10)
