"""Numbers with their units, names, paths and addresses as people write them in a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from roadworthy.inspection.redaction import is_secret_name

# Bounded everywhere: a line of a thousand digits must not cost more than any other.
_NUMBER = r"(?<![\d.,])(?P<n>\d{1,9}(?:[.,]\d{1,9}){0,3})(?!\d)\s?(?P<k>[kKM](?![A-Za-z]))?\+?"
_RATE = re.compile(
    _NUMBER + r"\s{0,3}(?:[A-Za-z]\w{0,30}\s{0,3}(?:[-/]\s?\w{1,30})?\s{0,3})??(?:/|\bper\b|\ban?\b|\bevery\b)\s*"
    r"(?P<m>\d{1,4})?\s*(?P<u>s|sec|seconds?|m|min|minutes?|h|hr|hours?|d|days?)\b",
    re.IGNORECASE,
)
_DURATION = re.compile(
    r"(?<![\w.])(?P<n>\d+(?:[.,]\d+)?)\s?-?\s?"
    r"(?P<u>ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|months?|mo|y|yrs?|years?)\b",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"(?<!\d)(?P<n>\d{1,15}(?:[.,]\d{1,15})?)\s?%")
_BYTES = re.compile(r"(?<![\w.])(?P<n>\d+(?:\.\d+)?)\s?(?P<u>KB|MB|GB|TB|KiB|MiB|GiB|TiB|[KMGT])\b")
_USERS = re.compile(
    _NUMBER + r"[^.;:()<>]{0,25}?\busers?\b|\busers?\b\D{0,12}?(?P<n2>\d[\d.,]*)\s?(?P<k2>[kKM])?", re.IGNORECASE
)
_RPS = re.compile(
    r"\b(?:rps|qps|tps|(?:requests|queries|transactions|req)\s?(?:/|per)\s?s(?:ec(?:ond)?)?)\b", re.IGNORECASE
)
_ASSIGNMENT = re.compile(r"(?<![\w/.])(?P<name>[A-Z][A-Z0-9]*(?:__?[A-Z0-9]+)*)\s?=\s?(?P<value>[^\s`,;)]+)")
_ENV_NAME = re.compile(r"(?<![\w/.#])[A-Z][A-Z0-9]*(?:__?[A-Z0-9]+)+(?![\w/.]*[a-z(])")
_KEYWORD = re.compile(r"\b(?P<name>[a-z][a-z_]*)\s?=\s?(?P<value>[^\s`,;()]+)")
_PATH = re.compile(r"(?<![\w.:/~])/(?:(?:[A-Za-z0-9_\-{}:.]+|(?<=/)\[[\w.]+\])/?)+")
_URL = re.compile(r"\b(?:https?|redis|postgres(?:ql)?|s3)://[^\s`'\")>,]+")
_OWN_ADDRESS = re.compile(
    r"\bhttps?://(?:(?:localhost|127\.0\.0\.1|0\.0\.0\.0|your[\w.-]*|[a-z][a-z0-9-]*(?=[:/])|[\w.-]*\bexample\.\w+|[<$\[{]"
    r"[^/\s`'\"]{0,60})(?::[^/\s`'\"]{1,20})?(?=/)|[^/\s`'\"]{1,80}(?=/(?:[\w-]+/){0,4}(?:health|ready|livez?|metrics)))",
    re.IGNORECASE,
)
"""The host in the address of the service itself: of this machine, a stand-in, or whatever answers for its health."""
_FILE = re.compile(
    r"(?<![\w@.\-])(?:\.{0,2}/)?(?:[\w\-.]{1,200}/){0,20}[\w\-.]{0,200}\.(?:md|py|ts|tsx|js|mjs|json|ya?ml|toml|sql|sh|go|rb|java|cs|conf|txt|lock|service|prod|tf|php)\b"
)
_COMMAND = re.compile(r"`[\w./-]+ [^`]+`")
_PORTS = re.compile(r"\b(?:22|80|443|\d{4,5})\b")
_PERCENTILE = re.compile(r"\bp(?P<a>50|75|90|95|99)\b|\b(?P<b>50|75|90|95|99)th\b", re.IGNORECASE)
_VERSION = re.compile(r"\bv?(?P<v>\d+(?:\.\d+){0,2})\+?")
_EXAMPLE = re.compile(r"\b(?:e\.?g\.?|for example|such as|like|default:?|currently|z\.b\.)[^)]*", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "mi": 60, "s": 1, "h": 3600, "d": 86400, "w": 604800, "mo": 2592000, "y": 31536000}
_API_KEY = re.compile(
    r"(?:API_?KEY|ACCESS_KEY|API_TOKEN|SERVICE_KEY|CLIENT_ID|CLIENT_SECRET|PUBLISHABLE_KEY|ANON_KEY|_DSN|WEBHOOK)"
)


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` in `seconds`."""

    count: float
    seconds: int


def rates(text: str) -> list[Rate]:
    """As in "60/min", "1000 requests per hour", "5 requests per 15 minutes"."""
    return [
        Rate(_number(match["n"], match["k"]), int(_unit_seconds(match["u"])) * int(match["m"] or 1))
        for match in _RATE.finditer(text)
    ]


def durations(text: str) -> list[float]:
    """Seconds: "1 hour", "30s", "< 200ms", "7-day"."""
    return [_number(match["n"], None) * _unit_seconds(match["u"]) for match in _DURATION.finditer(text)]


