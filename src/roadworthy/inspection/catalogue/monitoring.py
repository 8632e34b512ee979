"""Who watches the service: the machine, its uptime, its logs."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import if_seen
from roadworthy.inspection.fixtures.machine import LOGS, PORT, Machine, Program
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.host import HostProbe, programs
from roadworthy.inspection.probes.http import VANTAGE

HOST_AGENTS = (
    *(
        "node_exporter",
        "prometheus-node-exporter",
        "telegraf",
        "netdata",
        "datadog-agent",
        "zabbix_agentd",
        "zabbix_agent2",
    ),
    *(
        "collectd",
        "newrelic-infra",
        "alloy",
        "otelcol",
        "otelcol-contrib",
        "glances",
        "munin-node",
        "monit",
        "cadvisor",
        "scollector",
    ),
)
SUBJECTS: Mapping[str, re.Pattern[str]] = {
    "cpu": re.compile(r"^(?:node|host|system|machine)_.*(?:cpu|load)", re.IGNORECASE),
    "memory": re.compile(r"^(?:node|host|system|machine)_.*mem", re.IGNORECASE),
    "disk": re.compile(r"^(?:node|host|system|machine)_.*(?:disk|filesystem|fs_)", re.IGNORECASE),
}
SHIPPERS = (
    *(
        "promtail",
        "fluent-bit",
        "fluentd",
        "td-agent",
        "vector",
        "filebeat",
        "logstash",
        "rsyslogd",
        "syslog-ng",
        "datadog-agent",
    ),
    *(
        "alloy",
        "otelcol",
        "otelcol-contrib",
        "amazon-cloudwatch-agent",
        "google-fluentd",
        "loki",
        "splunkd",
        "telegraf",
    ),
)
KEPT_HERE = frozenset({"json-file", "local", "journald", "none"})
"""Docker's log drivers that leave logs on the machine."""
OUTSIDE = "[host] local = true on the machine itself, or attest to it"
SYSLOG = frozenset({"rsyslogd", "syslog-ng"})
SYSLOG_FILES = ("etc/rsyslog.conf", "etc/rsyslog.d/*", "etc/syslog-ng/*.conf", "etc/syslog-ng/conf.d/*")
FORWARDS = re.compile(
    r"^[^#\n]*(?:\s@@?(?:\([^)]*\))?[\w\[:.]|omfwd|omrelp|omelasticsearch|omkafka|(?:network|tcp|udp|syslog)\s*\()",
    re.MULTILINE,
)
"""A rule that sends messages to another machine, as rsyslog and syslog-ng write it."""
UPTIME_PROGRAMS = (
    "gatus",
    "blackbox_exporter",
    "prometheus-blackbox-exporter",
    "uptime-kuma",
    "monit",
    "cabot",
    "statping",
)
UPTIME_FILES = (
    "etc/gatus/*",
    "etc/blackbox*/*",
    "etc/prometheus/*",
    "etc/monit/*",
    "etc/monit/conf.d/*",
    "config/config.yaml",
)


async def _host_watched(probes: Probes, requirement: Requirement) -> Verdict:
    host = offered(probes.host, "host")
    agents = [one for one in host.processes() if set(programs(one)) & set(HOST_AGENTS)]
    evidence = [_processes(host, "agents that watch a machine", agents)]
    missing = list(SUBJECTS)
    with if_seen():
        answer, page = await surface.metrics(probes)
        missing = [subject for subject, series in SUBJECTS.items() if not page.find(series)]
        text = f"{len(page.names)} series looked at; nothing about this machine's {listed(missing)}"
        evidence.append(observe(f"GET {answer.path}", text, VANTAGE, basis=listed(missing)))
    memory = host.memory()
    room = f"{memory.get('MemAvailable', 0) >> 20} MB memory and {host.disk().free >> 30} GB disk free"
    headroom = f"{host.cores()} cores, load {host.load():.1f}; {room}"
    evidence.append(observe("loadavg, meminfo, statvfs", headroom, host.vantage, basis="read"))
    if agents:
        return passed(f"{agents[0].name} watches this machine", *evidence)
    asked = [subject for subject in SUBJECTS if any(subject[:3] in name.lower() for name in requirement.names("names"))]
    if not set(missing) & set(asked or SUBJECTS):
        return passed(f"{listed(asked or SUBJECTS)} of this machine are published as metrics", *evidence)
    seen = f"no agent among {counted(len(host.processes()), 'process', 'processes')}, and no series about"
    if host.contained:
        return unknown(
            f"{seen} {listed(missing)}; this is a container, and agents run beside it", *evidence, mend=OUTSIDE
        )
    return failed(
        f"{seen} {listed(missing)}",
        *evidence,
        mend="run node_exporter, or the agent of your provider",
        patch="apt-get install prometheus-node-exporter",
    )


