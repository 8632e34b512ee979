"""Finds what looks like a real secret in texts: by the shapes of providers, and by names given a telling value.

What is found is a place and a sort; the value itself leaves this module nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from roadworthy.inspection.probes.config import entropy_bits, is_placeholder

FINDINGS_LIMIT = 200
LINE_LIMIT_CHARACTERS = 2_000
PASSWORD_BITS, KEY_BITS = 20.0, 44.0
SHORTEST, SHORTEST_KEY = 8, 16
SHAPES: Mapping[str, re.Pattern[str]] = {
    "AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})"),
    "GitLab token": re.compile(r"\bglpat-[\w-]{20,}"),
    "Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{20,}"),
    "Slack webhook": re.compile(r"hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{20,}"),
    "Google key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b"),
    "Stripe live key": re.compile(r"\b[sr]k_live_[A-Za-z0-9]{20,}"),
    "Stripe webhook secret": re.compile(r"\bwhsec_[A-Za-z0-9+/=]{24,}"),
    "OpenAI or Anthropic key": re.compile(r"\bsk-(?:proj-|ant-|svcacct-)[A-Za-z0-9_-]{24,}|\bsk-[A-Za-z0-9]{40,}\b"),
    "SendGrid key": re.compile(r"\bSG\.[\w-]{20,}\.[\w-]{30,}"),
    "npm token": re.compile(r"\bnpm_[A-Za-z0-9]{36}\b"),
    "PyPI token": re.compile(r"\bpypi-AgE[\w-]{50,}"),
    # A title alone, as code looks for it or a form shows it, is no key.
    "private key": re.compile(
        r"-----BEGIN (?:RSA |EC |DSA |OPENSSH |PGP |ENCRYPTED )?PRIVATE KEY(?: BLOCK)?-----"
        r"(?![\"'`/]|(?:\\n|\s)*(?:\.{2,}|…|<|\[|\*{2,}))"
    ),
}
MARKS = (
    *(
        "AKIA",
        "ASIA",
        "AIza",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "xox",
        "hooks.slack.com",
    ),
    *("k_live_", "whsec_", "sk-", "SG.", "npm_", "pypi-AgE", "-----BEGIN"),
)
"""A line of those shapes holds one of these: looked for first, for nearly no line does."""
ADDRESS = re.compile(
    r"\b[a-z][a-z0-9+]{2,20}://[^\s:/@'\"`$<{]{1,80}:(?P<value>[^\s/@'\"`$<{}%]{6,100})@(?P<host>[\w.-]+)"
)
_NAMED = (
    r"[\w.-]{0,60}?(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|secret[_-]?key|credential)s?"
)
QUOTED = re.compile(
    rf"(?i)(?<![\w])(?P<name>{_NAMED})[\"']?\]?\s*(?::\s*str\s*)?(?::=|=>|="
    rf"|:)\s*[\"'`](?P<value>[^\"'`\n]{{8,200}})[\"'`]"
)
BARE = re.compile(
    rf"(?i)^[ \t]*(?:export\s+|-\s+)?(?P<name>{_NAMED})\s*[:=]\s*(?P<value>[^\s\"'#&*!|>{{}}\[\]]{{8,200}})\s*$"
)
DJANGO = "django-insecure-"
RAILS_KEY_FILE = re.compile(r"(?:^|/)config/(?:master|credentials/\w+)\.key$")
_GENERATED = re.compile(r"^[ \t]*#\s*config\.(?:secret_key|pepper)\s*=")
"""What Devise's generator leaves commented out in every application."""
PRIVATE_FILE = re.compile(r"(?:^|/)\.env(?:\.(?:local|prod|production|staging))?$")
_OF_PEOPLE = re.compile(
    r"(?:^|/)(?:tests?|specs?|__tests__|fixtures|examples?)/|\.(?:md|rst|adoc)$|(?:^|/)test_|\.test\."
    r"|[._-](?:example|sample|template|dist)(?:\.|$)"
)
"""Where a private key is a test's own, or a document shows how one looks."""
_CONNECTED = re.compile(
    r"(?i)(?:[;?&]|\b)(?P<name>password|pwd|accountkey|sharedaccesskey)=(?P<value>[^;&\s\"'<>{}$%*]{6,200})(?=[;&\"'\s]|$)"
)
"""A connection as .NET, JDBC and Azure write it."""
_FALLBACK = re.compile(
    rf"(?i)(?:getenv|environ\.get|config|env|ENV\.fetch)\(\s*[\"'](?P<name>{_NAMED})[\"']\s*,\s*(?:default\s*=\s*)?"
    r"[\"'](?P<value>[^\"'\n]{16,200})[\"']"
)
"""What holds where the environment says nothing."""
_BASIC = re.compile(r"(?i)\bauthorization[\"']?\s*[:=,]\s*[\"'`]?basic\s+(?P<value>[A-Za-z0-9+/]{12,200}={0,2})")
BARE_FILES = re.compile(r"(?:\.env[\w.-]*|\.ya?ml|\.properties|\.ini|\.cfg|\.conf|\.toml|\.tfvars)$")
LOCAL = frozenset(
    {"localhost", "127.0.0.1", "db", "postgres", "mysql", "redis", "host", "hostname", "mongo", "rabbitmq"}
)
"""Hosts of a development machine's own containers."""
_COMPUTED = re.compile(
    r"\$\{|#\{|\$\(|\{\{|%\(|<%|process\.env|os\.environ|getenv|ENV\[|^\$|secretKeyRef|arn:|^vault:|^ENC\[|^AQI"
)
_INVENTED = re.compile(
    r"(?i)fixture|example|dummy|fake|invented|not[-_]a[-_]|(?:^|[-_])tests?(?:[-_]|$)|new[-_]?password|\.{3}$|…"
)
_OF_A_SETTING = re.compile(
    r"^(?:[A-Z0-9]+_)*(?:PASSWORD|PASSWD|PWD|PASSPHRASE)$|^(?:db|database|admin|smtp|redis)_?password$"
)
"""A constant or a setting; `password` alone is a field of a form or a test of one."""
LONG_WORDS = 16
"""No single word of a dictionary is longer; several in a row are a passphrase."""
_WORDS = re.compile(r"^(?:[A-Za-z]+[0-9]{0,3}[._/ -])*[A-Za-z]+[0-9]{0,3}$")
"""Words with separators: a header's name, a path, a key of translations."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A place where a secret stands. `sure`: its shape is a provider's, no guess from its name."""

    place: str
    line: int
    sort: str
    sure: bool

    @property
    def where(self) -> str:
        """As reports name it."""
        return f"{self.place}:{self.line} ({self.sort})" if self.line else f"{self.place} ({self.sort})"


