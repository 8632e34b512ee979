"""Keys that others issued: set, no placeholder, of the shape that their issuer gives; and sign-in through others."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from roadworthy.contracts.checks import Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import openapi, surface
from roadworthy.inspection.catalogue.declaring import check
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, setting_of, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Site, pages, reply
from roadworthy.inspection.model import Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.config import Setting
from roadworthy.inspection.probes.http import Answer, HttpProbe

KEY_NAMES = re.compile(
    r"(?:API_?KEY|ACCESS_KEY(?:_ID)?|SECRET_ACCESS_KEY|API_TOKEN|API_SECRET|AUTH_TOKEN|SERVICE_(?:ROLE_)?KEY|ANON_KEY|PUBLISHABLE_KEY|^STRIPE\w*KEY|SUPABASE\w*KEY)$"
)
SHAPES: Mapping[re.Pattern[str], re.Pattern[str]] = {
    re.compile(r"OPENAI\w{0,40}KEY"): re.compile(r"^sk-[\w-]{20,}$"),
    re.compile(r"ANTHROPIC\w{0,40}KEY"): re.compile(r"^sk-ant-[\w-]{20,}$"),
    re.compile(r"STRIPE\w{0,40}SECRET"): re.compile(r"^(?:sk|rk)_(?:live|test)_\w{16,}$"),
    re.compile(r"AWS_ACCESS_KEY_ID"): re.compile(r"^(?:AKIA|ASIA)[0-9A-Z]{16}$"),
    re.compile(r"SENDGRID\w{0,40}KEY"): re.compile(r"^SG\.[\w-]{16,}\.[\w-]{16,}$"),
    re.compile(r"SLACK\w{0,40}TOKEN"): re.compile(r"^xox[abprs]-[\w-]{10,}$"),
    re.compile(r"GITHUB\w{0,40}TOKEN"): re.compile(r"^(?:gh[pousr]_|github_pat_)\w{20,}$"),
    re.compile(r"GOOGLE\w{0,40}API_KEY|GEMINI\w{0,40}KEY"): re.compile(r"^AIza[\w-]{30,}$"),
}
"""Name of a variable -> the shape of what its issuer gives."""
DEFAULTS = frozenset(
    {
        "minioadmin",
        "minio123",
        "minio",
        "guest",
        "admin",
        "test",
        "changeme",
        "accesskey",
        "secretkey",
        "key",
        "none",
        "null",
    }
)
TESTING = re.compile(r"(?:^|_)test_|^pk_test|^sk_test|^rk_test|sandbox", re.IGNORECASE)
SHORTEST = 12
PROVIDERS: Mapping[str, str] = {
    "google": r"accounts\.google\.com$",
    "github": r"(?:^|\.)github\.com$",
    "microsoft": r"login\.microsoftonline\.com$|login\.live\.com$",
    "facebook": r"(?:^|\.)facebook\.com$",
    "linkedin": r"(?:^|\.)linkedin\.com$",
    "apple": r"appleid\.apple\.com$",
    "gitlab": r"(?:^|\.)gitlab\.com$",
    "spotify": r"accounts\.spotify\.com$",
}
STARTS = (
    "/auth/{0}",
    "/api/auth/{0}",
    "/auth/{0}/login",
    "/login/{0}",
    "/oauth/{0}",
    "/accounts/{0}/login/",
    "/oauth2/authorization/{0}",
    "/api/auth/{0}/login",
    "/api/auth/{0}/authorize",
)
REDIRECTS = frozenset({301, 302, 303, 307, 308})


async def _keys(probes: Probes, requirement: Requirement) -> Verdict:
    config = offered(probes.config, "config")
    name, subject = requirement.text("name"), requirement.text("subject").lower()
    if name:
        one = config.get(name)
        found: Sequence[Setting] = [one] if one else []
    else:
        brand = [
            word
            for word in re.findall(r"[a-z0-9]{3,}", subject)
            if config.matching(re.compile(rf"(?:^|_){word}(?:_|$)", re.IGNORECASE))
        ]
        found = [
            key
            for key in config.matching(KEY_NAMES)
            if not brand or any(word in key.name.lower().split("_") for word in brand)
        ]
    evidence = observe(
        name or "keys that others issued",
        f"{listed([f'{key.name} ({len(key.value)} characters)' for key in found])}; looked at: {config.looked_at}",
        config.vantage,
    )
    if not found and name:
        return failed(
            f"{name} is not set", evidence, mend="set it where the process gets its environment", patch=f"{name}="
        )
    if not found:
        raise Unobservable(
            "no variable is called like a key that others issue", "name the variable in the line: `OPENAI_API_KEY`"
        )
    wrong = [problem for key in found if (problem := _problem(key, subject))]
    if wrong:
        return failed(listed(wrong, 4), evidence, mend="set the key that the issuer gave you")
    exposed = await _in_page(probes, found)
    if exposed:
        return failed(f"{exposed} is sent to every browser", evidence, mend="keep it on the server, and replace it")
    if re.search(r"\b(?:accept|work|valid|test|rotat|manag)", subject):
        return unknown(
            f"{listed([key.name for key in found])} is set; whether its issuer takes it is not asked",
            evidence,
            mend="describe a flow that needs it",
        )
    return passed(f"{listed([key.name for key in found])}: set, of the right shape, no placeholder", evidence)


def _problem(key: Setting, subject: str) -> str:
    value = key.value.strip()
    if key.placeholder or value.lower() in DEFAULTS or len(value) < SHORTEST:
        return f"{key.name} holds a placeholder or a default"
    shape = next((shape for names, shape in SHAPES.items() if names.search(key.name)), None)
    if shape and not shape.match(value):
        return f"{key.name} has not the shape of its issuer's keys"
    if re.search(r"\b(?:live|production)\b", subject) and TESTING.search(value):
        return f"{key.name} is a test key"
    claims = _claims(value)
    if re.search(r"SERVICE", key.name) and claims.get("role") == "anon":
        return f"{key.name} is an anonymous key"
    return ""


def _claims(value: str) -> Mapping[str, object]:
    """What a key that is a JWT says of itself; empty for others."""
    try:
        part = value.split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


async def _in_page(probes: Probes, found: Sequence[Setting]) -> str:
    """The name of a secret key that stands in a page or a script; what is public by design is left out."""
    if probes.http is None:
        return ""
    secret = [
        key
        for key in found
        if not re.search(r"PUBLIC|PUBLISHABLE|ANON|DSN|ACCESS_KEY_ID", key.name) and len(key.value) >= SHORTEST
    ]
    try:
        shown = await surface.pages(probes.http)
    except Unobservable:
        return ""
    texts = [one.answer.text for one in shown] + [
        (await probes.http.get(path)).text for path in surface.local_assets(probes.http, shown, "scripts")[:3]
    ]
    return next((key.name for key in secret for text in texts if key.value in text), "")


Pairs = Mapping[str, tuple[Setting | None, Setting | None]]
"""A provider's client id and secret, as far as they are set."""


