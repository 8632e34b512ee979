"""What the service reports by itself: errors to a tracker, traces to a collector."""

from __future__ import annotations

import json
import secrets
import time

import httpx

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.fixtures.stage import SITE_HOST, SITE_URL, Stage, twins
from roadworthy.inspection.fixtures.web import Asked, Reply, Site, pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength, Unobservable
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.config import Setting

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
        return unknown(f"{setting.name} is set; no test event was sent to it", evidence, mend="send one by hand")
    status, words = await _send_event(setting)
    sent = observe(
        f"a test event to {addresses.parse(setting.value).host}", f"{status} {words}", "HTTP client on this machine"
    )
    if status != surface.OK:
        return failed(f"the tracker answers a test event with {status}", evidence, sent, mend="mend the DSN")
    return passed(f"the tracker{f' ({named})' if named else ''} takes a test event", evidence, sent)


async def _send_event(setting: Setting) -> tuple[int, str]:
    """Send one event in Sentry's envelope format; its status, and the start of the answer."""
    parts = addresses.parse(setting.value)
    prefix, _, project = parts.path.rpartition("/")
    url = f"{parts.scheme}://{parts.place}{prefix}/api/{project}/envelope/"
    event = {
        "event_id": secrets.token_hex(16),
        "message": "roadworthy inspect: test event",
        "level": "info",
        "timestamp": time.time(),
    }
    body = "\n".join(json.dumps(part) for part in ({"event_id": event["event_id"]}, {"type": "event"}, event))
    headers = {"x-sentry-auth": f"Sentry sentry_version=7, sentry_client=roadworthy/0.1, sentry_key={parts.user}"}
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            answer = await client.send(client.build_request("POST", url, content=body, headers=headers), stream=True)
            await answer.aclose()
            return answer.status_code, answer.reason_phrase
    except (httpx.HTTPError, OSError) as error:
        raise Unobservable(
            f"the tracker at {parts.host} was not reached: {error}", "inspect from where it can be"
        ) from error


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


def _tracker(status: int) -> Site:
    return pages({"/api/7/envelope/": reply({"id": "1"}, status)})


def _traces(asked: Asked) -> Reply:
    return reply("<h1>Jobs</h1>", traceresponse=asked.headers.get("traceparent", ""))


ERRORS_TRACKED = Check(
    id="mon.errors.event",
    requirements=("mon.errors",),
    title="Errors are reported to a tracker that takes them",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.PROBE,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"config"}),
    run=_errors,
    documentation=Documentation(
        what="A tracker's DSN is set in the service, and the tracker takes a test event with it.",
        why="Most users leave without a word about the error that they met.",
        how_verified="Reads the DSN in effect and sends one test event, marked as such.",
        how_to_mend="Set SENTRY_DSN and start the tracker's library.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "mon.errors",
        must_fail=Stage(environment={"SENTRY_DSN": f"http://key@{SITE_HOST}/7"}, site=_tracker(403)),
        mended=Stage(environment={"SENTRY_DSN": f"http://key@{SITE_HOST}/7"}, site=_tracker(200)),
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