def _processes(host: HostProbe, asked: str, found: Sequence[object]) -> Evidence:
    names = listed(sorted({getattr(one, "name", "") for one in found}))
    return observe(
        asked, f"{names}; {counted(len(host.processes()), 'process', 'processes')} looked at", host.vantage, basis=names
    )


async def _uptime(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    host, http = offered(probes.host, "host"), offered(probes.http, "http")
    watchers = [one for one in host.processes() if set(programs(one)) & set(UPTIME_PROGRAMS)]
    configured = [path for path, text in host.files(*UPTIME_FILES).items() if http.parts.place in text]
    evidence = [_processes(host, "uptime monitors", watchers)]
    evidence.append(
        observe(
            f"configurations that name {http.parts.place}",
            listed(configured),
            host.vantage,
            basis=str(bool(configured)),
        )
    )
    if watchers and configured:
        return passed(f"{watchers[0].name} watches {http.url} by {configured[0]}", *evidence)
    addresses = host.addresses(http.port)
    evidence.append(observe(f"addresses that port {http.port} listens on", listed(addresses), host.vantage))
    if addresses and all(address.startswith("127.") or address == "::1" for address in addresses):
        return failed(
            f"no monitor here names {http.url}, and none outside can reach it: it listens on {listed(addresses)} alone",
            *evidence,
            mend="publish the service, and let a monitor outside ask /health every minute",
        )
    return unknown("a monitor outside can't be seen from here", *evidence, mend="attest it with a link to its page")


async def _shipped(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    host, logs = offered(probes.host, "host"), offered(probes.logs, "logs")
    files = {str(one.path.resolve()) for one in logs.files()}
    shippers = [one for one in host.processes() if set(programs(one)) & set(SHIPPERS)]
    readers = [one for one in shippers if files & set(_read_only(host, one.pid))]
    evidence = [_processes(host, "log collectors", shippers)]
    words = f"{counted(len(readers), 'reader')} of {counted(len(files), 'file')}"
    evidence.append(observe("log files that one of them holds open to read", words, host.vantage))
    keeping = [one for one in readers if set(programs(one)) & SYSLOG and not _forwarded(host, evidence)]
    senders = [one for one in readers if one not in keeping]
    if senders:
        return passed(f"{senders[0].name} reads the log", *evidence)
    if shippers:
        what = "reads the log, but sends it nowhere" if keeping else "runs, but does not hold the log open to read it"
        return unknown(f"{(keeping or shippers)[0].name} {what}", *evidence, mend="show its configuration")
    seen = f"no log collector among {counted(len(host.processes()), 'process', 'processes')}"
    if elsewhere := _taken_elsewhere(host):
        return unknown(f"{seen}; {elsewhere}", *evidence, mend=OUTSIDE)
    return failed(
        f"{seen}: logs stay on this machine",
        *evidence,
        mend="run a collector (promtail, fluent-bit, vector) on the log files",
    )


def _taken_elsewhere(host: HostProbe) -> str:
    """Why a collector would not be among the processes; empty where it would."""
    if host.contained:
        return "this is a container, and collectors run beside it"
    engine = next(iter(host.files("etc/docker/daemon.json").values()), "")
    driver = re.search(r'"log-driver"\s*:\s*"([\w/:.-]+)"', engine)
    return f"Docker hands logs to {driver[1]}" if driver and driver[1] not in KEPT_HERE else ""


def _read_only(host: HostProbe, pid: int) -> Sequence[str]:
    """Files that it can only read: who may write to a log is its writer, not its collector."""
    home = host.proc / str(pid)
    found = []
    with contextlib.suppress(OSError):
        for entry in (home / "fd").iterdir():
            flags = re.search(r"^flags:\s+([0-7]+)", (home / "fdinfo" / entry.name).read_text("ascii"), re.MULTILINE)
            if flags and int(flags[1], 8) & os.O_ACCMODE == os.O_RDONLY:
                found.append(str(entry.readlink()))
    return found


def _forwarded(host: HostProbe, evidence: list[Evidence]) -> bool:
    """Whether a rule of the syslog daemon sends messages elsewhere."""
    rules = [path for path, text in host.files(*SYSLOG_FILES).items() if FORWARDS.search(text)]
    evidence.append(observe("rules that forward messages", listed(rules), host.vantage))
    return bool(rules)


NODE_PAGE = "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 12\n"
APP = Program("gunicorn app:app", children=2, listens=True)


HOST_WATCHED = Check(
    id="mon.host.agent",
    requirements=("mon.host",),
    title="The machine is monitored",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"host"}),
    run=_host_watched,
    documentation=Documentation(
        what="An agent for processor, memory and disk runs here, or their series are published.",
        why="A full disk stops the database, and announces itself for days to anybody who looks.",
        how_verified="Processes of this machine, and names of the series in /metrics; a process' own figures don't "
        "count.",
        how_to_mend="prometheus-node-exporter, or the provider's agent.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "mon.host",
        must_fail=Stage(machine=Machine((APP,)), site=pages({"/metrics": reply(NODE_PAGE, content_type="text/plain")})),
        mended=Stage(machine=Machine((APP, Program("/usr/bin/prometheus-node-exporter")))),
    ),
)

