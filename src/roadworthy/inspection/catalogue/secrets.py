"""Secrets: set, strong, nobody's example; and the tokens made with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.config import ConfigProbe, entropy_bits, is_placeholder, is_wordy
from roadworthy.inspection.redaction import SHORTEST_SECRET, is_secret_name

KEY_LENGTH, KEY_BITS = 32, 90.0
PASSWORD_LENGTH, PASSWORD_BITS = 12, 36.0
KEY_NAME = "SECRET_KEY"
OWN_KEY_NAMES = re.compile(r"(?:^|_)(?:SECRET_KEY(?:_BASE)?|APP_SECRET|APP_KEY)$", re.IGNORECASE)
_THIRD_PARTIES = """
aws amazon gcp google azure github gitlab bitbucket stripe paypal braintree square twilio sendgrid mailgun mailchimp
postmark resend slack discord telegram openai anthropic huggingface cloudflare digitalocean heroku vercel netlify
sentry glitchtip bugsnag rollbar honeybadger airbrake raygun datadog dd newrelic facebook twitter linkedin apple
microsoft oauth algolia segment mixpanel npm pypi docker intercom hubspot salesforce shopify plaid recaptcha hcaptcha
turnstile firebase s3 r2 minio
"""
THIRD_PARTIES = frozenset(_THIRD_PARTIES.split())
"""Whose tokens have a length and a format of their own; a word of a name that says so."""
_DESCRIBES = """
name driver backend type url uri dsn header engine store issuer audience host port path domain provider mode samesite
secure httponly version cookie id prefix timeout file user username email rounds size class realm scheme age
"""
DESCRIBES = frozenset(_DESCRIBES.split())
"""How names end that tell about a secret and hold none: SESSION_DRIVER, JWT_ISSUER."""
PASSWORD_NAMES = re.compile(r"(?:^|_|^PG)(?:PASSWORD|PASSWD|PASSPHRASE)$|_(?:PASS|PWD)$", re.IGNORECASE)
ADDRESS_NAMES = re.compile(r"(?:^|_)(?:URL|URI|DSN)$")
IN_ADDRESS = "the password in "
OWNERS = {
    **dict.fromkeys(("database", "postgres", "mysql"), r"POSTGRES|PG|MYSQL|MARIADB|DB|DATABASE"),
    **dict.fromkeys(("redis", "valkey"), r"REDIS|VALKEY"),
    **dict.fromkeys(("smtp",), r"SMTP|E?MAIL"),
}
"""Whose passwords a line means -> how names of their variables begin."""
TOKEN_PATHS = re.compile(
    r"(?:/|[-_])(?:log-?in|tokens?|auth|authenticate|jwt|sessions?|sign-?in)(?:/(?:create|obtain|new|refresh))?/?$",
    re.IGNORECASE,
)
"""The last segment, or its last word (/access-token): /api/authors and /api/auth/logout issue nothing."""
_UNITS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600, "DAYS": 86_400}


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret in effect: the variable asked for, its value (never shown), and where it stands."""

    name: str
    value: str
    source: str


async def _strong(probes: Probes, requirement: Requirement) -> Verdict:
    config = offered(probes.config, "config")
    named = requirement.names("name")
    found = _named(config, named) if named else _meant(config, requirement)
    if not found:
        what = named[0] if named else "any secret"
        evidence = observe(what, f"not set; looked at: {config.looked_at}", config.vantage)
        patch = f"{named[0] if named else KEY_NAME}=  # openssl rand -hex 32"
        return failed(f"{what} is not set", evidence, mend="generate one and give it to the process", patch=patch)
    evidence = observe(listed([secret.name for secret in found]), "\n".join(map(_measured, found)), config.vantage)
    problems = [problem for secret in found if (problem := _problem(probes, secret, requirement))] + _shared(found)
    if problems:
        patch = "\n".join(
            f"{secret.name}=  # openssl rand -hex 32" for secret in found if _problem(probes, secret, requirement)
        )
        return failed(
            listed(problems, 5), evidence, mend="replace them; keep them out of the tree", patch=patch or None
        )
    sort = "passwords" if requirement.names("what") == ("passwords",) else "secrets"
    words = _measured(found[0]) if len(found) == 1 else f"{len(found)} {sort} are strong and differ"
    return passed(words, evidence)


def _measured(secret: Secret) -> str:
    bits = entropy_bits(secret.value)
    return f"{secret.name} has {len(secret.value)} characters, {bits:.0f} bits of entropy ({secret.source})"


def _named(config: ConfigProbe, names: tuple[str, ...]) -> list[Secret]:
    secret = _effective(config, names)
    return [secret] if secret else []


