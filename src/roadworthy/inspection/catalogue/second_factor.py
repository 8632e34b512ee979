"""A second factor at sign-in, as a flow sees it asked for."""

from __future__ import annotations

import re

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue import openapi, sources
from roadworthy.inspection.catalogue.declaring import check
from roadworthy.inspection.catalogue.flows import quoted, undescribed
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, passed
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, Site, reply
from roadworthy.inspection.model import Documentation, Probes, Requirement
from roadworthy.inspection.scenario import Flow, Step

SECOND_FACTOR = re.compile(
    r"\b(?:mfa|2fa|two[- ]factor|second factor|multi[- ]factor|totp|otp|passkeys?|webauthn)\b", re.IGNORECASE
)
FACTOR_LIBRARIES = (
    "pyotp",
    "django-otp",
    "django-two-factor-auth",
    "django-allauth-mfa",
    "fido2",
    "webauthn",
    "py-webauthn",
    "speakeasy",
    "otplib",
    "@simplewebauthn/server",
    "rotp",
    "devise-two-factor",
    "webauthn-ruby",
    "otp",
    "github.com/pquerna/otp",
)


async def _second_factor(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    flows = [
        flow for flow in (probes.flows.flows if probes.flows else ()) if any(map(SECOND_FACTOR.search, flow.phrases))
    ]
    walks = [await probes.flows.walk(flow) for flow in flows] if probes.flows else []
    evidence = [quoted(walk, "HTTP client on this machine") for walk in walks]
    broken = next((walk for walk in walks if walk.problem), None)
    if broken:
        return failed(
            f"{broken.flow.name}: {broken.problem}", *evidence, mend="ask for the second factor before anything else"
        )
    if any(step.refuses for flow in flows for step in flow.steps):
        return passed(f"{flows[0].name}: without the second factor it is refused", *evidence)
    code = await probes.repo.facts(sources.code) if probes.repo else ()
    known = await probes.repo.facts(sources.dependencies) if probes.repo else {}
    brought = [name for name in FACTOR_LIBRARIES if name in known]
    spoken = await sources.everywhere(code, SECOND_FACTOR)
    documented = await openapi.operations(probes.http) if probes.http else ()
    offered_there = [one.path for one in documented if re.search(r"mfa|2fa|totp|otp|webauthn|passkey|factor", one.path)]
    signs_in = [
        source.path
        for source in code
        if re.search(
            r"(?i)\bdef (?:\w*_)?(?:login|sign_?in|authenticate)\b|(?:login|signIn|authenticate)\s*[=(:]", source.text
        )
    ]
    if signs_in and not (brought or spoken or offered_there or flows):
        evidence.append(
            observe(
                "a second factor in the code",
                f"{counted(len(code), 'file')}, sign-in in {listed(signs_in, 3)}; libraries: none",
                probes.repo.vantage if probes.repo else "",
            )
        )
        return failed(
            f"{signs_in[0]} signs people in, and nothing asks for a second factor",
            *evidence,
            mend="TOTP or passkeys for administrators; or sign-in through a provider that asks",
        )
    return await undescribed(
        probes, "Sign-in without a second factor is refused", ["a second factor (a step with expect = 403)"], evidence
    )


def _factor(*, asks: bool) -> Site:
    def made() -> Handler:
        def answer(asked: Asked) -> Reply:
            known = asked.path == "/admin" and (not asks or asked.headers.get("x-otp") == "123456")
            return (
                reply({"users": 3})
                if known
                else reply({"title": "second factor"}, 403 if asked.path == "/admin" else 404)
            )

        return answer

    return made


_MFA = Flow(
    "Administrators use a second factor (MFA)",
    [Step(get="/admin", bearer="t", expect=403), Step(get="/admin", bearer="t", headers={"x-otp": "123456"})],
)

CHECKS = (
    check(
        "auth.mfa",
        "walked",
        "Administrators use a second factor",
        _second_factor,
        Documentation(
            what="A flow of target.toml that names the second factor sees sign-in refused without it.",
            why="One phished password of an administrator is the whole system.",
            how_verified="Walks flows whose name or matches speak of MFA, 2FA, a second factor or passkeys and that "
            "see a refusal. Without one: fails where the code signs people in and nothing in code, libraries or "
            "documented operations speaks of a second factor; otherwise unknown.",
            how_to_mend="TOTP or passkeys, required for administrators; or a sign-in provider that requires them.",
            not_applicable_when="Never.",
        ),
        severity=Severity.HIGH,
        needs=(),
        must_fail=Stage(site=_factor(asks=False), flows=[_MFA]),
        mended=Stage(site=_factor(asks=True), flows=[_MFA]),
    ),
)
