"""Secrets: set, strong, nobody's example; and the tokens made with them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import failed, observe, offered, passed, unknown
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.config import ConfigProbe, entropy_bits, is_placeholder
from roadworthy.inspection.redaction import SHORTEST_SECRET

KEY_LENGTH, KEY_BITS = 32, 90.0
PASSWORD_LENGTH, PASSWORD_BITS = 12, 36.0
KEY_NAMES = (
    "SECRET_KEY",
    "APP_SECRET",
    "JWT_SECRET",
    "JWT_SECRET_KEY",
    "SECRET_KEY_BASE",
    "APP_KEY",
    "NEXTAUTH_SECRET",
)
TOKEN_PATHS = re.compile(r"login|token|auth|session|sign-?in", re.IGNORECASE)
_UNITS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600, "DAYS": 86_400}


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret in effect: the variable asked for, its value (never shown), and where it stands."""

    name: str
    value: str
    source: str


async def _strong(probes: Probes, requirement: Requirement) -> Verdict:
    config = offered(probes.config, "config")
    names = requirement.names("name") or KEY_NAMES
    secret = _effective(config, names)
    if secret is None:
        evidence = observe(names[0], f"not set; looked at: {config.looked_at}", config.vantage)
        return failed(
            f"{names[0]} is not set",
            evidence,
            mend="generate one and give it to the process",
            patch=f"{names[0]}=  # openssl rand -hex 32",
        )
    shown = f"{len(secret.value)} characters, {entropy_bits(secret.value):.0f} bits of entropy"
    found_in = _in_tree(probes, secret.value)
    in_tree = f"; stands in {found_in}" if found_in else ""
    evidence = observe(secret.name, f"{shown} ({secret.source}){in_tree}", config.vantage)
    problem = _weak(secret, requirement) or (f"{secret.name} stands in the source tree: {found_in}" if found_in else "")
    if problem:
        return failed(
            problem,
            evidence,
            mend="replace it; keep it out of the tree",
            patch=f"{secret.name}=  # openssl rand -hex 32",
        )
    return passed(f"{secret.name} is real: {shown}", evidence)


def _effective(config: ConfigProbe, names: tuple[str, ...]) -> Secret | None:
    """The variable itself, or for a database's or Redis' password the one in the address that is in effect."""
    setting = config.get(*names)
    if setting is not None:
        return Secret(setting.name, setting.value, setting.source)
    for prefix, address_name in (("POSTGRES", "DATABASE_URL"), ("DB", "DATABASE_URL"), ("REDIS", "REDIS_URL")):
        address = config.get(address_name) if names[0] == f"{prefix}_PASSWORD" else None
        password = urlsplit(address.value).password if address else None
        if password:
            return Secret(names[0], unquote(password), f"{address_name} in the {address.source}" if address else "")
    return None


def _weak(secret: Secret, requirement: Requirement) -> str:
    password = "PASSWORD" in secret.name or "PASSWD" in secret.name
    length = int(requirement.number("min_length") or (PASSWORD_LENGTH if password else KEY_LENGTH))
    if is_placeholder(secret.value) or secret.value == requirement.text("value"):
        return f"{secret.name} still holds a placeholder"
    if len(secret.value) < length:
        return f"{secret.name} has {len(secret.value)} characters, fewer than {length}"
    if entropy_bits(secret.value) < (PASSWORD_BITS if password else KEY_BITS):
        return f"{secret.name} repeats itself: {entropy_bits(secret.value):.0f} bits of entropy"
    return ""


def _in_tree(probes: Probes, value: str) -> str:
    """Where the very value stands in files of the source tree that are not private by name."""
    if probes.repo is None or len(value) < SHORTEST_SECRET:
        return ""
    pattern = re.compile(re.escape(value))
    globs = (
        "*.py",
        "*.js",
        "*.ts",
        "*.rb",
        "*.go",
        "*.y*ml",
        "*.toml",
        "*.json",
        "*.example",
        "*.sample",
        "*.md",
        "Dockerfile",
    )
    match = next(iter(probes.repo.grep(pattern, *globs, aside=True, limit=1)), None)
    return f"{match.path}:{match.line}" if match else ""


