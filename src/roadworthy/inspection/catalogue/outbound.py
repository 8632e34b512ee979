"""Calls to other services, as the code makes them: they end in time, are tried again, and stop for a while."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import sources
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.sources import Source
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.repo import Match, RepoProbe
from roadworthy.inspection.redaction import unsaid

CLIENTS = ("requests", "urlopen", "httpx", "aiohttp")
"""One of which stands in any Python file that calls out."""
VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request"})
_JAVASCRIPT = re.compile(
    r"\baxios(?:\.(?:get|post|put|patch|delete|request|create)\b)?\s*(?:<[^>()]*>)?\(|\b(?:got|needle|superagent)(?:\.\w+)?\("
    r"|\bfetch\(\s*(?=[\"'`]https?://|`\$\{|process\.env|[A-Z][A-Z_]+\b)"
)
_GO = re.compile(r"\bhttp\.(?:Get|Post|PostForm|Head)\(|\bhttp\.DefaultClient\b|\bhttp\.Client\{")
_RUBY = re.compile(r"\b(?:Net::HTTP\.\w+|HTTParty\.\w+|Faraday\.new|RestClient\.\w+|HTTP\.(?:get|post|timeout))\b")
CALL_LIMIT_CHARACTERS = 1_500
_LIMITED = re.compile(r"\b(?:timeout\w*|signal|Timeout|open_timeout|read_timeout|AbortSignal)\b\s*[:=(.]|\.timeout\(")
_LIMITED_BY_SIGNAL = re.compile(rf"\bsignal\b(?!.{{0,{CALL_LIMIT_CHARACTERS}}}\btimeout)", re.DOTALL)
_ABORTS = re.compile(r"AbortSignal\.(?:timeout|any)\(|setTimeout\([^;]{0,200}\babort\b")
"""What makes a signal end a call by itself; without it somebody has to press a button."""
RUBY_LINES = 4
_OFF = re.compile(
    r"\b(?:\w{0,60}timeout\w{0,60}|Timeout)[ \t]{0,9}[:=][ \t]{0,9}(?:0\b(?!\.)|None\b|null\b|nil\b|Infinity\b)"
)
_DEFAULTS = re.compile(r"\baxios\.defaults\.timeout\s*=\s*[1-9]|\bHTTPX?_TIMEOUT\b.*setdefault")


@dataclass(frozen=True, slots=True)
class Call:
    """A call out: where, whether its end is in sight, and the longest it may take in seconds where that is written.

    `hidden`: what limits it, if anything does, is computed.
    """

    place: Match
    limited: bool
    seconds: float | None = None
    hidden: bool = False


def calls(source: Source) -> Iterator[Call]:
    """Calls of HTTP clients that a file makes."""
    if source.language == "python":
        yield from _python_calls(source)
    elif source.language == "javascript":
        yield from _textual(source, _JAVASCRIPT, "(", everywhere=_DEFAULTS)
    elif source.language == "go":
        yield from _textual(source, _GO, "{")
    elif source.language == "ruby":
        yield from _ruby_calls(source)


def _ruby_calls(source: Source) -> Iterator[Call]:
    """Ruby's own clients end after 60 seconds unless told otherwise; http.rb never does unless told."""
    for found in _RUBY.finditer(source.text):
        whole = "\n".join(source.text[found.start() : found.start() + CALL_LIMIT_CHARACTERS].splitlines()[:RUBY_LINES])
        endless = found[0].startswith("HTTP.") and not re.search(r"\.timeout\(|HTTP\.timeout", whole)
        yield Call(source.at(found.start(), found[0]), limited=not endless and not _OFF.search(whole))