def in_text(place: str, text: str, *, guesses: bool = True) -> Sequence[Leak]:
    """Secrets in a file; `guesses` false: only those of a provider's shape, for tests and documents."""
    if RAILS_KEY_FILE.search(place) and re.fullmatch(r"[0-9a-f]{32,64}\s*", text):
        return [Leak(place, 1, "key of Rails' credentials", sure=True)]
    found: list[Leak] = []
    for number, line in enumerate(text.splitlines(), start=1):
        found += [Leak(place, number, sort, sure) for sort, sure in in_line(place, line, guesses=guesses)]
        if len(found) >= FINDINGS_LIMIT:
            break
    return found


def in_line(place: str, line: str, *, guesses: bool = True) -> Iterator[tuple[str, bool]]:
    """What stands in one line: its sort, and whether it is sure."""
    for sort, shape in SHAPES.items() if any(mark in line for mark in MARKS) else ():
        match = next((one for one in shape.finditer(line) if "EXAMPLE" not in one[0].upper() and _varied(one[0])), None)
        if match and (guesses or sort != "private key" or _OF_PEOPLE.search(place) is None):
            yield sort, True
            return
    if guesses:  # a line of that length was made by a tool; its shapes were looked for above
        yield from _guessed(place, line[:LINE_LIMIT_CHARACTERS])


