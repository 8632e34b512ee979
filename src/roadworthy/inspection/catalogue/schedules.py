"""Where a team may have put recurring work: cron, timers, CI schedules, Kubernetes; and the backups it made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from roadworthy.inspection.catalogue.kit import counted, setting_of
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.model import Probes
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.addresses import Address
from roadworthy.inspection.probes.backups import Artefact, artefacts_in
from roadworthy.inspection.probes.config import ConfigProbe
from roadworthy.inspection.probes.host import HostProbe, programs
from roadworthy.inspection.redaction import outline, redact

CRON = (
    *("etc/crontab", "etc/cron.d/*", "etc/cron.hourly/*", "etc/cron.daily/*", "etc/cron.weekly/*"),
    *("etc/cron.monthly/*", "var/spool/cron/crontabs/*", "var/spool/cron/*"),
)
TIMERS = "etc/systemd/system/*.wants/*.timer"
"""Links that `systemctl enable` makes: a service or a timer without one runs at no time."""
UNIT_PLACES = ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
IN_TREE = (
    *(".github/workflows/*.yml", ".github/workflows/*.yaml", ".gitlab-ci.yml"),
    *("*cronjob*.yaml", "*cronjob*.yml", "crontab", "*.crontab", "*.timer"),
)
RECURRING = re.compile(
    r"^[ \t]*schedule:|^[ \t]*+(?:-[ \t]*+)?cron:|kind:[ \t]*CronJob|^OnCalendar|^OnUnitActiveSec", re.MULTILINE
)
BACKUP_PLACES = ("var/backups", "var/lib/postgresql/backups", "backup", "backups", "srv/backups", "opt/backups")
BACKUP_SETTINGS = re.compile(r"(?:^|_)BACKUPS?_(?:DIR|PATH|LOCATION|DIRECTORY)$")
SYSTEMS_OWN = re.compile(r"dpkg|apt-|/usr/lib(?:exec)?/(?:dpkg|apt|systemd)")
"""What distributions schedule for themselves is nobody's backup of a database."""
REMEDY = '[backup] path = "/var/backups/app", or [host] local = true where backups are kept'
DATABASE_ADDRESSES = (
    "DATABASE_URL",
    "DATABASE_DSN",
    "DB_URL",
    "SQLALCHEMY_DATABASE_URI",
    "POSTGRES_URL",
    "MONGODB_URI",
)
ONE_DATABASE = re.compile(r"\b(?:pg_dump|mysqldump|mariadb-dump)\b(?!.{0,300}(?:--all-databases|\$))")
DATABASE_SERVERS = frozenset(
    {"postgres", "postmaster", "mysqld", "mariadbd", "mongod", "clickhouse-server", "sqlservr", "oracle"}
)
_PATH = re.compile(r"(?<![\w$}])/[\w.@/+-]+")


@dataclass(frozen=True, slots=True)
class Found:
    """Recurring work that matched, as "source: line", and how many places were looked at."""

    lines: Sequence[str]
    looked_at: int

    @property
    def looked(self) -> str:
        """How many places that hold schedules were looked at, in words."""
        return f"{counted(self.looked_at, 'schedule')} looked at"

    @property
    def told(self) -> Sequence[str]:
        """The lines as reports may quote them: what programs are called with may open a door."""
        return [outline(line) for line in self.lines]


def recurring(probes: Probes, pattern: re.Pattern[str]) -> Found:
    """Scheduled commands that match.

    Raises:
        Unobservable: neither the machine nor the source tree can be looked at.
    """
    if probes.host is None and probes.repo is None:
        raise Unobservable(
            "neither the machine nor the source tree is offered: no schedule can be seen",
            '[host] local = true on the machine that serves, or [repository] path = "."',
        )
    texts = {**probes.host.files(*CRON), **_timed(probes.host)} if probes.host else {}
    for path in probes.repo.find(*IN_TREE) if probes.repo else ():
        text = probes.repo.read(path) if probes.repo else ""
        if RECURRING.search(text) or path.endswith("crontab"):
            texts[path] = text
    lines = [
        f"{path}: {redact(line.strip(), probes.secrets())[:160]}"
        for path, text in texts.items()
        for line in _commands(text)
        if _matches(pattern, line, probes.host)
    ]
    return Found(lines, len(texts))


