"""A running nginx with TLS in front of a running shop, with one defect each."""

from __future__ import annotations

import contextlib
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from tests.processes import free_port, started, wait_until
from tests.unready.planting import Defect, Seen, inspected, listens, service

pytestmark = pytest.mark.nginx
CONFIGURATION = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    include /etc/nginx/mime.types;
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {tokens}
    {gzip}
    limit_req_zone $binary_remote_addr zone=api:1m rate=100r/s;
    upstream shop {{ least_conn; server 127.0.0.1:{shop}; }}
    server {{
        listen 127.0.0.1:{plain};
        server_name localhost;
        {redirect}
    }}
    server {{
        listen 127.0.0.1:{secure} ssl;
        server_name localhost;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        {protocols}
        {body}
        {headers}
        location / {{
            {limit}
            proxy_pass http://shop;
            {forwarded}
            proxy_read_timeout {wait};
        }}
        {static}
    }}
}}
"""
PROXIED = "location / {{ proxy_pass http://shop; }}"
READY: Mapping[str, str] = {
    "tokens": "server_tokens off;",
    "gzip": "gzip on; gzip_proxied any; gzip_types text/css application/json;",
    "redirect": "return 301 https://$host:{secure}$request_uri;",
    "protocols": "ssl_protocols TLSv1.2 TLSv1.3;",
    "body": "client_max_body_size 2m;",
    "headers": 'add_header Strict-Transport-Security "max-age=31536000" always;',
    "limit": "limit_req zone=api burst=200 nodelay;",
    "forwarded": "proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
    " proxy_set_header X-Forwarded-Proto $scheme;",
    "wait": "60s",
    "static": "location /static/ {{ alias {folder}/static/; expires 30d; }}",
    "certificate": "{folder}/localhost.pem",
    "key": "{folder}/localhost.key",
}
OLD = "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;"
SELF_SIGNED = {"certificate": "{folder}/own.pem", "key": "{folder}/own.key"}
SECURE = [
    Defect("no gzip", "Gzip compression enabled", "srv.compress.asked", {"gzip": "gzip off;"}),
    Defect("server tokens", "`server_tokens off`", "sec.headers.sent", {"tokens": ""}),
    Defect("no HSTS", "HSTS header", "sec.headers.sent", {"headers": ""}),
    Defect("no body limit", "`client_max_body_size 2m`", "nginx.proxyhdr.directive", {"body": ""}),
    Defect("old protocols", "`ssl_protocols TLSv1.2 TLSv1.3`", "tls.versions.spoken", {"protocols": OLD}),
    Defect("nobody's certificate", "SSL certificate is valid", "tls.cert.handshake", SELF_SIGNED),
    Defect("no rate limit", "Rate limiting in nginx", "rl.proxy.zone", {"limit": ""}),
    Defect("the client's address is lost", "X-Forwarded-For is set", "nginx.proxyhdr.directive", {"forwarded": ""}),
    Defect("shop serves files", "Static files are served by nginx", "nginx.static.location", {"static": ""}),
]
PLAIN = [
    Defect("no redirect", "HTTP redirects to HTTPS", "tls.https.enforced", {"redirect": PROXIED}),
    Defect(
        "a redirect to nowhere", "HTTP redirects to HTTPS", "tls.https.enforced", {"redirect": "return 302 /items;"}
    ),
]
BEHIND = [
    Defect(
        "waits too short", "Proxy timeouts are longer than the application's", "cross.timeouts.order", {"wait": "20s"}
    )
]


@dataclass(frozen=True)
class Shop:
    """What stands behind nginx, its process, and the folder with certificates and static files."""

    port: int
    pid: int
    folder: Path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "static").mkdir()
    (folder / "static" / "site.3f9a1b2c.css").write_text("body { color: #123 }\n" * 100)
    _certificates(folder)
    with service("fastapi", folder, "no headers,no compression,no limit", {"REQUEST_TIMEOUT": "30"}) as url:
        port = int(url.rpartition(":")[2])
        yield Shop(port, _listener(port), folder)


def _listener(port: int) -> int:
    """The process that listens there."""
    found = (one for one in psutil.net_connections("tcp4") if one.status == psutil.CONN_LISTEN and one.laddr)
    return next(one.pid for one in found if one.laddr and one.laddr.port == port and one.pid)


def _certificates(folder: Path) -> None:
    """An authority of the test's own, a certificate that it signed, and one that signs itself."""
    short = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "60"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    ca = [*short, "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/O=Test Authority/CN=test"]
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=CA:FALSE"]
    for command in (
        ca,
        [*short, "-x509", "-keyout", "localhost.key", "-out", "localhost.pem", *name, *signed],
        [*short, "-x509", "-keyout", "own.key", "-out", "own.pem", *name],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=30)


