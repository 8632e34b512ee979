"""The probes of one inspection, opened from a target and closed together."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.probes.backups import BackupsProbe
from roadworthy.inspection.probes.config import ConfigProbe
from roadworthy.inspection.probes.disruptions import DisruptionsProbe
from roadworthy.inspection.probes.drills import DrillsProbe
from roadworthy.inspection.probes.flows import FlowsProbe
from roadworthy.inspection.probes.forwarding import serves_itself
from roadworthy.inspection.probes.host import HostProbe, Process
from roadworthy.inspection.probes.http import HttpProbe
from roadworthy.inspection.probes.logs import LogsProbe
from roadworthy.inspection.probes.names import NamesProbe
from roadworthy.inspection.probes.nginx import NginxProbe
from roadworthy.inspection.probes.postgres import PostgresProbe
from roadworthy.inspection.probes.prometheus import PrometheusProbe
from roadworthy.inspection.probes.redis import RedisProbe
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.target import Target


@dataclass(frozen=True, slots=True)
class ProbeSet:
    """What is offered to look at; None where nothing is."""

    http: HttpProbe | None = None
    postgres: PostgresProbe | None = None
    redis: RedisProbe | None = None
    repo: RepoProbe | None = None
    config: ConfigProbe | None = None
    host: HostProbe | None = None
    logs: LogsProbe | None = None
    nginx: NginxProbe | None = None
    flows: FlowsProbe | None = None
    disruptions: DisruptionsProbe | None = None
    prometheus: PrometheusProbe | None = None
    drills: DrillsProbe | None = None
    backups: BackupsProbe | None = None
    names: NamesProbe | None = None

    def secrets(self) -> frozenset[str]:
        """Every secret value seen so far."""
        found = set(self.config.secrets()) if self.config else set()
        found |= self.flows.secrets() if self.flows else frozenset()
        doors = (self.http, self.postgres, self.redis)
        found |= self.prometheus.passwords if self.prometheus else frozenset()
        return frozenset(found | {door.password for door in doors if door is not None and door.password})

    async def aclose(self) -> None:
        """Close every connection, whatever state it is in."""
        for probe in (self.http, self.postgres, self.redis, self.prometheus):
            if probe is not None:
                with contextlib.suppress(Unobservable, OSError, TimeoutError):
                    await probe.aclose()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._look_around)
        return self

    def _look_around(self) -> None:
        """The walks that many checks rest on, once and before them: no request has to wait while a disk is read."""
        with if_seen():
            _ = self.repo.files if self.repo else ()
        with if_seen():
            _ = self.host.processes() if self.host else ()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def open_probes(target: Target, own: frozenset[Path] = frozenset()) -> ProbeSet:
    """What `target` offers, and what can be found from it on this machine: nothing is connected yet.

    `own` are the files, resolved, that the inspection reads or writes beside what it looks at.
    """
    host = HostProbe() if target.on_this_machine else None
    http = HttpProbe(target.http.url, verify_tls=target.http.verify_tls) if target.http else None
    serving = _serving(host, http)
    return ProbeSet(
        http=http,
        postgres=PostgresProbe(target.postgres.address) if target.postgres else None,
        redis=RedisProbe(target.redis.address) if target.redis else None,
        repo=RepoProbe(target.repository.path, own) if target.repository else None,
        config=_config(target, host, serving),
        host=host,
        logs=_logs(target, host, serving),
        nginx=_nginx(target, host),
        flows=FlowsProbe(http, target.flows) if http and target.flows else None,
        disruptions=DisruptionsProbe(target.cuts, target.stop) if target.cuts or target.stop else None,
        prometheus=_prometheus(target),
        drills=DrillsProbe(target.drills.path) if target.drills else None,
        backups=BackupsProbe(target.backup.path) if target.backup else None,
        names=NamesProbe(target.dns.server if target.dns else "") if target.http or target.dns else None,
    )


def _serving(host: HostProbe | None, http: HttpProbe | None) -> Process | None:
    """The oldest process that listens where the service answers, if that is here and the service's own.

    A proxy's environment and output are not the service's.
    """
    if host is None or http is None or not http.loopback:
        return None
    found = host.listeners(http.port)
    return found[0] if found and all(serves_itself(host, one) for one in found) else None


def _config(target: Target, host: HostProbe | None, serving: Process | None) -> ConfigProbe | None:
    part = target.config
    pid = part.pid if part and part.pid else serving.pid if serving else None
    env_file = part.env_file if part else None
    return ConfigProbe(env_file=env_file, pid=pid, host=host) if pid or env_file else None


def _logs(target: Target, host: HostProbe | None, serving: Process | None) -> LogsProbe | None:
    if target.logs:
        return LogsProbe(target.logs.path)
    if host is None or serving is None:
        return None
    output = host.output(serving.pid)
    return LogsProbe(output) if output else None


def _nginx(target: Target, host: HostProbe | None) -> NginxProbe | None:
    if target.nginx:
        return NginxProbe(target.nginx.config)
    for process in host.running("nginx") if host else ():
        if "-c" in process.argv[:-1]:
            return NginxProbe(Path(process.argv[process.argv.index("-c") + 1]))
        return NginxProbe(Path("/etc/nginx/nginx.conf"))
    return None


def _prometheus(target: Target) -> PrometheusProbe | None:
    part = target.prometheus
    return PrometheusProbe(part.url, part.alertmanager_url, part.jobs) if part else None