def _commands(text: str) -> Sequence[str]:
    return [line for line in text.splitlines() if not line.lstrip().startswith("#") and not SYSTEMS_OWN.search(line)]


def _matches(pattern: re.Pattern[str], line: str, host: HostProbe | None) -> bool:
    """Whether a command matches, or the script that it runs does."""
    if pattern.search(line):
        return True
    scripts = host.files(*(path for one in _PATH.findall(line)[:5] if (path := one.strip("/")))) if host else {}
    return any(
        text.startswith("#!") and any(pattern.search(part) for part in _commands(text)) for text in scripts.values()
    )


def _timed(host: HostProbe) -> Mapping[str, str]:
    """What enabled timers run: the Exec lines of their services, by the name of the service."""
    found: dict[str, str] = {}
    for path, timer in host.files(TIMERS).items():
        stated = re.search(r"^Unit=(\S+)", timer, re.MULTILINE)
        unit = stated[1] if stated else Path(path).stem + ".service"
        names = dict.fromkeys((unit, re.sub(r"@[^@]{0,200}\.", "@.", unit)))
        texts = host.files(*(f"{place}/{name}" for place in UNIT_PLACES for name in names if "/" not in name))
        text = next(iter(texts.values()), "")
        found[unit] = "\n".join(line for line in text.splitlines() if line.startswith("Exec"))
    return found


def artefacts(probes: Probes) -> tuple[Sequence[Artefact], Sequence[str]]:
    """Backups in the place that the target names, or in the usual ones of this machine, the newest first.

    Besides, the places that exist and were looked at.

    Raises:
        Unobservable: neither a place nor the machine is offered.
    """
    if probes.backups is not None:
        return probes.backups.artefacts(), [probes.backups.path.name or str(probes.backups.path)]
    if probes.host is None:
        raise Unobservable("no backup can be seen: neither a place nor the machine is offered", REMEDY)
    places = [probes.host.root / place for place in BACKUP_PLACES] + _configured(probes.config, probes.host.root)
    there = [place for place in places if place.is_dir()]
    found = [one for place in there for one in artefacts_in(place)]
    shown = ["/" + str(place.relative_to(probes.host.root)) for place in there]
    return sorted(found, key=lambda one: one.modified_at, reverse=True), shown


def keeps_data(probes: Probes) -> bool:
    """Whether the service's own database runs on this machine, as far as its address tells.

    Only there does the lack of a schedule or a backup say anything: a neighbour's database says nothing.
    """
    address = own_database(probes)
    if probes.host is None or address is None or not _local(address.host):
        return False
    try:
        return any(DATABASE_SERVERS & set(programs(one)) for one in probes.host.processes())
    except Unobservable:
        return False


def own_database(probes: Probes) -> Address | None:
    """Where the service's database is, by the target or the configuration; None where neither tells."""
    if probes.postgres is not None:
        return addresses.parse(probes.postgres.dsn)
    setting = setting_of(probes, *DATABASE_ADDRESSES)
    return addresses.parse(setting.value) if setting else None


def of_another(probes: Probes, lines: Sequence[str]) -> bool:
    """Whether all of these jobs name the databases that they dump, and the service's is not among them."""
    address = own_database(probes)
    name = address.path.strip("/") if address else ""
    return bool(name and lines) and all(ONE_DATABASE.search(one) and name not in one for one in lines)


def _local(host: str) -> bool:
    return not host or host == "::1" or host.startswith("127.") or "." not in host


def _configured(config: ConfigProbe | None, root: Path) -> list[Path]:
    try:
        settings = config.matching(BACKUP_SETTINGS) if config else ()
    except Unobservable:
        settings = ()
    return [root / setting.value.lstrip("/") for setting in settings if setting.value.startswith("/")]