async def _tokens(probes: Probes, requirement: Requirement) -> Verdict:
    config = offered(probes.config, "config")
    name = requirement.text("name", "ACCESS_TOKEN_EXPIRE_MINUTES")
    setting = config.get(name)
    wanted = _wanted_seconds(requirement, name)
    evidence: list[Evidence] = [
        observe(
            name,
            f"{name} is {setting.value} ({setting.source})" if setting else f"not set; looked at: {config.looked_at}",
            config.vantage,
        )
    ]
    if setting is None:
        return failed(
            f"{name} is not set",
            *evidence,
            mend="set how long a token lives",
            patch=f"{name}={requirement.text('value', '30')}",
        )
    seconds = _seconds(name, setting.value)
    if wanted is not None and seconds != wanted:
        return failed(
            f"{name} is {setting.value}, the line says {wanted:g} seconds",
            *evidence,
            mend="set the lifetime of the line",
            patch=f"{name}={requirement.text('value')}",
        )
    issuing = await _issuing(probes, evidence)
    if issuing is None:
        return unknown(
            f"{name} is {setting.value}; whether tokens obey it shows only by signing in",
            *evidence,
            mend="describe the sign-in in target.toml",
        )
    if not issuing:
        return failed(
            f"{name} is {setting.value}, but no documented operation issues a token",
            *evidence,
            mend="add the sign-in, or drop the setting",
        )
    return passed(f"{name} is {setting.value}, and {issuing} issues tokens", *evidence)


async def _issuing(probes: Probes, evidence: list[Evidence]) -> str | None:
    """The operation that issues tokens; empty if none of the documented ones does; None where nothing is documented."""
    operations = await surface.operations(probes.http) if probes.http else ()
    if not operations or probes.http is None:
        return None
    found = next(
        (f"{method} {path}" for method, path in operations if method == "POST" and TOKEN_PATHS.search(path)), ""
    )
    evidence.append(
        observe(
            "documented operations",
            f"{len(operations)} looked at; issues tokens: {found or 'none'}",
            probes.http.vantage,
        )
    )
    return found


def _wanted_seconds(requirement: Requirement, name: str) -> float | None:
    if requirement.number("ttl_seconds") is not None:
        return requirement.number("ttl_seconds")
    return _seconds(name, requirement.text("value"))


def _seconds(name: str, value: str) -> float | None:
    unit = next((seconds for word, seconds in _UNITS.items() if word in name.upper()), 60)
    return float(value) * unit if re.fullmatch(r"\d+(?:\.\d+)?", value.strip()) else None


STRONG = Check(
    id="sec.secretkey.strength",
    requirements=("sec.secretkey",),
    title="The secret is set, strong, and nobody's example",
    severity=Severity.CRITICAL,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"config"}),
    run=_strong,
    documentation=Documentation(
        what=f"At least {KEY_LENGTH} characters and {KEY_BITS:g} bits for keys ({PASSWORD_LENGTH} and "
        f"{PASSWORD_BITS:g} for passwords), no "
        "placeholder, and not to be found in the source tree.",
        why="Who knows the key signs sessions and tokens for any user; examples are the first thing tried.",
        how_verified="Reads the value in effect, measures it, and looks for the very same string in the tree. The "
        "value is never shown. A "
        "password that stands in DATABASE_URL or REDIS_URL counts as set.",
        how_to_mend="openssl rand -hex 32, given to the process by its environment or a secret store.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "sec.secretkey",
        {"name": "SECRET_KEY"},
        must_fail=Stage(environment={"SECRET_KEY": "your-very-secure-secret-key-change-this"}),
        mended=Stage(environment={"SECRET_KEY": "9f2b7c41d08e6a53b1c7e9048d2f6a3570be81c4d95a2f6378e0b4c1d7a95e26"}),
    ),
)

TOKENS = Check(
    id="auth.jwt.lifetime",
    requirements=("auth.jwt",),
    title="Tokens live as long as the line says",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"config"}),
    run=_tokens,
    documentation=Documentation(
        what="The lifetime is set to the line's number, and an operation issues tokens.",
        why="A stolen token is good until it expires.",
        how_verified="Reads the variable, and looks through the documented operations for one that signs in.",
        how_to_mend="Set the variable; keep access tokens short and refresh them.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "auth.jwt",
        {"name": "ACCESS_TOKEN_EXPIRE_MINUTES", "value": "30"},
        must_fail=Stage(
            environment={"ACCESS_TOKEN_EXPIRE_MINUTES": "10080"},
            site=pages({"/openapi.json": reply({"openapi": "3.1.0", "paths": {"/api/auth/login": {"post": {}}}})}),
        ),
        mended=Stage(
            environment={"ACCESS_TOKEN_EXPIRE_MINUTES": "30"},
            site=pages({"/openapi.json": reply({"openapi": "3.1.0", "paths": {"/api/auth/login": {"post": {}}}})}),
        ),
    ),
)

CHECKS = (STRONG, TOKENS)