@dataclass(frozen=True)
class Proxy:
    """Where nginx answers, and its configuration."""

    plain: str
    secure: str
    configuration: Path


@contextlib.contextmanager
def nginx(shop: Shop, folder: Path, changed: Mapping[str, str]) -> Iterator[Proxy]:
    plain, secure = free_port(), free_port()
    places = {"folder": str(shop.folder), "plain": plain, "secure": secure, "shop": shop.port}
    parts = {name: text.format(**places) for name, text in {**READY, **changed}.items()}
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(**{**places, **parts, "folder": str(folder)}))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    log = folder / "nginx.log"
    with started([program, "-p", str(folder), "-e", "stderr", "-c", str(configuration)], {}, log, folder):
        wait_until(lambda: listens(secure) and listens(plain), log.read_text)
        yield Proxy(f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{secure}", configuration)


@pytest.fixture(autouse=True)
def trusted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's own authority is one of the system's, for this process."""
    monkeypatch.setenv("SSL_CERT_FILE", str(shop.folder / "ca.pem"))
    assert ssl.create_default_context().cert_store_stats()["x509_ca"] == 1


def judge(seen: Seen, defect: Defect | None) -> None:
    """The defect alone is found, by its check; without one, every line passes."""
    if defect is None:
        assert {line: seen.words[line] for line, status in seen.status.items() if status != "pass"} == {}
        return
    assert defect.check in seen.failed.get(defect.line, []), (seen.status, seen.words.get(defect.line))
    assert set(seen.alarms) - {defect.line, *defect.also} == set(), seen.alarms


@pytest.mark.parametrize("defect", [None, *SECURE], ids=lambda one: one.name if one else "mended")
def test_a_running_nginx(shop: Shop, defect: Defect | None, tmp_path: Path) -> None:
    with nginx(shop, tmp_path, defect.plant if defect else {}) as proxy:
        target = f'[http]\nurl = "{proxy.secure}"\n[nginx]\nconfig = "{proxy.configuration}"\n'
        judge(inspected(tmp_path, "nginx", [one.line for one in SECURE], target), defect)


@pytest.mark.parametrize("defect", [None, *PLAIN], ids=lambda one: one.name if one else "mended")
def test_the_plain_door_of_a_running_nginx(shop: Shop, defect: Defect | None, tmp_path: Path) -> None:
    with nginx(shop, tmp_path, defect.plant if defect else {}) as proxy:
        target = f'[http]\nurl = "{proxy.plain}"\n'
        judge(inspected(tmp_path, "nginx", [PLAIN[0].line], target), defect)


@pytest.mark.parametrize("defect", [None, *BEHIND], ids=lambda one: one.name if one else "mended")
def test_a_running_nginx_waits_longer_than_what_is_behind_it(
    shop: Shop, defect: Defect | None, empty_database_url: str, tmp_path: Path
) -> None:
    dsn = f"{empty_database_url}?options=-c%20statement_timeout%3D10s"
    with nginx(shop, tmp_path, defect.plant if defect else {}) as proxy:
        target = (
            f'[http]\nurl = "{proxy.secure}"\n[nginx]\nconfig = "{proxy.configuration}"\n'
            f'[config]\npid = {shop.pid}\n[postgres]\ndsn = "{dsn}"\n'
        )
        judge(inspected(tmp_path, "nginx", [BEHIND[0].line], target), defect)
