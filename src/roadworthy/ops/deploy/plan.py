"""What a production host needs, decided from the settings: nothing is written here."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.settings import Settings

FIRST_PORT = 8001
LOOPBACK = "127.0.0.1"
LOG_FILE = Path("/var/log/roadworthy/roadworthy.log")
STATE_DIR = Path("/var/lib/roadworthy")
ENVIRONMENT_FILE = "/etc/roadworthy/roadworthy.env"
USER = "roadworthy"
# The application answers 504 itself, and the answer still has to get here.
READ_GRACE_SECONDS = 5
STOP_GRACE_SECONDS = 10
SECOND_LINE_WIDTH = 4
BURST_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Nginx:
    """Where nginx listens and keeps things; as Debian has it, unless a drill runs one of its own."""

    address: str = ""
    http_port: int = 80
    https_port: int = 443
    user: str = "www-data"
    pid: str = "/run/nginx.pid"
    logs: str = "/var/log/nginx"
    files: str = "/srv/roadworthy"
    acme: str = "/var/www/acme"
    temporary: str = ""

    @property
    def http(self) -> str:
        """What `listen` takes for the redirect."""
        return f"{self.address}:{self.http_port}" if self.address else str(self.http_port)

    @property
    def https(self) -> str:
        """What `listen` takes for the site."""
        return f"{self.address}:{self.https_port}" if self.address else str(self.https_port)

    @property
    def ipv6(self) -> bool:
        """Whether it listens on every IPv6 address as well."""
        return not self.address


@dataclass(frozen=True, slots=True)
class DeployPlan:
    """The whole host. `settings` are what the instances get; `program` is the command that runs Roadworthy."""

    settings: Settings
    host: str
    program: str
    certificate: str
    certificate_key: str
    proxies: tuple[str, ...] = ()
    nginx: Nginx = field(default_factory=Nginx)
    user: str = USER

    @property
    def ports(self) -> tuple[int, ...]:
        """Where the instances listen."""
        return tuple(self.settings.port + number for number in range(self.settings.instances))

    @property
    def rate_per_second(self) -> int:
        """What nginx lets through for an address: wider than the application's own limits."""
        return max(1, math.ceil(self.allowed_per_minute * SECOND_LINE_WIDTH / 60))

    @property
    def allowed_per_minute(self) -> int:
        """Requests that the application allows an address, pages and API together."""
        return self.settings.rate_limit_per_minute + self.settings.rate_limit_pages_per_minute

    @property
    def upstream_keepalive_seconds(self) -> float:
        """How long an idle connection to an instance stays: shorter than an instance tells that it is about to stop."""
        return max(0.1, min(30.0, self.settings.unready_seconds / 2))

    @property
    def stop_seconds(self) -> int:
        """How long a stop may take before it is forced."""
        return math.ceil(self.settings.unready_seconds + self.settings.shutdown_timeout_seconds) + STOP_GRACE_SECONDS


def make_plan(
    settings: Settings,
    *,
    program: str,
    cores: int,
    certificate: str = "",
    certificate_key: str = "",
    instances: int = 2,
    port: int = FIRST_PORT,
) -> DeployPlan:
    """Decide. Web processes are spread over `instances`, on `port` and those after it, a process a core in all.

    `certificate` and `certificate_key` are paths on the host; empty: where certbot keeps them for the site's name.

    Raises:
        StartupError: the settings are not those of a production host; with what is missing.
    """
    host = _host(settings)
    _check(settings)
    there = settings.model_copy(
        update={
            "host": LOOPBACK,
            "port": port,
            "instances": instances,
            "workers": settings.workers or max(1, math.ceil(cores / instances)),
            "trusted_proxies": (LOOPBACK,),
            "state_dir": STATE_DIR,
            "log_file": settings.log_file or LOG_FILE,
            "log_format": "json",
        }
    )
    live = f"/etc/letsencrypt/live/{host}"
    return DeployPlan(
        settings=there,
        host=host,
        program=program,
        certificate=certificate or f"{live}/fullchain.pem",
        certificate_key=certificate_key or f"{live}/privkey.pem",
        proxies=tuple(proxy for proxy in settings.trusted_proxies if proxy != LOOPBACK),
    )


def _host(settings: Settings) -> str:
    parts = urlsplit(settings.site_url)
    if parts.scheme != "https" or not parts.hostname:
        raise StartupError(
            f"SITE_URL is {settings.site_url or 'empty'}: nginx needs the name that it answers to",
            "set SITE_URL=https://your.site",
        )
    return parts.hostname


def _check(settings: Settings) -> None:
    if not settings.in_production:
        raise StartupError(
            f"ENVIRONMENT is {settings.environment}: these settings are not for a production host",
            "set ENVIRONMENT=production, with SECRET_KEY, DATABASE_URL and REDIS_URL of production",
        )
    if settings.database_dsn is None:
        raise StartupError(
            "DATABASE_URL is empty: production brings its own PostgreSQL",
            "set DATABASE_URL=postgresql://user:password@host:5432/name",
        )
    if settings.redis_enabled and settings.redis_url is None:
        raise StartupError(
            "REDIS_URL is empty: instances share their limits and caches through it",
            "set REDIS_URL=redis://host:6379/0, or REDIS_ENABLED=false",
        )