def _meant(config: ConfigProbe, requirement: Requirement) -> list[Secret]:
    """The secrets that a line without a name means: all, or where it says so the passwords, or somebody's.

    Raises:
        Unobservable: it speaks of passwords, and none is to be seen: a strong key says nothing about them.
    """
    what = requirement.names("what")
    passwords, keys = _passwords(config), _keys(config)
    if "passwords" not in what:
        return keys + passwords
    whose = requirement.names("whose")
    found = [[one for one in passwords if _is_of(one, owner)] for owner in whose] or [passwords]
    for owner, own in zip(whose or ("",), found, strict=True):
        if not own:
            raise Unobservable(
                f"no password{f' of {owner}' if owner else ''} stands in a variable or an address: {config.looked_at}",
                "name the variable that holds it in the line: `POSTGRES_PASSWORD`",
            )
    passwords = list(dict.fromkeys(one for own in found for one in own))
    return passwords + (keys if "keys" in what else [])


def _is_of(password: Secret, owner: str) -> bool:
    names = OWNERS.get(owner, re.escape(owner.upper()))
    return re.search(rf"(?:^|_|\b)(?:{names})_", password.name, re.IGNORECASE) is not None


def _settings(config: ConfigProbe, names: re.Pattern[str]) -> list[Secret]:
    return [Secret(one.name, one.value, one.source) for one in config.matching(names)]


def _keys(config: ConfigProbe) -> list[Secret]:
    """Every secret of the service's own that is no password: what others issued keeps their format, not ours."""
    return [
        Secret(one.name, one.value, one.source)
        for one in config.matching(re.compile(""))
        if (is_secret_name(one.name) or OWN_KEY_NAMES.search(one.name))
        and not PASSWORD_NAMES.search(one.name)
        and not _of_others(one.name, one.value)
    ]


def _of_others(name: str, value: str) -> bool:
    """Whether a third party issued it, or it is an address, a path or a switch and no secret."""
    words = name.lower().split("_")
    if THIRD_PARTIES & set(words) or words[-1] in DESCRIBES:
        return True
    plain = value.lower() in {"true", "false", "yes", "no", "on", "off", "none"}
    return plain or "://" in value or value.startswith(("/", "./", "../"))


def _passwords(config: ConfigProbe) -> list[Secret]:
    """Every password of the service, those inside addresses included."""
    found = _settings(config, PASSWORD_NAMES)
    for one in config.matching(ADDRESS_NAMES):
        password = addresses.parse(one.value).password
        if password:
            found.append(Secret(f"{IN_ADDRESS}{one.name}", password, one.source))
    return found


def _shared(found: Sequence[Secret]) -> list[str]:
    """Names of different secrets that have the same value; an address may repeat the variable that it was made of."""
    own = [secret for secret in found if not secret.name.startswith(IN_ADDRESS)]
    seen: dict[str, str] = {}
    shared = []
    for secret in own:
        if secret.value in seen:
            shared.append(f"{secret.name} and {seen[secret.value]} are the same")
        seen[secret.value] = secret.name
    return shared


def _problem(probes: Probes, secret: Secret, requirement: Requirement) -> str:
    weak = _weak(secret, requirement)
    if weak:
        return weak
    place = _in_tree(probes, secret.value)
    return f"{secret.name} stands in the source tree: {place}" if place else ""


def _effective(config: ConfigProbe, names: tuple[str, ...]) -> Secret | None:
    """The variable itself, or for a database's or Redis' password the one in the address that is in effect."""
    setting = config.get(*names)
    if setting is not None:
        return Secret(setting.name, setting.value, setting.source)
    for prefix, address_name in (("POSTGRES", "DATABASE_URL"), ("DB", "DATABASE_URL"), ("REDIS", "REDIS_URL")):
        address = config.get(address_name) if names[0] == f"{prefix}_PASSWORD" else None
        password = addresses.parse(address.value).password if address else None
        if password and address:
            return Secret(names[0], password, f"{address_name} in the {address.source}")
    return None


def _weak(secret: Secret, requirement: Requirement) -> str:
    password = secret.name.startswith(IN_ADDRESS) or PASSWORD_NAMES.search(secret.name) is not None
    length = int(requirement.number("min_length", PASSWORD_LENGTH if password else KEY_LENGTH))
    if is_placeholder(secret.value) or secret.value == requirement.text("value"):
        return f"{secret.name} still holds a placeholder"
    if not password and is_wordy(secret.value):
        return f"{secret.name} is made of words, as examples are"
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
    if setting is None and not requirement.text("name"):
        raise Unobservable(f"the line names no variable, and {name} is not set", "describe the sign-in as a flow")
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


RANDOM_HEX = "9f2b7c41d08e6a53b1c7e9048d2f6a3570be81c4d95a2f6378e0b4c1d7a95e26"

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
        "password that stands in DATABASE_URL or REDIS_URL counts as set. Where the line names none, all of the "
        "service's own are judged, whatever a third party issued left out (only passwords, or somebody's, where it "
        "speaks of those), and must differ.",
        how_to_mend="openssl rand -hex 32, given to the process by its environment or a secret store.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "sec.secretkey",
        {"name": "SECRET_KEY"},
        must_fail=Stage(environment={"SECRET_KEY": "your-very-secure-secret-key-change-this"}),
        mended=Stage(environment={"SECRET_KEY": RANDOM_HEX}),
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
