"""Writes what the plan says, a file each, into one folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.pages.assets import Assets
from roadworthy.chassis.processes.state import write_private
from roadworthy.chassis.settings import as_environment
from roadworthy.ops.deploy.plan import (
    BURST_SECONDS,
    ENVIRONMENT_FILE,
    LOOPBACK,
    READ_GRACE_SECONDS,
    DeployPlan,
)
from roadworthy.ops.monitoring.dashboard import dashboard

TEMPLATES = {
    "README.md": "README.md.j2",
    "nginx/nginx.conf": "nginx.conf.j2",
    "systemd/roadworthy-web@.service": "web.service.j2",
    "systemd/roadworthy-worker.service": "worker.service.j2",
    "sysusers/roadworthy.conf": "sysusers.j2",
    "logrotate/roadworthy": "logrotate.j2",
    "prometheus/prometheus.yml": "prometheus.yml.j2",
}
SECRETS = "roadworthy.env"
MANIFEST = ".written-by-roadworthy-deploy"
# Loopback answers in microseconds, or not at all: an instance that is closing its door drops what knocks.
CONNECT_TIMEOUT = "150ms"


def write_all(plan: DeployPlan, assets: Iterable[Assets], folder: Path) -> list[Path]:
    """Write every file into `folder`, made if need be, over those of an earlier time; returns them.

    `roadworthy.env` has the secrets: it is for its owner alone.

    Raises:
        StartupError: the folder holds something else.
    """
    _take(folder)
    written = [_write(folder / name, render(plan, template)) for name, template in TEMPLATES.items()]
    written.append(_write(folder / "prometheus/alerts.yml", _alerts()))
    written.append(_write(folder / "grafana/roadworthy.json", json.dumps(dashboard(), indent=2) + "\n"))
    for one in assets:
        written.extend(_write_assets(one, folder))
    secrets = folder / SECRETS
    write_private(secrets, environment_text(plan))
    return [*written, secrets]


def render(plan: DeployPlan, template: str) -> str:
    """One of the templates, filled in."""
    settings = plan.settings
    environment = Environment(
        loader=PackageLoader("roadworthy.ops.deploy"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # configuration, not HTML
    )
    return environment.get_template(template).render(
        host=plan.host,
        program=plan.program,
        user=plan.user,
        port=settings.port,
        names=[f"{LOOPBACK}:{port}" for port in plan.ports],
        numbers=range(1, len(plan.ports) + 1),
        nginx=plan.nginx,
        certificate=plan.certificate,
        certificate_key=plan.certificate_key,
        proxies=plan.proxies,
        body_limit_bytes=settings.body_limit_bytes,
        read_timeout=nginx_time(settings.request_timeout_seconds + READ_GRACE_SECONDS),
        connect_timeout=CONNECT_TIMEOUT,
        upstream_keepalive=nginx_time(plan.upstream_keepalive_seconds),
        limited=settings.rate_limit_enabled,
        rate_per_second=plan.rate_per_second,
        allowed_per_minute=plan.allowed_per_minute,
        burst=plan.rate_per_second * BURST_SECONDS,
        stop_seconds=plan.stop_seconds,
        environment_file=ENVIRONMENT_FILE,
        log_file=settings.log_file,
    )


def nginx_time(seconds: float) -> str:
    """A time as nginx reads it: it takes no fractions."""
    return f"{seconds:.0f}s" if seconds.is_integer() else f"{seconds * 1000:.0f}ms"


def environment_text(plan: DeployPlan) -> str:
    """The settings as lines that systemd and a shell read alike."""
    lines = [f"{name}={_quoted(value)}" for name, value in as_environment(plan.settings).items()]
    return "\n".join(["# Written by `roadworthy deploy`. Holds secrets.", *lines, ""])


def _quoted(value: str) -> str:
    if not set(value) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,=-"):
        return value
    if "'" in value or "\n" in value:
        raise StartupError("a setting holds a quote or a line's end", "choose a value without, or percent-encode it")
    return f"'{value}'"


def _take(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise StartupError(f"{folder} holds something else already", "name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).touch()


def _write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _write_assets(assets: Assets, folder: Path) -> Iterator[Path]:
    for asset in assets:
        path = folder / asset.url.removeprefix("/")
        yield _write(path, asset.body)
        if "gzip" in asset.encoded:
            yield _write(path.with_name(f"{path.name}.gz"), asset.encoded["gzip"])


def _alerts() -> str:
    return (files("roadworthy.ops.monitoring") / "alerts.yml").read_text(encoding="utf-8")
