"""Names and mail: the domain resolves to the service, and mail from it is sent and believed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, setting_of, unknown, unset
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.names import NamesProbe, literal

OTHER_RECORDS = re.compile(r"\b(?:CAA|AAAA|IPv6|TXT|SPF|DKIM|DMARC|MX|DNSSEC|NS|nameservers?)\b", re.IGNORECASE)
LATER = re.compile(r"\bTTL\b|propagat|expir|registrar|planned|discovery|rebinding", re.IGNORECASE)
SMTP_TIMEOUT_SECONDS = 5.0
LINE_LIMIT_BYTES = 4096
READY, GREETED = "220", "250"
SERVERS = ("SMTP_HOST", "SMTP_SERVER", "EMAIL_HOST", "MAIL_HOST", "MAIL_SERVER", "SMTP_ADDRESS")
PORTS = ("SMTP_PORT", "EMAIL_PORT", "MAIL_PORT")
USERS = ("SMTP_USER", "SMTP_USERNAME", "EMAIL_HOST_USER", "MAIL_USERNAME", "MAIL_USER", "SMTP_LOGIN")
PASSWORDS = ("SMTP_PASSWORD", "SMTP_PASS", "EMAIL_HOST_PASSWORD", "MAIL_PASSWORD", "MAIL_PASS")
SENDERS = (
    "SMTP_FROM",
    "EMAIL_FROM",
    "FROM_EMAIL",
    "MAIL_FROM",
    "DEFAULT_FROM_EMAIL",
    "MAIL_FROM_ADDRESS",
    "SMTP_FROM_EMAIL",
)
SUBMISSION = 587
IMPLICIT_TLS = 465
CATCHERS = frozenset({"mailhog", "mailpit", "maildev", "mailcatcher", "smtp.mailtrap.io", "sandbox.smtp.mailtrap.io"})
"""Servers that keep mail instead of sending it."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """What an SMTP server said: its greeting, and what it offers."""

    greeting: str
    offers: Sequence[str]


async def _resolves(probes: Probes, requirement: Requirement) -> Verdict:
    http, names, subject = offered(probes.http, "http"), offered(probes.names, "names"), requirement.text("subject")
    if LATER.search(subject):
        raise Unobservable("the line asks more of DNS than that the name leads here", "ask for the records alone")
    address = literal(http.host)
    if address is not None:
        evidence = observe("address of the service", f"{http.host}: an address, no name", http.vantage)
        if address.is_global and re.search(r"static ip", subject, re.IGNORECASE):
            return passed(f"the service answers at the public address {http.host}", evidence)
        return failed(
            f"the service has no name: it is asked at {http.host}", evidence, mend="[http] url with the domain"
        )
    found = await names.addresses(http.host)
    used = await names.used(http.host)
    evidence = observe(f"A and AAAA of {http.host}", f"{listed(found)}; used here: {listed(used)}", names.vantage)
    if not found:
        return failed(f"{http.host} has no address record", evidence, mend="an A record at your registrar")
    if not names.loopback_counts and all(_private(one) for one in found):
        return failed(f"{http.host} resolves to {listed(found)}, which only this network reaches", evidence,
                      mend="a record with the public address")  # fmt: skip
    if not set(found) & set(used):
        return unknown(f"DNS says {listed(found)}, this machine uses {listed(used)}: a file decides here", evidence,
                       mend="run from elsewhere, or clear /etc/hosts")  # fmt: skip
    answer = await surface.alive(http)
    reached = observe(
        f"GET {answer.path}", f"{answer.status}, {len(answer.body)} bytes", http.vantage, basis=str(answer.status)
    )
    return await _further_records(names, http.host, subject, evidence, reached)


def _private(text: str) -> bool:
    address = literal(text)
    return address is None or not address.is_global


async def _further_records(names: NamesProbe, host: str, subject: str, *evidence: Evidence) -> Verdict:
    """Records that the line names besides addresses."""
    kinds = [one.upper() for one in OTHER_RECORDS.findall(subject)]
    kinds = ["AAAA" if one == "IPV6" else "NS" if one.startswith("NAMESERVER") else one for one in kinds]
    if any(one in {"SPF", "DKIM", "DMARC", "DNSSEC", "TXT"} for one in kinds):
        return unknown(f"{host} resolves; {listed(kinds)} are another question", *evidence, mend="a line of their own")
    missing = [kind for kind in kinds if not await names.records(host, kind)]
    if missing:
        return failed(f"{host} has no {listed(missing)} record", *evidence, mend=f"add {listed(missing)}")
    return passed(f"{host} resolves, and the service answers there", *evidence)


async def _mail(probes: Probes, requirement: Requirement) -> Verdict:
    missing = unset(probes, requirement)
    server, user, password = (setting_of(probes, *names) for names in (SERVERS, USERS, PASSWORDS))
    seen = {one.name: "a placeholder" if one.placeholder else "set" for one in (server, user, password) if one}
    looked_at = offered(probes.config, "config").looked_at
    config = observe("variables of mail", f"{seen or 'none'}; looked at: {looked_at}", "effective configuration")
    if missing or server is None:
        return failed(
            missing or f"no mail server is set: none of {listed(SERVERS, 3)}", config, mend="set SMTP_HOST and its like"
        )
    placeholders = [name for name, state in seen.items() if state != "set"]
    if placeholders or user is None or password is None:
        pairs = ((user, USERS), (password, PASSWORDS))
        lacking = placeholders or [names[0] for one, names in pairs if one is None]
        return failed(f"not set for real: {listed(lacking)}", config, mend="the provider's user and password")
    if server.value.lower() in CATCHERS:
        return failed(f"{server.value} keeps mail instead of sending it", config, mend="the provider's server")
    port = setting_of(probes, *PORTS)
    number = int(port.value) if port and port.value.isdigit() else SUBMISSION
    said = await _greeted(server.value, number)
    greeted = observe(
        f"EHLO {server.value}:{number}", f"{said.greeting}; {listed(said.offers)}", "SMTP client on this machine"
    )
    if number != IMPLICIT_TLS and "STARTTLS" not in said.offers:
        return failed(f"{server.value}:{number} offers no STARTTLS: the password goes in the clear", config, greeted,
                      mend="the port for submission, 587 or 465")  # fmt: skip
    sender = setting_of(probes, *SENDERS)
    address = sender.value if sender else user.value
    domain = address.rpartition("@")[2].strip("> ").lower() if "@" in address else ""
    return await _believed(probes, domain, config, greeted)


async def _greeted(host: str, port: int) -> MailServer:
    """Greeting and offers of a mail server; nobody signs in and nothing is sent.

    Raises:
        Unobservable: it gives no answer, or none that SMTP knows.
    """
    tls = port == IMPLICIT_TLS
    try:
        async with asyncio.timeout(SMTP_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, ssl=tls, limit=LINE_LIMIT_BYTES)
            try:
                greeting = await _answer(reader)
                writer.write(b"EHLO roadworthy.invalid\r\n")
                await writer.drain()
                offers = await _answer(reader)
                writer.write(b"QUIT\r\n")
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
        words = str(error) or type(error).__name__
        raise Unobservable(f"{host}:{port} can't be reached by SMTP: {words}", "run where the service runs") from error
    if not greeting or greeting[0][:3] != READY or offers[0][:3] != GREETED:
        raise Unobservable(f"{host}:{port} does not greet as a mail server does", "mend the server's name and port")
    return MailServer(greeting[0][:120], [line[4:].partition(" ")[0].upper() for line in offers[1:]])


async def _answer(reader: asyncio.StreamReader) -> list[str]:
    lines: list[str] = []
    for _ in range(64):
        line = (await reader.readline()).decode("utf-8", "replace").rstrip()
        lines.append(line)
        if line[3:4] != "-":
            return lines
    return lines


async def _believed(probes: Probes, domain: str, *evidence: Evidence) -> Verdict:
    """SPF and DMARC of the sender's domain: without them mail is taken for junk."""
    if probes.names is None or not domain:
        return unknown("the mail server greets; the domain that mail comes from was not seen", *evidence,
                       mend="SMTP_FROM, and a resolver")  # fmt: skip
    spf = [one for one in await probes.names.records(domain, "TXT") if one.lower().startswith("v=spf1")]
    dmarc = [one for one in await probes.names.records(f"_dmarc.{domain}", "TXT") if one.lower().startswith("v=dmarc1")]
    records = observe(f"TXT of {domain}", f"SPF {listed(spf)}; DMARC {listed(dmarc)}", probes.names.vantage)
    missing = [name for name, found in (("SPF", spf), ("DMARC", dmarc)) if not found]
    if missing:
        return failed(f"{domain} has no {listed(missing)}: its mail is taken for junk", *evidence, records,
                      mend="TXT records at your registrar",
                      patch=f'_dmarc.{domain}. TXT "v=DMARC1; p=quarantine"')  # fmt: skip
    if any(one.lower().rstrip().endswith("+all") for one in spf):
        return failed(f"SPF of {domain} lets anybody send: +all", *evidence, records, mend="end it with -all")
    return passed(f"the mail server greets with STARTTLS, and {domain} has SPF and DMARC", *evidence, records)


