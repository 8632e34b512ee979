"""Proxies of other sites, servers that get no requests, locations that serve no files."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.proxy import FRONT, NGINX
from roadworthy.inspection.catalogue.virtual_servers import served
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.probes.http import HttpProbe
from roadworthy.inspection.probes.nginx import NginxProbe

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
HOME = pages({"/": reply("<h1>Jobs</h1>")})
OWN = "server { listen $PORT; location / { proxy_pass http://app; } }"


def fronted(nginx: str) -> Stage:
    return Stage(site=HOME, machine=Machine((NGINX,)), nginx=nginx)


@pytest.mark.parametrize(
    ("upstreams", "status"),
    [
        ("upstream app { server 10.0.0.1:80; server 10.0.0.2:80; }", PASS),
        ("upstream app { server 10.0.0.1:80; server 10.0.0.2:80 backup; }", FAIL),
        ("upstream app { server 10.0.0.1:80; server 10.0.0.2:80 down; }", FAIL),
        ("upstream app { server 10.0.0.1:80; } upstream other { server 10.0.0.2:80; }", FAIL),
        ("upstream app { server 10.0.0.1:80; } upstream other { server 10.0.0.2:80; server 10.0.0.3:80; }", FAIL),
    ],
)
async def test_only_servers_that_get_requests_share_the_load(upstreams: str, status: Status) -> None:
    verdict = await verdict_of("nginx.lb.upstream", fronted(f"{upstreams} {OWN}"))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    "check",
    ["nginx.on.front", "nginx.lb.upstream", "nginx.static.location", "rl.proxy.zone", "nginx.proxyhdr.directive"],
)
async def test_the_nginx_of_another_site_says_nothing(check: str) -> None:
    other = FRONT.replace("    listen $PORT;\n", "")
    params = {"directive": "client_max_body_size"} if "proxyhdr" in check else {}
    verdict = await verdict_of(check, fronted(other), **params)
    assert verdict.status is UNKNOWN, verdict.summary


@pytest.mark.parametrize(
    ("block", "fits"),
    [
        ("listen 443; server_name jobs.test;", True),
        ("listen 80; server_name *.test;", True),
        ("listen 443; server_name .test;", True),
        ("listen 443; server_name ~^jobs[.];", True),
        ("listen 443; server_name other.test;", False),
        ("listen 443 default_server; server_name other.test;", True),
        ("listen 443; server_name _;", True),
        ("listen 8080; server_name _;", False),
        ("server_name www.jobs.test;", False),
    ],
)
def test_a_server_is_for_its_names(tmp_path: Path, block: str, *, fits: bool) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text(f"http {{ server {{ {block} location / {{ proxy_pass http://x; }} }} }}")
    http = HttpProbe("https://jobs.test")
    if not fits:
        with pytest.raises(Unobservable):
            served(NginxProbe(path), http)
        return
    assert any(one.name == "proxy_pass" for one in served(NginxProbe(path), http))


@pytest.mark.parametrize(
    ("location", "status"),
    [
        ("location /.well-known/acme-challenge/ { root /var/www; }", FAIL),
        ("location / { try_files $uri @app; }", FAIL),
        ("root /srv/public; location / { try_files $uri @app; }", UNKNOWN),
        ("location /static/ { alias /srv/static/; }", PASS),
    ],
)
async def test_files_are_served_where_a_location_has_some(location: str, status: Status) -> None:
    verdict = await verdict_of("nginx.static.location", fronted(f"server {{ listen $PORT; {location} }}"))
    assert verdict.status is status, verdict.summary
