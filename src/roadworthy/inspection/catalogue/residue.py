"""What should not be left in code that serves: statements for debugging, and secrets that are written to logs."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import sources
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.sources import Source
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import leaked, packages
from roadworthy.inspection.probes.logs import LogsProbe
from roadworthy.inspection.probes.production import AT_A_TERMINAL
from roadworthy.inspection.probes.repo import Match, RepoProbe
from roadworthy.inspection.redaction import unsaid

SHOWN = 8
STATEMENTS: Mapping[str, re.Pattern[str]] = {
    "javascript": re.compile(
        r"\bconsole\s{0,9}\.\s{0,9}(?:log|debug|trace|dir|table)\s{0,9}\(|(?<![\w.'\"])debugger\s*;?\s*$", re.MULTILINE
    ),
    "ruby": re.compile(
        r"\bbinding\.(?:pry|irb|break)\b|^[ \t]*(?:byebug|debugger)\b|^[ \t]*(?:puts|pp?)\s+\S", re.MULTILINE
    ),
    "go": re.compile(r"\bfmt\.Print(?:ln|f)?\(|\bspew\.Dump\("),
    "java": re.compile(r"\bSystem\.(?:out|err)\.print|\.printStackTrace\(\s*\)"),
    "php": re.compile(r"\b(?:var_dump|print_r|dd|dump)\s*\("),
    "csharp": re.compile(r"\bConsole\.Write(?:Line)?\(|\bDebugger\.Break\("),
}
PYTHON_CALLS = frozenset({"print", "breakpoint", "pprint", "set_trace"})
LOGGERS = re.compile(r"^(?:log|logger|logging|_log|_logger|LOG|LOGGER|slog|structlog|console)$")
LEVELS = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "log", "trace", "fatal"})
PYTHON_WORDS = re.compile(rf"\b(?:{'|'.join(sorted(PYTHON_CALLS))}|i?pdb|pudb)\b")
PYTHON_LOGS = re.compile(rf"\b(?:print|{'|'.join(sorted(LEVELS))})\s*\(")
"""Words without one of which no syntax of a file needs to be read."""
SECRET = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|secret|api_?key|access_?key|private_?key|(?:access|refresh|auth|id"
    r"|bearer|jwt|api|session)_?token"
    r"|token|authorization|credit_?card|card_?number|cvv|ssn)$",
    re.IGNORECASE,
)
HARMLESS = frozenset(
    {"len", "bool", "mask", "redact", "hash", "sha256", "type", "isinstance", "mask_secret", "obfuscate", "id"}
)
LOG_CALL = re.compile(
    r"\b(?:console|log(?:ger)?|Log|winston|pino|req\.log|fastify\.log|this\.logger|Rails\.logger|slog|zap|logrus"
    r"|sugar|fmt)"
    r"\.(?:\w+)\s*\((?P<inside>[^;\n]{1,400})|\b(?:puts|logger\.\w+)\s+(?P<rest>[^\n]{1,400})"
)
STRINGS = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`")
INSERTED = re.compile(r"[$#]\{([^{}]{0,300})\}")
NAME = re.compile(r"(?<![\w(!])(?:\w+(?:\.|\[[\"']))*(\w+)(?:[\"']\])?(?!\s*[\w(:])")
PEOPLES = re.compile(
    r"\bpii\b|personal|sensitive data|\bgdpr\b|\brgpd\b|\bphi\b|\bnames? and|e-?mail addresses", re.IGNORECASE
)
FILTERS = re.compile(r"filter_parameters.{0,2000}(?:passw|:password)|:passw|\"passw|'passw", re.DOTALL)


async def _debugging(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    read = [one for one in await repo.facts(sources.code) if not AT_A_TERMINAL.search(one.path)]
    wanted = _languages(requirement.text("subject").lower())
    looked = [one for one in read if not wanted or one.language in wanted]
    if not looked:
        raise Unobservable(
            f"no code {'in ' + listed(sorted(wanted)) + ' ' if wanted else ''}that serves is in the source tree",
            "[repository] path names the root of the source",
        )
    found = await asyncio.to_thread(lambda: [match for one in looked for match in _statements(one)])
    evidence = observe("statements for debugging", f"{_places(found)}; {len(looked)} files looked at", repo.vantage)
    if found:
        return failed(
            f"{len(found)} statements for debugging are left, the first: {found[0].path}:{found[0].line}", evidence,
            mend="delete them, or write to the log; let a linter refuse them (no-console, T20)",
        )  # fmt: skip
    await sources.seen_whole(repo)
    return passed(f"none of {len(looked)} files holds a statement for debugging", evidence)


def _languages(subject: str) -> frozenset[str]:
    """The language that the line's words belong to; none for all."""
    javascript = "console" in subject
    return frozenset({"javascript"}) if javascript and "print" not in subject else frozenset()


