"""Services as systemd keeps them: active, enabled, started again when they die."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.service import behind, own_programs
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.host import HostProbe, Process, programs

RESTARTING = frozenset({"always", "on-failure", "on-abnormal", "on-abort"})
SUPERVISORS = frozenset(
    {"supervisord", "runsv", "s6-supervise", "circusd", "pm2", "monit", "containerd-shim", "conmon", "dockerd"}
)
LAUNCHERS = frozenset(
    {"sh", "bash", "dash", "env", "tini", "dumb-init", "docker-init", "npm", "yarn", "pnpm", "npx", "poetry"}
    | {"pipenv", "uv", "pdm", "hatch", "bundle", "dotenv", "doppler", "chpst", "setpriv", "runuser", "gosu", "su-exec"}
)
"""What a unit may start that starts the service."""
TEMPLATE = """[Service]
Restart=on-failure
RestartSec=2

[Install]
WantedBy=multi-user.target"""


async def unit_verdict(probes: Probes, unit: str, *evidence: Evidence) -> Verdict:
    """Whether a unit that a line names is active and enabled."""
    host = offered(probes.host, "host")
    name = unit if "." in unit else f"{unit}.service"
    if not host.systemd:
        first = host.process(1)
        seen = observe(
            "/run/systemd/system", f"not there; process 1 is {first.name if first else 'hidden'}", host.vantage
        )
        return failed(
            f"systemd does not run this machine: there is no unit {name}",
            *evidence,
            seen,
            mend="run the service under systemd, or mend the line",
        )
    state = await host.unit(name)
    seen = observe(f"systemctl show {name}", _told(state), host.vantage)
    problems = _problems(name, state)
    if problems:
        return failed(
            "; ".join(problems), *evidence, seen, mend="start and enable it", patch=f"systemctl enable --now {name}"
        )
    return passed(f"{name} is active and enabled", *evidence, seen)


def _problems(name: str, state: Mapping[str, str]) -> Sequence[str]:
    if state.get("LoadState") == "not-found":
        return [f"there is no unit {name}"]
    problems = (
        [] if state.get("ActiveState") == "active" else [f"{name} is {state.get('ActiveState', 'in no known state')}"]
    )
    enabled = state.get("UnitFileState", "") in {"enabled", "static", "alias", "enabled-runtime"}
    return problems if enabled else [*problems, f"{name} is not enabled: it will not come back after a reboot"]


def _told(state: Mapping[str, str]) -> str:
    return ", ".join(
        f"{name} {state.get(name) or '(empty)'}" for name in ("LoadState", "ActiveState", "UnitFileState", "Restart")
    )


async def _restarts(probes: Probes, requirement: Requirement) -> Verdict:
    host = offered(probes.host, "host")
    serving = _serving(probes, host)
    unit = requirement.text("unit") or (await _unit_of(host, serving) if serving and host.systemd else "")
    if unit and host.systemd:
        return await _restart_policy(host, unit)
    chain = [serving, *host.ancestors(serving)] if serving else []
    shown = " < ".join(process.name for process in chain[:6]) or "no process found"
    evidence = observe("processes above the one that serves", shown, host.vantage)
    keeper = next((process for process in chain[1:] if SUPERVISORS & set(programs(process))), None)
    if keeper is not None:
        return unknown(
            f"{keeper.name} watches it; its policy was not read",
            evidence,
            mend=f"show the configuration of {keeper.name}",
        )
    if serving is None:
        raise Unobservable(
            "the process that serves was not found", "run on the machine that serves, with [http] url of this machine"
        )
    where = "systemd does not run this machine" if not host.systemd else "no unit owns it"
    return failed(
        f"nothing starts it again when it dies: {where}", evidence, mend="run it as a systemd unit", patch=TEMPLATE
    )


async def _restart_policy(host: HostProbe, unit: str) -> Verdict:
    name = unit if "." in unit else f"{unit}.service"
    state = await host.unit(name)
    evidence = observe(f"systemctl show {name}", _told(state), host.vantage)
    problems = [*_problems(name, state)]
    if state.get("LoadState") != "not-found" and state.get("Restart") not in RESTARTING:
        problems.append(f"Restart is {state.get('Restart') or 'no'}")
    if problems:
        return failed("; ".join(problems), evidence, mend="enable it and let it restart", patch=TEMPLATE)
    return passed(f"{name} is active, enabled, and restarts {state['Restart']}", evidence)


def _serving(probes: Probes, host: HostProbe) -> Process | None:
    return next(iter(behind(probes, host, probes.http.port)), None) if probes.http else None


async def _unit_of(host: HostProbe, process: Process) -> str:
    """The unit whose control group holds the process and whose main process it is, or was started by."""
    parts = host.control_group(process.pid).split("/")
    unit = next((part for part in reversed(parts) if part.endswith(".service") and not part.startswith("user@")), "")
    if not unit:
        return ""
    main = (await host.unit(unit)).get("MainPID", "")
    return unit if main in {str(one.pid) for one in _own_chain(host, process)} else ""


def _own_chain(host: HostProbe, process: Process) -> Sequence[Process]:
    """The process and those above it that only launch it: cron.service or docker.service is no unit of its."""
    chain = [process]
    for above in host.ancestors(process):
        names = set(programs(above))
        if not names & LAUNCHERS and not own_programs(above) & own_programs(process):
            break
        chain.append(above)
    return chain


RESTARTS = Check(
    id="srv.systemd.restart",
    requirements=("srv.systemd",),
    title="The service is started again when it dies",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"host"}),
    run=_restarts,
    documentation=Documentation(
        what="The process that listens belongs to a systemd unit that is active, enabled and restarts.",
        why="A process started by hand is gone with the first crash or reboot, usually at night.",
        how_verified="Finds the process on the service's port, its control group and unit; systemctl show. Without a "
        "unit: who its "
        "parents are.",
        how_to_mend="Write a unit with Restart=on-failure and enable it.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "srv.systemd",
        {"unit": "spa"},
        must_fail=Stage(
            site=pages({}),
            machine=Machine(
                (Program("gunicorn app:app", listens=True),),
                units={
                    "spa.service": {
                        "LoadState": "loaded",
                        "ActiveState": "active",
                        "UnitFileState": "disabled",
                        "Restart": "no",
                    }
                },
            ),
        ),
        mended=Stage(
            site=pages({}),
            machine=Machine(
                (Program("gunicorn app:app", listens=True),),
                units={
                    "spa.service": {
                        "LoadState": "loaded",
                        "ActiveState": "active",
                        "UnitFileState": "enabled",
                        "Restart": "on-failure",
                    }
                },
            ),
        ),
    ),
)

CHECKS = (RESTARTS,)
