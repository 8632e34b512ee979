"""HTTPS: enforced, with a certificate that holds."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import failed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Refused, Unobservable, if_seen
from roadworthy.inspection.fixtures.stage import Certificate, Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.http import HttpProbe

DAYS_LEFT = 14
HANDSHAKE_SECONDS = 5.0
MOVED = frozenset({301, 302, 303, 307, 308})
OTHER_PATH = "/robots.txt"
DAY_SECONDS = 86_400
REMEDY = "put a proxy with a certificate in front, and redirect http to it"
PATCH = "server {\n    listen 80;\n    return 301 https://$host$request_uri;\n}"


@dataclass(frozen=True, slots=True)
class Handshake:
    """A completed TLS handshake: who signed, for how many days, with which protocol."""

    issuer: str
    days_left: float
    protocol: str
    names: tuple[str, ...]

    @property
    def words(self) -> str:
        """For evidence."""
        return (
            f"{self.protocol}, signed by {self.issuer}, for {', '.join(self.names[:5])}, {self.days_left:.0f} days left"
        )


async def handshake(http: HttpProbe, host: str = "", port: int = 0) -> Handshake:
    """Connect with TLS to the service, or another `host` and `port` of it, and judge the certificate.

    Raises:
        ssl.SSLError: it does not hold; the message says why.
        Unobservable: no connection.
    """
    try:
        host, port = host or http.host, port or http.port
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=http.tls_context())
    except ssl.SSLError:
        raise
    except (OSError, TimeoutError) as error:
        raise Unobservable(
            f"{host}:{port}: {str(error) or 'no answer in time'}", "make the port reachable from here"
        ) from error
    try:
        return _read(writer.get_extra_info("peercert"), writer.get_extra_info("ssl_object").version() or "")
    finally:
        writer.close()


def _read(certificate: Mapping[str, object], protocol: str) -> Handshake:
    issuer = dict(pair for group in _groups(certificate.get("issuer")) for pair in group)
    left = (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / DAY_SECONDS
    names = tuple(str(pair[1]) for pair in _pairs(certificate.get("subjectAltName")))
    return Handshake(str(issuer.get("organizationName") or issuer.get("commonName") or "nobody"), left, protocol, names)


def _groups(value: object) -> tuple[tuple[tuple[str, str], ...], ...]:
    return value if isinstance(value, tuple) else ()


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    return value if isinstance(value, tuple) else ()


async def _certificate(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    if not http.secure:
        return _plain(http)
    try:
        seen = await handshake(http)
    except ssl.SSLError as error:
        refused = observe(f"TLS handshake with {http.host}", _reason(error), http.vantage)
        return failed(
            f"the certificate does not hold: {_reason(error)}",
            refused,
            mend="renew it for this name, with its whole chain",
        )
    evidence = observe(
        f"TLS handshake with {http.host}:{http.port}",
        seen.words,
        http.vantage,
        basis=f"{seen.protocol} {seen.issuer} {seen.days_left > DAYS_LEFT}",
    )
    wanted, least = requirement.text("issuer"), requirement.number("days", DAYS_LEFT)
    if seen.days_left < least:
        return failed(
            f"the certificate has {seen.days_left:.0f} days left",
            evidence,
            mend="renew it, and let a timer do so",
            patch="certbot renew --deploy-hook 'systemctl reload nginx'",
        )
    if wanted and _letters(wanted) not in _letters(seen.issuer):
        return failed(
            f"signed by {seen.issuer}, the line says {wanted}", evidence, mend=f"get it from {wanted}, or mend the line"
        )
    return passed(f"the certificate holds: {seen.words}", evidence)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def _plain(http: HttpProbe) -> Verdict:
    evidence = observe("the public address", f"{http.url} is plain HTTP", "target")
    return failed(f"{http.url} is plain HTTP: there is no certificate", evidence, mend=REMEDY, patch=PATCH)


def _reason(error: ssl.SSLError) -> str:
    return getattr(error, "verify_message", "") or error.reason or str(error)


async def _enforced(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http = offered(probes.http, "http")
    evidence: list[Evidence] = []
    if http.secure:
        try:
            evidence.append(observe(f"TLS handshake with {http.host}", (await handshake(http)).protocol, http.vantage))
        except ssl.SSLError as error:
            refused = observe(f"TLS handshake with {http.host}", _reason(error), http.vantage)
            return failed(f"TLS does not hold: {_reason(error)}", refused, mend="mend the certificate")
    base = f"http://{replace(http.parts, port=None).place}" if http.secure else http.url
    try:
        for path in ("/", await _real_path(http)):
            location = await _moved(http, base + path, evidence)
            if not location:
                return failed(f"{base}{path} answers without TLS", *evidence, mend=REMEDY, patch=PATCH)
    except Refused:
        if not http.secure or len(evidence) > 1:
            raise
        evidence.append(observe(f"GET {base}/", "refused: nothing answers plain HTTP", http.vantage))
        return passed("TLS holds, and nothing answers plain HTTP", *evidence)
    return await _redirected(http, location, evidence)


async def _moved(http: HttpProbe, url: str, evidence: list[Evidence]) -> str:
    """The https address that a plain one redirects to; empty for every other answer, a login page's redirect too."""
    answer = await http.get(url, follow=False)
    location = answer.headers.get("location", "")
    evidence.append(observe(f"GET {url}", answer.brief("location"), http.vantage))
    return location if answer.status in MOVED and addresses.parse(location).scheme == "https" else ""


