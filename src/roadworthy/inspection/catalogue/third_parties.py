"""Keys of third parties, as far as they tell by themselves: those of a test mode, placeholders, and none at all."""

from __future__ import annotations

import re
from collections.abc import Mapping

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.declaring import check
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.model import Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.config import Setting

_TOOLS = (
    "stripe paypal twilio razorpay braintree plaid square adyen mollie paystack sendgrid mailgun midtrans flutterwave"
)
TOOLS: Mapping[str, re.Pattern[str]] = {name: re.compile(name, re.IGNORECASE) for name in _TOOLS.split()}
PAYING = re.compile(r"stripe|paypal|razorpay|braintree|plaid|square|adyen|mollie|paystack|flutterwave|flw|midtrans"
                    r"|payment", re.IGNORECASE)  # fmt: skip
TESTING = re.compile(
    r"^(?:[sprw]k_test_|rzp_test_|test_|FLWSECK_TEST|FLWPUBK_TEST|access-sandbox|sandbox-|SB-Mid-)|^(?:sandbox|test)$",
    re.IGNORECASE,
)
"""How keys and modes of a test look, by their issuers' own prefixes."""
LIVE = re.compile(
    r"^(?:[spr]k_live_|rzp_live_|live_|whsec_|FLWSECK-|access-production)|^(?:live|production)$", re.IGNORECASE
)
CREDENTIAL = re.compile(r"(?:KEY|SECRET|TOKEN|MODE|ENV|ENVIRONMENT|SID|PASSWORD|CLIENT_ID)$", re.IGNORECASE)
WEBHOOK = re.compile(r"webhook|signature|hmac", re.IGNORECASE)
MODE = re.compile(
    r"\b(?:live|production) (?:mode|keys?|credentials?)\b|\b(?:test|sandbox) mode\b|in live mode", re.IGNORECASE
)


async def _live(probes: Probes, requirement: Requirement) -> Verdict:
    config, subject = offered(probes.config, "config"), requirement.text("subject")
    named = [name for name in TOOLS if TOOLS[name].search(f"{requirement.text('tool')} {subject}")]
    pattern = re.compile("|".join(TOOLS[name].pattern for name in named) or PAYING.pattern, re.IGNORECASE)
    found = [one for one in config.matching(pattern) if CREDENTIAL.search(one.name)]
    if WEBHOOK.search(subject):
        found = [one for one in found if WEBHOOK.search(one.name)]
    lines = [f"{one.name}: {_mode(one)}" for one in found]
    evidence = observe(
        f"variables of {listed(named) if named else 'payments'}",
        "\n".join(lines) or f"none; looked at: {config.looked_at}", config.vantage,
    )  # fmt: skip
    if not found:
        if not named:
            raise Unobservable("no variable of a known third party is set", "name the service in the line")
        what = "secret of its webhook" if WEBHOOK.search(subject) else "key"
        return failed(f"no {what} of {listed(named)} is set", evidence, mend="give it to the process")
    loose = [one for one in found if one.placeholder]
    testing = [one for one in found if TESTING.search(one.value)]
    if loose or testing:
        first = (loose or testing)[0]
        words = "still holds a placeholder" if loose else "is a test's"
        return failed(f"{first.name} {words}", evidence, mend="use the live one in production")
    live = [one for one in found if LIVE.search(one.value)]
    if MODE.search(subject) and len(live) == len(found):
        return passed(
            f"{listed(one.name for one in live)} {'is' if len(live) == 1 else 'are'} live by prefix", evidence
        )
    return unknown(
        f"{counted(len(found), 'variable is', 'variables are')} set, no test's by prefix; whether they are accepted "
        "shows "
        "only there", evidence, mend="describe a payment in a flow, or attest to one that was made",
    )  # fmt: skip


def _mode(one: Setting) -> str:
    if one.placeholder:
        return "a placeholder"
    return "of a test" if TESTING.search(one.value) else "live by its prefix" if LIVE.search(one.value) else one.shown


def _keys(mode: str) -> Stage:
    return Stage(environment={"STRIPE_SECRET_KEY": f"sk_{mode}_9f2b7c41d08e6a53b1c7e904", "OTHER": "1"})


CHECKS = (
    check(
        "cfg.thirdparty",
        "keys",
        "Keys of third parties are no test's",
        _live,
        Documentation(
            what="The variables of the third party that the line names are set, hold no placeholder, and are not of "
            "its "
            "test mode.",
            why="Payments of the first day go to a sandbox, and nobody is told.",
            how_verified="Reads the variables in effect and the prefixes that issuers give their keys (sk_live_, "
            "sk_test_, "
            "rzp_test_, PAYPAL_MODE=sandbox). Values are never shown, and nobody is asked with them: whether a key is "
            "accepted is unknown, and only a line about the live mode can pass.",
            how_to_mend="Give the live keys to the process in production, and test keys everywhere else.",
            not_applicable_when="Never; where no such variable is known the line is unknown.",
        ),
        severity=Severity.HIGH,
        strength=Strength.CONFIGURATION,
        radius=BlastRadius.READ_ONLY,
        needs=("config",),
        params={"tool": "stripe", "subject": "Stripe keys are in live mode"},
        must_fail=_keys("test"),
        mended=_keys("live"),
    ),
)
