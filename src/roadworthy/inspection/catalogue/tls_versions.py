"""Which versions of TLS the service speaks, as a client sees that offers one at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue.declaring import check
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Certificate, Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Documentation, Probes, Requirement
from roadworthy.inspection.probes.handshakes import Shake, versions

OLD = ("1.0", "1.1")
DENIED = re.compile(
    r"\b(?:disabl\w+|off|refus\w+|reject\w*|no|not|never|without|deprecat\w+|remov\w+|block\w*)\b", re.IGNORECASE
)
EXACT = re.compile(r"\bonly\b|\bexclusively\b", re.IGNORECASE)
OR_NEWER = re.compile(r"\+|\b(?:or (?:above|higher|newer|later)|minimum|at least|and (?:above|up))\b|>=", re.IGNORECASE)
PATCH = "ssl_protocols TLSv1.2 TLSv1.3;"


async def _versions(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    if not http.secure:
        raise Unobservable(
            f"{http.url} is a plain address: no version of TLS is spoken there", '[http] url = "https://..."'
        )
    found = await versions(http.host, http.port)
    evidence = observe(
        f"handshakes with {http.parts.place}, one version each",
        "; ".join(f"TLS {name}: {shake}" for name, shake in found.items()),
        http.vantage,
    )
    if found["1.2"] is not Shake.TAKEN and found["1.3"] is not Shake.TAKEN:
        return unknown("no handshake succeeded, not even in TLS 1.2 or 1.3", evidence, mend="see whether it answers")
    banned, wanted = _asked(requirement)
    spoken = [name for name in banned if found[name] is Shake.TAKEN]
    if spoken:
        return failed(
            f"it speaks TLS {listed(spoken)}", evidence, mend="name the versions that may be spoken", patch=PATCH
        )
    missing = [name for name in wanted if found[name] is Shake.REFUSED]
    if missing:
        return failed(f"it does not speak TLS {listed(missing)}", evidence, mend="let it speak that too", patch=PATCH)
    unseen = [name for name in (*banned, *wanted) if found[name] is Shake.UNSEEN]
    if unseen:
        return unknown(f"TLS {listed(unseen)} can't be tried from here", evidence, mend="try it from another machine")
    return passed(
        f"it speaks TLS {listed(name for name in found if found[name] is Shake.TAKEN)}, and nothing older", evidence
    )


def _asked(requirement: Requirement) -> tuple[Sequence[str], Sequence[str]]:
    """Versions that must be refused, and those that must be spoken."""
    named, subject = [one for one in requirement.names("names") if one], requirement.text("subject")
    modern = [one for one in named if one not in OLD]
    if not modern or DENIED.search(subject):
        return OLD, ()
    if EXACT.search(subject) and not OR_NEWER.search(subject):
        return tuple(one for one in ("1.0", "1.1", "1.2", "1.3") if one not in modern), tuple(modern)
    return OLD, tuple(modern) if not OR_NEWER.search(subject) and len(modern) == 1 and modern[0] == "1.3" else ()


SITE = pages({"/": reply("<h1>Jobs</h1>")})
CHECKS = (
    check(
        "tls.versions",
        "spoken",
        "Old versions of TLS are refused",
        _versions,
        Documentation(
            what="Handshakes in TLS 1.0 and 1.1 are refused, one in 1.2 or 1.3 succeeds; those that the line names are "
            "spoken, and no others where it says only.",
            why="Old versions are broken in known ways, and a client may be talked down to them.",
            how_verified="Four connections that offer one version each and send nothing. What the library here can't "
            "offer is unknown.",
            how_to_mend=PATCH,
            not_applicable_when="Never; of a plain address it is unknown.",
        ),
        severity=Severity.HIGH,
        covers=("disabled", "refused", "deprecated", "old", "versions", "0", "1", "2", "3", "sslv2", "sslv3"),
        must_fail=Stage(site=SITE, certificate=Certificate(oldest="1.0")),
        mended=Stage(site=SITE, certificate=Certificate()),
    ),
)