async def _real_path(http: HttpProbe) -> str:
    """A page behind the first one: a proxy may redirect that one alone."""
    with if_seen():
        shown = (one.answer.path for one in await surface.pages(http))
        return next((path for path in shown if path != "/"), OTHER_PATH)
    return OTHER_PATH


async def _redirected(http: HttpProbe, location: str, evidence: list[Evidence]) -> Verdict:
    """A redirect helps only where TLS then holds."""
    parts = addresses.parse(location)
    if parts.host != http.host:
        return unknown(f"plain HTTP is redirected to {parts.host}, another host, which is not asked", *evidence)
    try:
        seen = await handshake(http, parts.host, parts.port or 443)
    except (ssl.SSLError, Unobservable) as error:
        words = _reason(error) if isinstance(error, ssl.SSLError) else error.problem
        return failed(
            f"plain HTTP is redirected to {location}, where TLS fails: {words}", *evidence, mend="mend the certificate"
        )
    evidence.append(observe(f"TLS handshake with {parts.place}", seen.protocol, http.vantage))
    return passed(f"plain HTTP is redirected to {location}, where TLS holds", *evidence)


CERTIFICATE = Check(
    id="tls.cert.handshake",
    requirements=("tls.cert",),
    title="The certificate is valid",
    severity=Severity.CRITICAL,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_certificate,
    documentation=Documentation(
        what=f"The public address is https; its certificate is trusted, for this name, and good for {DAYS_LEFT} days "
        "more.",
        why="An expired certificate is an outage that every visitor sees.",
        how_verified="A TLS handshake with the system's authorities; issuer, names, days left, protocol.",
        how_to_mend="certbot, Caddy or the provider's own, with a renewal timer.",
        not_applicable_when="Never: a plain HTTP address fails.",
    ),
    fixtures=twins(
        "tls.cert",
        must_fail=Stage(site=pages({"/": reply("<h1>Jobs</h1>")}), certificate=Certificate(days=90, trusted=False)),
        mended=Stage(site=pages({"/": reply("<h1>Jobs</h1>")}), certificate=Certificate(days=90)),
    ),
)

ENFORCED = Check(
    id="tls.https.enforced",
    requirements=("tls.https",),
    title="HTTPS is enforced",
    severity=Severity.CRITICAL,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_enforced,
    documentation=Documentation(
        what="TLS holds on the public address, and plain HTTP only redirects to it.",
        why="One plain request is enough to lose a session on a shared network.",
        how_verified="A handshake; requests to http://HOST/ and to one page behind it, without following: each must "
        "be refused or redirect to https.",
        how_to_mend="Redirect port 80, and send Strict-Transport-Security.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "tls.https",
        must_fail=Stage(site=pages({"/": reply("<h1>Jobs</h1>")})),
        mended=Stage(site=pages({"/": reply("<h1>Jobs</h1>")}), certificate=Certificate(redirecting=True)),
    ),
)

CHECKS = (CERTIFICATE, ENFORCED)