def _places(found: Sequence[Match]) -> str:
    return listed([f"{one.path}:{one.line} {unsaid(one.text)[:60]}" for one in found], SHOWN)


def _statements(one: Source) -> Iterator[Match]:
    if one.language == "python":
        yield from _python_statements(one)
    elif one.language in STATEMENTS:
        yield from one.places(STATEMENTS[one.language])


def _python_statements(one: Source) -> Iterator[Match]:
    if not PYTHON_WORDS.search(one.text) or '__name__ == "__main__"' in one.text:  # a script prints
        return
    if one.tree is None:
        return
    for node in ast.walk(one.tree):
        if (isinstance(node, ast.Call) and _last(node.func) in PYTHON_CALLS and _plain(node)) or (
            isinstance(node, ast.Import) and any(name.name in {"pdb", "ipdb", "pudb"} for name in node.names)
        ):
            yield Match(one.path, node.lineno, ast.unparse(node)[:120])


def _plain(call: ast.Call) -> bool:
    """Whether it is the built-in or a debugger's, not a method of that name: `console.print` of a library."""
    return isinstance(call.func, ast.Name) or _last(call.func) == "set_trace"


def _last(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


async def _clean(probes: Probes, requirement: Requirement) -> Verdict:
    if probes.repo is None and probes.logs is None:
        raise Unobservable("neither code nor logs are offered", '[repository] path = "."; [logs] path = "/var/log/app"')
    evidence: list[Evidence] = []
    problem = _in_logs(probes.logs, evidence) if probes.logs else ""
    if not problem and probes.repo is not None:
        problem = await _in_code(probes.repo, evidence)
    if problem:
        return failed(
            problem, *evidence, mend="log who and what, never the secret itself; filter it where requests are logged"
        )
    if len(evidence) == 0 or (probes.repo is None and probes.logs):
        raise Unobservable(
            "logs hold no secret in what was read; the code that writes them was not offered", '[repository] path = "."'
        )
    if probes.logs is None:
        return unknown(
            "no statement that logs is given anything called a secret; under another name, or in a whole request, "
            "one may be logged",
            *evidence, mend='[logs] path = "/var/log/app", so that what was written is searched',
        )  # fmt: skip
    if PEOPLES.search(requirement.text("subject")):
        return unknown(
            "no statement that logs is given a secret; whether what they log tells about people, names don't show",
            *evidence, mend="attest to it",
        )  # fmt: skip
    return passed("no statement that logs is given what is called a secret, and the logs hold none", *evidence)


def _in_logs(logs: LogsProbe, evidence: list[Evidence]) -> str:
    """A secret in the ends of the log files, named by its place and sort alone."""
    lines = 0
    for file in logs.files()[:10]:
        for number, line in enumerate(logs.tail(file.path).splitlines(), start=1):
            lines += 1
            sort = _logged(line)
            if sort:
                evidence.append(
                    observe(f"the end of {file.path.name}", f"line {number} from there holds a {sort}", logs.vantage)
                )
                return f"{file.path.name} holds a {sort}"
    evidence.append(observe("the ends of the log files", f"{lines} lines without a secret", logs.vantage, basis="none"))
    return ""


_IN_LINE = re.compile(
    r"(?i)\b(?P<name>password|passwd|secret|api[_-]?key|access_token"
    r"|refresh_token)[\"']?\s*[=:]\s*[\"']?(?P<value>[^\s\"',&}]{4,})"
)
_TOKEN = re.compile(r"\bBearer\s+[A-Za-z0-9._~+/-]{20,}|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}")


def _logged(line: str) -> str:
    line = line[:4_000]
    if _TOKEN.search(line):
        return "token"
    named = _IN_LINE.search(line)
    masked = re.compile(r"^[*xX.\-_]+$|^\[?(?:redacted|filtered|masked|hidden|none|null|true|false|\*+)", re.IGNORECASE)
    if named and not masked.search(named["value"]):
        return f"value of {named['name'].lower()}"
    return next((sort for sort, _ in leaked.in_line("log", line, guesses=False)), "")


async def _in_code(repo: RepoProbe, evidence: list[Evidence]) -> str:
    read = await repo.facts(sources.code)
    calls = await asyncio.to_thread(lambda: sum(len(list(_log_calls(one))) for one in read))
    found = await asyncio.to_thread(lambda: [match for one in read for match in _leaky(one)])
    asked = "statements that log, and what they are given"
    by_rails = "rails" in packages.dependencies(repo)
    if not calls and not by_rails:
        raise Unobservable(
            f"none of {len(read)} files of code holds a statement that logs", "offer the logs: [logs] path"
        )
    evidence.append(
        observe(asked, f"{_places(found)}; {calls} statements in {counted(len(read), 'file')} looked at", repo.vantage)
    )
    if found:
        return f"{found[0].path}:{found[0].line} logs what is called a secret"
    return _unfiltered(repo) if by_rails else ""


def _unfiltered(repo: RepoProbe) -> str:
    """Rails logs the parameters of every request by itself."""
    filters = " ".join(repo.read(path) for path in repo.find("filter_parameter_logging.rb", "application.rb"))
    if FILTERS.search(re.sub(r"(?m)^[ \t]*#.*$", "", filters)):
        return ""
    return "Rails logs every parameter, and nothing filters passwords"


def _log_calls(one: Source) -> Iterator[object]:
    if one.language != "python":
        yield from LOG_CALL.finditer(one.text)
        return
    if not PYTHON_LOGS.search(one.text) or one.tree is None:
        return
    for node in ast.walk(one.tree):
        if isinstance(node, ast.Call) and _logs(node):
            yield node


def _logs(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id == "print"
    owner = _last(function.value) if isinstance(function, ast.Attribute) else ""
    return _last(function) in LEVELS and bool(LOGGERS.match(owner) or owner.endswith(("logger", "_log")))


def _leaky(one: Source) -> Iterator[Match]:
    for call in _log_calls(one):
        if isinstance(call, ast.Call):
            if any(_names_secret(part) for part in (*call.args, *(keyword.value for keyword in call.keywords))):
                yield Match(one.path, call.lineno, ast.unparse(call.func))
        elif isinstance(call, re.Match):
            told = call["inside"] or call["rest"] or ""
            inserted = " ".join(INSERTED.findall(told))
            if any(SECRET.search(_snake(name)) for name in NAME.findall(f"{STRINGS.sub('0', told)} {inserted}")):
                yield one.at(call.start(), call[0][: call[0].find("(") + 1] or "log")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)


def _names_secret(node: ast.AST) -> bool:
    """Whether a secret by its name reaches the text: not its length, its presence, or a masked form of it."""
    if isinstance(node, ast.Call) and _last(node.func) in HARMLESS:
        return False
    if isinstance(node, ast.Compare | ast.BoolOp):
        return False
    if isinstance(node, ast.Name | ast.Attribute):
        return bool(SECRET.search(_last(node)))
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return bool(SECRET.search(str(node.slice.value)))
    return any(_names_secret(inner) for inner in ast.iter_child_nodes(node))


LEFT = {"app/views.py": "def index(request):\n    print(request.body)\n    return ok()\n"}
HEAD = "import logging\n\nlog = logging.getLogger(__name__)\n\n\n"
GONE = {"app/views.py": f"{HEAD}def index(request):\n    log.info('index')\n    return ok()\n"}
LOGGED = {"app/views.py": GONE["app/views.py"].replace("log.info('index')", "log.info('sign in %s', request.password)")}

DEBUGGING = Check(
    id="code.debug.searched",
    requirements=("code.debug",),
    title="No statement for debugging is left in code that serves",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_debugging,
    documentation=Documentation(
        what="No print, console.log, debugger, binding.pry, var_dump or their like stands in code that serves.",
        why="They write what nobody reads, sometimes what nobody may read, and a breakpoint stops the service.",
        how_verified="Syntax of Python, words of JavaScript, Ruby, Go, Java, PHP and C# without comments. Tests, "
        "scripts, "
        "commands, migrations and configuration files of tools are left out.",
        how_to_mend="Delete them, or log; let a linter refuse them.",
        not_applicable_when="Never.",
    ),
    fixtures=twins("code.debug", must_fail=Stage(repo=LEFT), mended=Stage(repo=GONE)),
)

CLEAN = Check(
    id="sec.logs_clean.searched",
    requirements=("sec.logs_clean",),
    title="No secret is logged",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset(),
    run=_clean,
    documentation=Documentation(
        what="No statement that logs is given something called a password, token or key, and the ends of the "
        "logs hold none.",
        why="Logs are copied to places with other guards than the database.",
        how_verified="Arguments of logging calls, by syntax in Python and by words in other languages; Rails' "
        "filter of "
        "parameters; passwords, keys and tokens in the last lines of the logs that are offered. Values are never "
        "shown. A name can only show that a secret is logged: without logs the line is unknown.",
        how_to_mend="Log identifiers; filter parameters and headers where requests are logged.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "sec.logs_clean",
        must_fail=Stage(repo=LOGGED, logs={"app.log": "index\n"}),
        mended=Stage(repo=GONE, logs={"app.log": "index\n"}),
    ),
)

CHECKS = (DEBUGGING, CLEAN)
