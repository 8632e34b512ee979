"""What the service reports by itself: errors to a tracker, traces to a collector."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import SITE_HOST, SITE_URL, Stage, twins
from roadworthy.inspection.fixtures.web import Asked, Reply, pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import addresses

SENTRY_NAMES = ("SENTRY_DSN", "NEXT_PUBLIC_SENTRY_DSN", "GLITCHTIP_DSN")
TRACKER_NAMES = (
    "BUGSNAG_API_KEY",
    "ROLLBAR_ACCESS_TOKEN",
    "HONEYBADGER_API_KEY",
    "AIRBRAKE_PROJECT_KEY",
    "RAYGUN_API_KEY",
)
TRACE_NAMES = (
    *("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", "DD_TRACE_AGENT_URL", "DD_AGENT_HOST"),
    *("NEW_RELIC_LICENSE_KEY", "ELASTIC_APM_SERVER_URL", "APPLICATIONINSIGHTS_CONNECTION_STRING", "JAEGER_AGENT_HOST"),
)
LIBRARY = re.compile(r"sentry|glitchtip|\braven\b", re.IGNORECASE)
CODE = ("*.py", "*.js", "*.ts", "*.rb", "*.go", "*.toml", "*requirements*.txt", "package.json", "Gemfile", "go.mod")
TIMEOUT_SECONDS = 5.0
TRACEPARENT = "00-{trace}-00f067aa0ba902b7-01"


async def _errors(probes: Probes, requirement: Requirement) -> Verdict:
    config = offered(probes.config, "config")
    setting = config.get(*SENTRY_NAMES, *TRACKER_NAMES)
    asked = listed([*SENTRY_NAMES, *TRACKER_NAMES])
    if setting is None or setting.placeholder:
        what = f"{setting.name} holds a placeholder" if setting else "none is set"
        evidence = observe(asked, f"{what}; looked at: {config.looked_at}", config.vantage)
        return failed(
            f"no error tracker is configured: {what}",
            evidence,
            mend="give the service a DSN",
            patch="SENTRY_DSN=https://key@host/project",
        )
    named = listed(requirement.names("tool")) if requirement.names("tool") else ""
    evidence = observe(asked, f"{setting.name} is set ({setting.source})", config.vantage)
    if setting.name not in SENTRY_NAMES:
        return unknown(
            f"{setting.name} is set; what it opens can't be seen from it", evidence, mend="send an event by hand"
        )
    dsn = addresses.parse(setting.value)
    problem = _malformed(dsn)
    if problem:
        return failed(
            f"{setting.name} is no DSN: {problem}", evidence, mend="copy it from the project's settings again"
        )
    started = _started(probes)
    if started is not None and not started:
        return unknown(f"{setting.name} is set, but nothing in the code names a library that reads it", evidence)
    seen = observe(f"a connection to {dsn.place}", await _reached(dsn), "this machine")
    return passed(f"{setting.name} names a tracker{f' ({named})' if named else ''} that can be reached", evidence, seen)


def _malformed(dsn: addresses.Address) -> str:
    """What a DSN lacks: `https://key@host/project`."""
    if dsn.scheme not in {"http", "https"} or not dsn.host:
        return "it is no web address"
    if not dsn.user:
        return "it has no key"
    return "" if dsn.path.rpartition("/")[2].isdigit() else "it ends with no project's number"


def _started(probes: Probes) -> bool | None:
    """Whether the code names a library that reports to it; None where no code is offered."""
    if probes.repo is None:
        return None
    return next(iter(probes.repo.grep(LIBRARY, *CODE, limit=1)), None) is not None


async def _reached(dsn: addresses.Address) -> str:
    """Connect and hang up: an event would land among the team's own.

    Raises:
        Unobservable: nobody answers there.
    """
    port = dsn.port or (443 if dsn.scheme == "https" else 80)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            _, writer = await asyncio.open_connection(dsn.host, port, ssl=dsn.scheme == "https")
    except (OSError, TimeoutError) as error:
        raise Unobservable(
            f"the tracker at {dsn.host} was not reached: {error}", "inspect from where it can be"
        ) from error
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return "accepted; nothing was sent"


async def _traced(probes: Probes, requirement: Requirement) -> Verdict:
    config = offered(probes.config, "config")
    setting = config.get(*TRACE_NAMES)
    words = f"{setting.name} is set ({setting.source})" if setting else f"none is set; looked at: {config.looked_at}"
    evidence = [observe(listed(TRACE_NAMES), words, config.vantage)]
    if setting is None:
        tool = listed(requirement.names("tool")) if requirement.names("tool") else ""
        return failed(
            f"no tracing is configured{f' (asked for: {tool})' if tool else ''}",
            *evidence,
            mend="export traces with OpenTelemetry",
            patch="OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318",
        )
    http = offered(probes.http, "http")
    trace = secrets.token_hex(16)
    answer = await http.get("/", headers={"traceparent": TRACEPARENT.format(trace=trace)})
    names = ("traceresponse", "traceparent", "x-trace-id", "server-timing")
    carried = [name for name in names if trace in answer.headers.get(name, "")]
    evidence.append(observe("GET / with a traceparent", f"its trace id comes back in: {listed(carried)}", http.vantage))
    if carried:
        return passed(f"{setting.name} is set, and requests carry their trace id on ({carried[0]})", *evidence)
    return unknown(
        f"{setting.name} is set; whether traces arrive shows only in their store",
        *evidence,
        mend="offer the trace store's address",
    )


def _traces(asked: Asked) -> Reply:
    return reply("<h1>Jobs</h1>", traceresponse=asked.headers.get("traceparent", ""))


ERRORS_TRACKED = Check(
    id="mon.errors.configured",
    requirements=("mon.errors",),
    title="A tracker for errors is configured and can be reached",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"config"}),
    run=_errors,
    documentation=Documentation(
        what="A tracker's DSN is set in the service, is whole, its host takes connections, and where the code is "
        "offered it names a library that reports there.",
        why="Most users leave without a word about the error that they met.",
        how_verified="Reads the DSN in effect, connects to its host and hangs up. No event is sent: it would land "
        "among the team's own. Other trackers' keys are unknown.",
        how_to_mend="Set SENTRY_DSN and start the tracker's library.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "mon.errors",
        must_fail=Stage(environment={"SENTRY_DSN": f"http://{SITE_HOST}/7"}, site=pages({})),
        mended=Stage(environment={"SENTRY_DSN": f"http://key@{SITE_HOST}/7"}, site=pages({})),
    ),
)

TRACED = Check(
    id="mon.trace.carried",
    requirements=("mon.trace",),
    title="Requests are traced",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"config"}),
    run=_traced,
    documentation=Documentation(
        what="An exporter of traces is configured, and a request's trace id is carried on.",
        why="A slow request through three services is found in minutes with a trace, in days without.",
        how_verified="Variables of OpenTelemetry, Datadog, New Relic and Elastic; a request with a traceparent of "
        "ours.",
        how_to_mend="OpenTelemetry's instrumentation, with OTEL_EXPORTER_OTLP_ENDPOINT.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "mon.trace",
        must_fail=Stage(environment={"ENVIRONMENT": "production"}, site=lambda: _traces),
        mended=Stage(environment={"OTEL_EXPORTER_OTLP_ENDPOINT": SITE_URL}, site=lambda: _traces),
    ),
)

CHECKS = (ERRORS_TRACKED, TRACED)