def _imported(tree: ast.AST) -> dict[str, str]:
    """Names that a file gives to clients: `from requests import get as fetch`, `import requests as r`."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in {*CLIENTS, "urllib.request"}:
            found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Import):
            found |= {one.asname: one.name for one in node.names if one.asname and one.name in CLIENTS}
    return found


def _python_calls(source: Source) -> Iterator[Call]:
    if not any(name in source.text for name in CLIENTS) or source.tree is None:
        return
    nodes = [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    called = _imported(source.tree)
    sessions = _bound(source.tree, {name for name in ("requests.Session", "requests.session", *called)
                                    if called.get(name, name).lower() == "requests.session"})  # fmt: skip
    for node in nodes:
        name = _dotted(node.func)
        first, dot, rest = name.partition(".")
        name = f"{called.get(first, first)}{dot}{rest}"
        owner, _, verb = name.rpartition(".")
        given = {one.arg: one.value for one in node.keywords}
        place = Match(source.path, node.lineno, name)  # what it is called with may hold a password
        if (owner == "requests" or owner in sessions) and verb in VERBS:
            yield _judged(place, given, limited="timeout" in given)
        elif name.endswith("urlopen") and ("urllib" in name or name == "urlopen"):
            yield _judged(place, given, limited="timeout" in given or len(node.args) > 2)  # noqa: PLR2004 - the third argument
        elif name in {"httpx.Client", "httpx.AsyncClient"} or (owner == "httpx" and verb in VERBS):
            yield _judged(place, given, limited=True)  # five seconds unless told otherwise
        elif name in {"aiohttp.ClientSession", "ClientSession"} and "aiohttp" in source.text:
            yield _judged(place, given, limited=True)  # five minutes unless told otherwise


def _judged(place: Match, given: dict[str | None, ast.expr], *, limited: bool) -> Call:
    value = given.get("timeout")
    if value is not None and any(isinstance(one, ast.Constant) and one.value is None for one in ast.walk(value)):
        return Call(place, limited=False)
    if None in given and value is None:
        return Call(place, limited=True, hidden=True)
    numbers = [
        float(one.value)
        for one in (ast.walk(value) if value is not None else ())
        if isinstance(one, ast.Constant) and isinstance(one.value, int | float) and not isinstance(one.value, bool)
    ]
    return Call(place, limited, max(numbers, default=None))


def _bound(tree: ast.AST, makers: set[str]) -> set[str]:
    """Names that hold what `makers` return: `session`, `self.session`."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _dotted(node.value.func) in makers:
            found |= {_dotted(target) for target in node.targets}
        elif isinstance(node, ast.withitem) and isinstance(node.context_expr, ast.Call) and node.optional_vars:
            found |= {_dotted(node.optional_vars)} if _dotted(node.context_expr.func) in makers else set()
    return found - {""}


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return node.id if isinstance(node, ast.Name) else ""


def _textual(
    source: Source, pattern: re.Pattern[str], opening: str, everywhere: re.Pattern[str] | None = None
) -> Iterator[Call]:
    shared = bool(everywhere and everywhere.search(source.text))
    aborts = bool(_ABORTS.search(source.text))
    for found in pattern.finditer(source.text):
        whole = _balanced(source.text, found.start(), opening)
        said = _options(found[0], whole)
        limited = bool(_LIMITED.search(said)) and (aborts or not _LIMITED_BY_SIGNAL.search(said))
        yield Call(source.at(found.start(), found[0].rstrip("({")), (limited or shared) and not _OFF.search(said))


def _options(called: str, whole: str) -> str:
    """What a call says of itself: what axios sends as a body may well speak of a timeout."""
    if not re.search(r"\.(?:post|put|patch)\b", called):
        return whole
    inner = whole[whole.find("(") + 1 : -1]
    parts, depth, start = [], 0, 0
    for place, character in enumerate(inner):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(inner[start:place])
            start = place + 1
    return ",".join([*parts, inner[start:]][2:])


def _balanced(text: str, start: int, opening: str) -> str:
    """From `start` to where the first bracket after it closes, bounded."""
    closing = {"(": ")", "{": "}"}[opening]
    part = text[start : start + CALL_LIMIT_CHARACTERS]
    depth = 0
    for i, character in enumerate(part):
        depth += (character == opening) - (character == closing)
        if depth == 0 and character == closing:
            return part[: i + 1]
        if depth == 0 and character == "\n":
            return part[:i]
    return part


def _made(repo: RepoProbe) -> Sequence[Call]:
    return [call for source in repo.known(sources.code) for call in calls(source)]