async def _oauth(probes: Probes, requirement: Requirement) -> Verdict:
    spoken = f"{requirement.text('tool')} {requirement.text('subject')}".lower().replace("gmail", "google")
    named = [one for one in PROVIDERS if one in spoken]
    pairs: Pairs = {
        one: (setting_of(probes, *_names(one, "ID")), setting_of(probes, *_names(one, "SECRET")))
        for one in named or PROVIDERS
    }
    told = [one for pair in pairs.values() for one in pair if one]
    shown = listed([f"{one.name} {'is a placeholder' if one.placeholder else 'is set'}" for one in told])
    evidence = [observe("client ids and secrets", shown, "effective configuration")]
    if problem := _misset(pairs):
        return failed(problem, *evidence, mend="set both, as the provider gave them to you")
    known = named or [one for one, pair in pairs.items() if pair[0]] or ["google", "github"]
    begun = await _begun(probes.http, known) if probes.http else None
    if begun is None:
        return _unbegun(probes, spoken, named, told, evidence)
    return _sent_away(probes, begun, pairs, evidence)


def _misset(pairs: Pairs) -> str:
    """What is wrong with the ids and secrets themselves."""
    placeholder = next((one.name for pair in pairs.values() for one in pair if one and one.placeholder), "")
    if placeholder:
        return f"{placeholder} holds a placeholder"
    half = next((provider for provider, pair in pairs.items() if (pair[0] is None) != (pair[1] is None)), "")
    return f"{half}: only one of client id and secret is set" if half else ""


def _unbegun(
    probes: Probes, spoken: str, named: Sequence[str], told: Sequence[Setting], evidence: Sequence[Evidence]
) -> Verdict:
    """The verdict where no address begins a sign-in: by what is set alone."""
    if named and probes.config is not None and not told:
        upper = named[0].upper()
        return failed(
            f"neither a client id nor a secret of {named[0]} is set", *evidence,
            mend="set them", patch=f"{upper}_CLIENT_ID=\n{upper}_CLIENT_SECRET=",
        )  # fmt: skip
    if told and not re.search(r"\b(?:flow|test|work|callback|sign|login)", spoken):
        return passed(f"{listed([one.name for one in told])}: set, no placeholder", *evidence)
    return unknown(
        "no address that begins a sign-in through others was found", *evidence,
        mend="name it in the line, or describe the flow",
    )  # fmt: skip