MAIL: Mapping[str, str] = {
    "SMTP_HOST": "127.0.0.1",
    "SMTP_PORT": "$SMTP_PORT",
    "SMTP_USER": "mailer@shop.test",
    "SMTP_PASSWORD": "invented-k3jH92m",
}
BELIEVED = {
    ("shop.test", "TXT"): ['"v=spf1 include:mail.test -all"'],
    ("_dmarc.shop.test", "TXT"): ['"v=DMARC1; p=reject"'],
}
HOME = pages({"/": reply("<html><body><h1>Shop</h1></body></html>")})
NAME = Check(
    id="dns.ok.address",
    requirements=("dns.ok",),
    title="The name resolves to this service",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http", "names"}),
    run=_resolves,
    documentation=Documentation(
        what="The name in the service's address has address records that the world can reach, and the service answers "
        "under it; records that the line names besides (CAA, AAAA, MX) are there.",
        why="A name that only this machine's /etc/hosts knows works until somebody else tries.",
        how_verified="A and AAAA by DNS, compared with what this machine uses; a request to the service by its name.",
        how_to_mend="An A record at your registrar.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "dns.ok",
        must_fail=Stage(site=HOME, host="localhost", zone={}),
        mended=Stage(site=HOME, host="localhost", zone={("localhost", "A"): ["127.0.0.1"]}),
    ),
    timeout_seconds=20.0,
)
SENT = Check(
    id="cfg.email.server",
    requirements=("cfg.email",),
    title="Mail can be sent, and is believed",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.PROBE,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"config"}),
    run=_mail,
    documentation=Documentation(
        what="A mail server with user and password is set, it greets and offers STARTTLS, and the domain that mail "
        "comes from has SPF and DMARC.",
        why="Passwords can't be reset by mail that lands in junk.",
        how_verified="Variables of the running service; EHLO to the server, where nobody signs in and nothing is sent; "
        "TXT records of the domain.",
        how_to_mend="The provider's server on port 587; its SPF include; a DMARC record.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "cfg.email",
        must_fail=Stage(environment=MAIL, mail_offers=("SIZE",), zone=BELIEVED),
        mended=Stage(environment=MAIL, mail_offers=("SIZE", "STARTTLS", "AUTH"), zone=BELIEVED),
    ),
    timeout_seconds=25.0,
)

CHECKS = (NAME, SENT)