def percents(text: str) -> list[float]:
    """Shares from 0 to 1: "99.9%", "< 0.1%"."""
    return [_number(match["n"], None) / 100 for match in _PERCENT.finditer(text)]


def sizes(text: str) -> list[int]:
    """Bytes: "2GB", "1 KB", "10M"; a thousand is 1024 here, as these limits are set."""
    powers = {"k": 1, "m": 2, "g": 3, "t": 4}
    return [int(_number(match["n"], None) * 1024 ** powers[match["u"][0].lower()]) for match in _BYTES.finditer(text)]


def users(text: str) -> int | None:
    """As in "1000+ concurrent users", "Concurrent Users: 100,000+"; of a range the lower end."""
    match = _USERS.search(text)
    if match is None:
        return None
    return int(_number(match["n"] or match["n2"], match["k"] or match["k2"]))


def percentile(text: str) -> int | None:
    """As in "p95", "95th percentile"."""
    match = _PERCENTILE.search(text)
    return int(match["a"] or match["b"]) if match else None


def assignments(text: str) -> dict[str, str]:
    """Environment variables given a value: `REDIS_ENABLED=true`."""
    return {match["name"]: match["value"].strip("\"'") for match in _ASSIGNMENT.finditer(text)}


def keywords(text: str) -> dict[str, str]:
    """Settings given a value: `pool_size=20`."""
    return {match["name"]: match["value"].strip("\"'") for match in _KEYWORD.finditer(text)}


def env_names(text: str) -> list[str]:
    """Names that look like environment variables, in order, each once."""
    return list(dict.fromkeys([*assignments(text), *_ENV_NAME.findall(text)]))


def paths(text: str) -> list[str]:
    """URL paths: `/health`, `/api/jobs/metrics`, also at the end of an address of one's own."""
    bare = _URL.sub(" ", _OWN_ADDRESS.sub(" ", text))
    return [match.rstrip(".,:") for match in _PATH.findall(bare) if not _FILE.fullmatch(match)]


def urls(text: str) -> list[str]:
    """Addresses with a scheme."""
    return _URL.findall(text)


def files(text: str) -> list[str]:
    """Names of files: `backend/DEPLOYMENT.md`."""
    return _FILE.findall(_URL.sub(" ", text))


def numbers(text: str) -> list[int]:
    """Whole numbers, thousands separators removed."""
    return [int(_number(match, None)) for match in re.findall(r"(?<![\w.])\d[\d,]*(?![\w.]*\w)", text)]


def without_examples(text: str) -> str:
    """`text` without what it only gives as an example: "(e.g., 100/min)"."""
    return _EXAMPLE.sub(" ", text)


def without_sources(text: str) -> str:
    """`text` without paths of source files, whose folders are named after all sorts of things."""
    return _FILE.sub(lambda match: " " if _is_source(match[0]) else match[0], text)


def _is_source(name: str) -> bool:
    return "/" in name and not name.endswith((".md", ".yml", ".yaml", ".txt"))


SIGN_NAMES = {
    "#rate": "a rate", "#duration": "a time", "#percent": "a share", "#size": "a size", "#users": "a number of users",
    "#rps": "requests a second", "#percentile": "a percentile", "#env": "a variable", "#assign": "a setting",
    "#secretname": "the name of a secret", "#apikeyname": "the name of an API key", "#path": "a path",
    "#apipath": "a path", "#file": "a file", "#command": "a command", "#srcfile": "a source file",
    "#mdfile": "a document", "#number": "a number",
}  # fmt: skip
"""What each sign stands for, in words."""


def signs(text: str) -> Iterator[str]:
    """A word starting with # for each sort of value in `text`; rules look for them as for any word."""
    meant = without_examples(text)
    names = env_names(text)
    found = {
        "#rate": bool(_RATE.search(meant)),
        "#duration": bool(_DURATION.search(meant)),
        "#percent": bool(_PERCENT.search(meant)),
        "#size": bool(_BYTES.search(meant)),
        "#users": bool(_USERS.search(meant)),
        "#rps": bool(_RPS.search(meant)),
        "#percentile": bool(_PERCENTILE.search(meant)),
        "#env": bool(names),
        "#assign": bool(assignments(text)),
        "#secretname": any(is_secret_name(name) and not _API_KEY.search(name) for name in names),
        "#apikeyname": any(_API_KEY.search(name) for name in names),
        "#path": bool(paths(text)),
        "#apipath": any(path.startswith("/api/") for path in paths(text)),
        "#file": bool(files(text)),
        "#command": bool(_COMMAND.search(text)),
        "#srcfile": any(map(_is_source, files(text))),
        "#mdfile": any(name.endswith(".md") for name in files(text)),
        "#number": bool(re.search(r"\d", meant)),
    }
    return (sign for sign, present in found.items() if present)


def _number(text: str, thousands: str | None) -> float:
    grouped = re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", text)
    plain = re.sub(r"[.,]", "", text) if grouped else text.replace(",", ".")
    return (
        float(plain if plain.count(".") <= 1 else plain.replace(".", ""))
        * {None: 1, "k": 1e3, "K": 1e3, "M": 1e6}[thousands]
    )


def _unit_seconds(unit: str) -> float:
    low = unit.lower()
    if low.startswith("mil") or low == "ms":
        return 0.001
    if low.startswith("mo"):
        return _SECONDS["mo"]
    if low.startswith("m"):
        return _SECONDS["mi"]
    return _SECONDS[low[0]]