def _sent_away(probes: Probes, begun: tuple[str, Answer, str], pairs: Pairs, evidence: Sequence[Evidence]) -> Verdict:
    """The verdict by where the service sends people: with whose id, and where they come back to."""
    path, answer, provider = begun
    location = addresses.parse(answer.headers.get("location", ""))
    asked = {key: values[0] for key, values in parse_qs(location.query).items()}
    back = addresses.parse(asked.get("redirect_uri", ""))
    said = f"{answer.status} to {location.host}{location.path}, back to {back.host}{back.path}"
    seen = observe(f"GET {path}", said, "HTTP client on this machine")
    client = pairs.get(provider, (None, None))[0]
    if not asked.get("client_id") or (client and asked["client_id"] != client.value):
        words = f"{path} sends people to {location.host} without the client id that is set"
        return failed(words, *evidence, seen, mend="give the process the client id")
    if back.host not in _own_hosts(probes):
        words = f"{path} lets {provider} send people back to {back.host or 'nowhere'}"
        return failed(words, *evidence, seen, mend="set the public address")
    words = f"{path} begins a sign-in at {location.host} and comes back to {back.host}{back.path}"
    return passed(words, *evidence, seen)


def _own_hosts(probes: Probes) -> frozenset[str]:
    site = setting_of(probes, "SITE_URL", "APP_URL", "NEXTAUTH_URL", "FRONTEND_URL")
    own = {addresses.parse(site.value).host} if site else set()
    return frozenset((own | ({probes.http.host} if probes.http else set())) - {""})


def _names(provider: str, what: str) -> Sequence[str]:
    upper = provider.upper()
    return [
        f"{upper}_CLIENT_{what}",
        f"{upper}_OAUTH_CLIENT_{what}",
        f"OAUTH_{upper}_CLIENT_{what}",
        f"AUTH_{upper}_{what}",
        f"{upper}_{what}",
        *([f"SOCIAL_AUTH_GOOGLE_OAUTH2_{'KEY' if what == 'ID' else 'SECRET'}"] if provider == "google" else []),
    ]


async def _begun(http: HttpProbe, providers: Sequence[str]) -> tuple[str, Answer, str] | None:
    """The address that sends people to a provider, its answer, and which provider."""
    documented = [one.path for one in await openapi.operations(http) if one.method == "GET" and one.plain]
    for provider in providers[:3]:
        known = [path for path in documented if provider in path.lower() and "callback" not in path]
        for path in known or [start.format(provider) for start in STARTS]:
            answer = await http.get(path, follow=False, named=True)
            host = addresses.parse(answer.headers.get("location", "")).host
            if answer.status in REDIRECTS and re.search(PROVIDERS[provider], host):
                return path, answer, provider
    return None


def _sends(client: str) -> Site:
    to = f"https://accounts.google.com/o/oauth2/v2/auth?client_id={client}&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback"
    return pages({"/auth/google": reply("", 302, location=to)})


_CLIENT = "4711-abc.apps.googleusercontent.com"
_SET = {"GOOGLE_CLIENT_ID": _CLIENT, "GOOGLE_CLIENT_SECRET": "GOCSPX-fixture-9f2b7c41d08e"}
CHECKS = (
    check(
        "sec.apikeys",
        "set",
        "Keys that others issued are set, and no placeholders",
        _keys,
        Documentation(
            what="The key that the line names, or every variable called like one, is set, is no placeholder or "
            "default, and has the shape that its issuer gives; secret ones stand in no page.",
            why="A placeholder works until the first call; a default key opens the store to everybody.",
            how_verified="Reads the variables in effect; values leave as length and entropy only. The issuer is not "
            "asked: a line that says that a key works is unknown.",
            how_to_mend="Set the key in the environment of the process or a secret store.",
            not_applicable_when="Never.",
        ),
        severity=Severity.HIGH,
        needs=("config",),
        strength=Strength.CONFIGURATION,
        params={"name": "OPENAI_API_KEY"},
        must_fail=Stage(environment={"OPENAI_API_KEY": "your_openai_api_key"}),
        mended=Stage(environment={"OPENAI_API_KEY": "sk-" + "9f2b7c41d08e6a53b1c7"}),
    ),
    check(
        "auth.oauth",
        "begun",
        "Sign-in through others is set up",
        _oauth,
        Documentation(
            what="Client id and secret are set and no placeholders; the address that begins the sign-in sends people "
            "to the provider, with that client id and a way back to this service.",
            why="A placeholder or a wrong way back is only found by the first user.",
            how_verified="Reads the variables in effect and asks documented or usual addresses, without following to "
            "the provider. The rest of the way needs a person.",
            how_to_mend="Set GOOGLE_CLIENT_ID and its like, and the public address; register the callback with the "
            "provider.",
            not_applicable_when="Never.",
        ),
        covers=("oauth",),
        severity=Severity.HIGH,
        needs=(),
        params={"tool": "google"},
        must_fail=Stage(site=_sends("other"), environment=_SET),
        mended=Stage(site=_sends(_CLIENT), environment=_SET),
    ),
)