def _guessed(place: str, line: str) -> Iterator[tuple[str, bool]]:
    if len(line.strip()) < SHORTEST or not _speaks(line) or _GENERATED.match(line):
        return
    address = ADDRESS.search(line)
    if address and address["host"].lower() not in LOCAL and _telling(address["value"], PASSWORD_BITS):
        yield "password in an address", False
        return
    if _BASIC.search(line):
        yield "credentials of Basic authentication", False
        return
    joined = _CONNECTED.search(line) if _JOINED.search(line) else None
    if joined and _telling(joined["value"], PASSWORD_BITS):
        yield "password in a connection string", False
        return
    if (fallback := _FALLBACK.search(line)) and _telling(fallback["value"], KEY_BITS):
        yield f"value that {fallback['name'][:60]} falls back to", False
        return
    patterns = (QUOTED, BARE) if BARE_FILES.search(place) else (QUOTED,)
    for match in _matches(patterns, line):
        if _secret(match["name"], match["value"], private=bool(PRIVATE_FILE.search(place))):
            yield f"value of {match['name'][:60]}", False
            return


_JOINED = re.compile(r"(?i)(?:server|host|data source|accountname|endpoint|user(?: ?id)?|uid)=|jdbc:")
_HINTS = ("passw", "passphrase", "pwd", "secret", "token", "key", "credential", "authorization", "://")


def _speaks(line: str) -> bool:
    lowered = line.lower()
    return any(hint in lowered for hint in _HINTS)


def _matches(patterns: Iterable[re.Pattern[str]], line: str) -> Iterator[re.Match[str]]:
    for pattern in patterns:
        yield from pattern.finditer(line)


def _secret(name: str, value: str, *, private: bool) -> bool:
    """Whether the value given to this name is a real secret, not a word, a reference or an example.

    In a `private` file, which holds nothing but values in use, a password may be any word.
    """
    password = re.search(r"(?i)passw|passphrase|pwd", name) is not None
    if re.search(
        r"(?i)(?:url|uri|path|name|header|field|label|type|prefix|id|key_?length|public|hash(?:ed)?)[_-]?(?:token|secret)?$",
        name,
    ):
        return False
    if len(value) < (SHORTEST if password else SHORTEST_KEY) or value.lower() in name.lower():
        return False
    if password and _chosen(name, value, private=private):
        return True
    return _telling(value, PASSWORD_BITS if password else KEY_BITS)


def _chosen(name: str, value: str, *, private: bool) -> bool:
    """Whether a password is what people choose, words and a few digits, and no key, type or text of a form."""
    if _COMPUTED.search(value) or is_placeholder(value) or _INVENTED.search(value) or not value.isascii():
        return False
    if not _OF_A_SETTING.search(name) or re.search(r"[\s./:]|://", value):
        return False
    return (
        private or bool(re.search(r"\d", value)) or (value.islower() and value.isalpha() and len(value) >= LONG_WORDS)
    )


def _telling(value: str, bits: float) -> bool:
    if value.startswith(DJANGO) and len(value) > len(DJANGO) + SHORTEST_KEY:
        return True  # a sample by its name, and the very key that sessions are signed with where it stands
    if _COMPUTED.search(value) or is_placeholder(value) or re.search(r"\s|://", value):
        return False
    if _INVENTED.search(value) or _WORDS.match(value):
        return False
    mixed = re.search(r"\d", value) and re.search(r"[A-Za-z]", value)
    return bool(mixed) and entropy_bits(value) >= bits and not re.match(r"^(?:https?://|/|\./|[\w-]+\.\w{2,4}$)", value)


def _varied(value: str) -> bool:
    """Whether it is no row of x's or zeros, as documents write one."""
    return value.startswith("-----") or len(set(value[6:])) > 6  # noqa: PLR2004 - a real one has more than that