async def _limits(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    code = await repo.facts(sources.code)
    found = await repo.facts(_made)
    endless = [call.place for call in found if not call.limited]
    most = requirement.number("seconds")
    late = [call.place for call in found if most and call.seconds and call.seconds > most]
    evidence = observe(
        "calls of HTTP clients in the code",
        f"{len(found)} in {counted(len(code), 'file')}; without a time limit: {sources.quoted(endless)}",
        repo.vantage,
    )
    if endless:
        where = f"{endless[0].path}:{endless[0].line}"
        return failed(
            f"{len(endless)} of {len(found)} calls may wait for ever: {where}",
            evidence,
            mend="give every call a time limit",
            patch="timeout=(3.05, 10)" if endless[0].path.endswith(".py") else None,
        )
    if late:
        return failed(
            f"{late[0].path}:{late[0].line} may take longer than {most:g} seconds", evidence, mend="lower its timeout"
        )
    computed = next((call.place for call in found if call.hidden), None)
    if computed is not None:
        where = f"{computed.path}:{computed.line}"
        return unknown(f"what limits {where} is computed", evidence, mend="write the timeout beside the call")
    if not found:
        return unknown(f"no call of a known HTTP client in {len(code)} files", evidence, mend='[repository] path = "."')
    await sources.seen_whole(repo)
    return passed(f"all {len(found)} calls of HTTP clients have a time limit", evidence)


@dataclass(frozen=True, slots=True)
class Practice:
    """Something that code does by a library or by a class of its own.

    `packages` are dependencies that bring it, `imported` how code names them. `own` finds definitions by name, `body`
    what such a definition must hold to be one. `used` are settings that switch it on; `trace` merely speaks of it.
    """

    what: str
    packages: tuple[str, ...]
    imported: tuple[str, ...]
    own: re.Pattern[str]
    body: re.Pattern[str]
    used: re.Pattern[str]
    trace: re.Pattern[str]


_RETRY_LIBRARIES = "tenacity backoff stamina retrying retry axios-retry p-retry async-retry got retriable cockatiel"
_BREAKER_LIBRARIES = (
    "pybreaker circuitbreaker aiobreaker purgatory opossum cockatiel brakes circuitbox stoplight semian"
)
RETRIES = Practice(
    "tries again",
    packages=(
        *_RETRY_LIBRARIES.split(),
        *["polly", "retry-go", "go-retryablehttp", "resilience4j-retry", "spring-retry", "faraday-retry"],
    ),
    imported=(
        *_RETRY_LIBRARIES.split(),
        *["faraday/retry", "github.com/cenkalti/backoff", "github.com/avast/retry-go", "github.com/sethvargo/go-retry"],
        *["github.com/hashicorp/go-retryablehttp", "io.github.resilience4j.retry", "org.springframework.retry"],
    ),
    own=re.compile(
        r"^[ \t]*(?:async +)?(?:def|class|function|func|export +(?:async +)?function)\s+"
        r"\(?(\w*(?:[rR]etry|[rR]etries|[bB]ackoff)\w*)",
        re.MULTILINE,
    ),
    body=re.compile(r"\b(?:for|while)\b.{0,1000}(?:sleep|setTimeout|wait|delay)", re.DOTALL),
    used=re.compile(
        r"\bRetry\((?:[^)]{0,300}\b(?:total|connect|backoff_factor)\b)|\bautoretry_for\b|\bretry_on\b|\bRetriable\."
        r"|\b(?:axiosRetry|raxConfig|got|ky|pRetry|fetchRetry|retryAxios)\b[^;]{0,200}\bretries\s*[:=]\s*[1-9]"
        r"|\b(?:HTTPTransport|AsyncHTTPTransport)\([^)]{0,300}\bretries[ \t]{0,9}=[ \t]{0,9}[1-9]"
    ),
    trace=re.compile(r"(?<![a-z])retr(?:y|ies|ied)(?![a-z])|(?<![a-z])back_?off(?![a-z])", re.IGNORECASE),
)
BREAKERS = Practice(
    "stops calling a failing service",
    packages=(
        *_BREAKER_LIBRARIES.split(),
        *["purgatory-circuitbreaker", "gobreaker", "hystrix-go", "resilience4j-circuitbreaker", "polly"],
    ),
    imported=(
        *_BREAKER_LIBRARIES.split(),
        *["github.com/sony/gobreaker", "github.com/afex/hystrix-go", "io.github.resilience4j.circuitbreaker"],
    ),
    own=re.compile(
        r"^[ \t]*(?:export +)?(?:def|class|function|type)\s+(\w*(?:[cC]ircuit_?[bB]reaker|(?<![a-z])[bB]reaker)\w*)",
        re.MULTILINE,
    ),
    body=re.compile(r"fail|threshold|half.?open", re.IGNORECASE),
    used=re.compile(r"\boutlierDetection\s*:|\bcircuitBreakers?\s*:\s*(?![\"']?(?:none|false|null|off)\b)"),
    trace=re.compile(r"\bcircuit[ _-]?breaker", re.IGNORECASE),
)
_IMPORTING = frozenset({"import", "from", "as", "const", "let", "var", "require", "default", "type"})
BODY_CHARACTERS = 2_500
CODE_WORDS = re.compile(r"`[^`]*`")


def used(practice: Practice, code: Sequence[Source]) -> list[Match]:
    """Where the practice is put to use: an import of its library, its own setting, or its own class beyond its file."""
    bring = sources.imports(practice.imported)
    places = [place for source in code for place in source.places(practice.used, bare=True)]
    places += [place for source in code for place in source.places(bring, bare=True) if _put_to_use(place, source)]
    for source in code:
        for name in dict.fromkeys(_defined(practice, source)):
            call = re.compile(rf"\b{re.escape(name)}\b\s*[(\[]|@{re.escape(name)}\b|new {re.escape(name)}\b")
            places += [place for other in code if other is not source for place in other.places(call, bare=True)]
    return places


def _put_to_use(place: Match, source: Source) -> bool:
    """Whether a file names again what it imports there; an import alone does nothing."""
    line = source.text.splitlines()[place.line - 1]
    names = set(re.findall(r"[A-Za-z_]\w*", re.sub(r"[\"'][^\"']*[\"']", " ", line))) - _IMPORTING
    rest = "\n".join(one for one in source.bare.splitlines() if one.strip() != line.strip())
    return source.language in {"go", "java", "ruby"} or any(re.search(rf"\b{name}\b", rest) for name in names)


def _defined(practice: Practice, source: Source) -> Iterator[str]:
    """Names of classes and functions of the file that do it themselves, as far as their text shows."""
    if not practice.own.search(source.text):
        return
    for found in practice.own.finditer(source.bare):
        if practice.body.search(source.text[found.end() : found.end() + BODY_CHARACTERS]):
            yield found[1]


def _practised(practice: Practice, mend: str) -> Callable[[Probes, Requirement], Awaitable[Verdict]]:
    async def run(probes: Probes, requirement: Requirement) -> Verdict:
        repo, subject = offered(probes.repo, "repo"), requirement.text("subject")
        if practice.trace.search(subject) and not practice.trace.search(CODE_WORDS.sub(" ", subject)):
            raise Unobservable("the line names something of this name, and asks something else of it", "attest to it")
        code = await repo.facts(sources.code)
        known = await repo.facts(sources.dependencies)
        places = await asyncio.to_thread(used, practice, code)
        out = [call.place for call in await repo.facts(_made)]
        installed = [name for name in practice.packages if name in known]
        evidence: list[Evidence] = [
            observe(
                f"what {practice.what}: libraries and classes of its own",
                f"{len(code)} files looked at; used: {sources.quoted(places, 4)}; installed: {listed(installed)}",
                repo.vantage,
            ),
            observe("calls of HTTP clients", f"{len(out)}: {sources.quoted(out, 3)}", repo.vantage),
        ]
        if places:
            return passed(
                f"{places[0].path}:{places[0].line} {practice.what}: {unsaid(places[0].text)[:60]}", *evidence
            )
        hints = await sources.everywhere(code, practice.trace)
        if hints or installed or not out:
            seen = f"{hints[0].path}:{hints[0].line} speaks of it" if hints else f"{len(out)} calls, no library in use"
            return unknown(f"whether it {practice.what} can't be told from the code: {seen}", *evidence, mend=mend)
        return failed(f"{len(out)} calls to other services, and nothing {practice.what}", *evidence, mend=mend)

    return run


_BARE = "import requests\n\n\ndef rates() -> dict:\n    return requests.get('https://rates.test/today'{}).json()\n"
TIMEOUTS = Check(
    id="srv.ext_timeout.code",
    requirements=("srv.ext_timeout",),
    title="Every call to another service has a time limit",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_limits,
    documentation=Documentation(
        what="No call of an HTTP client in the production code may wait for ever: requests, urllib, httpx, "
        "aiohttp, axios, "
        "fetch, got, net/http; and none longer than the line says.",
        why="One slow partner holds every worker that waits for it; the service goes down with it.",
        how_verified="Reads the code without comments, tests, tools and generated files: Python by its syntax, "
        "others by the "
        "text of the call. Clients that have a limit by default (httpx, Ruby's own) count as limited unless it is "
        "switched off. Without any such call it is unknown.",
        how_to_mend="timeout=(3.05, 10) for requests, timeout: 10_000 for axios, AbortSignal.timeout for fetch, "
        "http.Client{Timeout: 10 * time.Second} in Go.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "srv.ext_timeout",
        must_fail=Stage(repo={"app/rates.py": _BARE.format("")}),
        mended=Stage(repo={"app/rates.py": _BARE.format(", timeout=5")}),
    ),
)

_CALLING = {"requirements.txt": "requests==2.32\n", "app/rates.py": _BARE.format(", timeout=5")}
RETRY = Check(
    id="srv.retry.code",
    requirements=("srv.retry",),
    title="Calls that failed are tried again",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_practised(RETRIES, "put a retry with backoff around the call: tenacity, stamina, axios-retry, retry-go"),
    documentation=Documentation(
        what="The code that calls others uses a library for retries, or a class or function of its own for it.",
        why="Most failures of a network are over in a second; without a second try each becomes an error of yours.",
        how_verified="Looks in the production code for imports of retry libraries, for their settings, and for a "
        "function "
        "or class of that name that other files call. A library that is installed and nowhere imported, or code that "
        "merely speaks of it, is unknown; calls to others with neither fail.",
        how_to_mend="tenacity, stamina, axios-retry, retry-go or Retriable, with exponential backoff and a limit.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "srv.retry",
        must_fail=Stage(repo=_CALLING),
        mended=Stage(
            repo={
                "requirements.txt": "requests\ntenacity\n",
                "app/rates.py": "import requests\nfrom tenacity import retry, wait_exponential\n\n\n"
                "@retry(wait=wait_exponential())\ndef rates():\n    return requests.get('https://rates.test', "
                "timeout=5)\n",
            }
        ),
    ),
)

BREAKER = Check(
    id="srv.breaker.code",
    requirements=("srv.breaker",),
    title="Calls to a failing service stop for a while",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_practised(BREAKERS, "put a circuit breaker around the call: pybreaker, opossum, gobreaker, resilience4j"),
    documentation=Documentation(
        what="The code that calls others uses a circuit breaker: of a library, or a class of its own that other "
        "files use.",
        why="A partner that is down is hit by every request and makes each of them slow; a breaker answers at once.",
        how_verified="Looks in the production code for imports of breaker libraries and for a class or function "
        "of that "
        "name that other files call. A library that is installed and nowhere imported, or code that merely "
        "speaks of it, "
        "is unknown; calls to others with neither fail. Whether it opens shows only in a drill.",
        how_to_mend="pybreaker, aiobreaker, opossum, gobreaker or resilience4j around each partner.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "srv.breaker",
        must_fail=Stage(repo=_CALLING),
        mended=Stage(
            repo={
                "requirements.txt": "requests\npybreaker\n",
                "app/rates.py": "import pybreaker\nimport requests\n\nBREAKER = pybreaker.CircuitBreaker()\n\n\n"
                "@BREAKER\ndef rates():\n    return requests.get('https://rates.test', timeout=5)\n",
            }
        ),
    ),
)

CHECKS = (TIMEOUTS, RETRY, BREAKER)