UPTIME_WATCHED = Check(
    id="mon.uptime.monitor",
    requirements=("mon.uptime",),
    title="Uptime is watched from outside",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"host", "http"}),
    run=_uptime,
    documentation=Documentation(
        what="A monitor asks the service's address regularly.",
        why="What watches from inside is down with the machine.",
        how_verified="Monitors on this machine and their configuration. A service that listens on loopback alone "
        "can't be watched from "
        "outside; one that is public is unknown without the monitor's word.",
        how_to_mend="A monitor on another network, on /health, every minute.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "mon.uptime",
        must_fail=Stage(machine=Machine((APP,)), site=pages({})),
        mended=Stage(
            machine=Machine(
                (APP, Program("/usr/bin/gatus")),
                files={"etc/gatus/config.yaml": f"url: http://127.0.0.1:{PORT}/health"},
            ),
            site=pages({}),
        ),
    ),
)

LOGS_SHIPPED = Check(
    id="mon.logs.collected",
    requirements=("mon.logs",),
    title="Logs are collected",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"host", "logs"}),
    run=_shipped,
    documentation=Documentation(
        what="A collector on this machine holds the service's log open to read it; a syslog daemon has a rule that "
        "forwards it.",
        why="The log of a machine that died is what one wants to read.",
        how_verified="Processes of this machine, and the files that collectors have open without the right to write.",
        how_to_mend="Point promtail, fluent-bit or vector at the log.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "mon.logs",
        must_fail=Stage(machine=Machine((APP,)), logs={"app.log": "started\n"}),
        mended=Stage(
            machine=Machine((APP, Program("/usr/bin/promtail", opens=(f"{LOGS}/app.log",)))),
            logs={"app.log": "started\n"},
        ),
    ),
)

CHECKS = (HOST_WATCHED, UPTIME_WATCHED, LOGS_SHIPPED)
