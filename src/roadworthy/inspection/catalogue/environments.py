"""Configuration as the code reads it: every variable documented, a wrong one refused at the start, places apart."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue import sources
from roadworthy.inspection.catalogue.declaring import Run, Tree, of_tree
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.secrets import DESCRIBES
from roadworthy.inspection.catalogue.sources import Source
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.model import PROBE_REMEDIES, Check, Documentation, Probes, Requirement
from roadworthy.inspection.probes import workflows
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.redaction import is_secret_name

EXAMPLES = (".env.example", ".env.sample", ".env.template", ".env.dist", "env.example", "example.env", "sample.env")
DECLARED = re.compile(r"^[ \t]*(?:#[ \t]*)?(?:export\s+)?([A-Z][A-Z0-9_]+)\s*=", re.MULTILINE)
GIVEN_BY_OTHERS = frozenset(
    re.findall(
        r"[\w-]+",
        "PATH HOME PWD USER SHELL LANG TZ TERM CI NODE_ENV HOSTNAME TMPDIR PORT RAILS_ENV RACK_ENV PYTHONPATH "
        "DEBUG_COLORS NO_COLOR DJANGO_SETTINGS_MODULE BUNDLE_GEMFILE PIDFILE RAILS_MAX_THREADS RAILS_MIN_THREADS "
        "WEB_CONCURRENCY DEV PROD MODE SSR BASE_URL npm_package_version KUBERNETES_SERVICE_HOST VERCEL_URL "
        "VERCEL_ENV VERCEL ",
    )
)
"""Set by systems and frameworks, not by the team."""
READS = re.compile(
    r"(?:process\.env|import\.meta\.env)(?:\.|\[[\"'])(?P<js>[A-Z][A-Z0-9_]+)"
    r"|\bENV(?:\.fetch\(|\[)\s*[\"'](?P<ruby>[A-Z][A-Z0-9_]+)[\"']"
    r"|\bos\.(?:Getenv|LookupEnv)\(\"(?P<go>[A-Z][A-Z0-9_]+)\"|\benv(?:config)?:\"(?P<tag>[A-Z][A-Z0-9_]+)"
    r"|\bSystem\.getenv\(\"(?P<java>[A-Z][A-Z0-9_]+)\"|@Value\(\"\$\{(?P<spring>[A-Z][A-Z0-9_]+)"
    r"|\b(?:getenv|env)\(['\"](?P<php>[A-Z][A-Z0-9_]+)['\"]"
)
READERS = re.compile(r"^(?:getenv|env|config|get_env|\w*env\.(?:str|bool|int|list|db|url|db_url|cache_url|get))$")
SPEAKS = re.compile(r"env|\bconfig\s*\(|BaseSettings", re.IGNORECASE)
"""Without such a word, Python code reads no variable, and its syntax need not be read."""
DEFAULTED = re.compile(
    r"process\.env\.(?P<js>[A-Z][A-Z0-9_]+)\s*(?:\|\||\?\?)\s*[\"'`](?P<jsv>[^\"'`]+)"
    r"|ENV\.fetch\(\s*[\"'](?P<ruby>[A-Z][A-Z0-9_]+)[\"']\s*(?:,\s*|\)\s*\{\s*)[\"'](?P<rubyv>[^\"']+)"
    r"|ENV\[[\"'](?P<ruby2>[A-Z][A-Z0-9_]+)[\"']\]\s*\|\|\s*[\"'](?P<ruby2v>[^\"']+)"
)
VALIDATORS: Mapping[str, re.Pattern[str]] = {
    "pydantic's settings": re.compile(r"class\s+\w+\((?:[\w.]*\.)?BaseSettings\b"),
    "envalid": re.compile(r"\bcleanEnv\("),
    "a zod schema": re.compile(r"\.parse\(\s*process\.env\b|createEnv\(\s*\{|safeParse\(\s*process\.env"),
    "a Joi schema": re.compile(r"validationSchema\s*:\s*Joi|\.validate\(\s*process\.env"),
    "envconfig": re.compile(r"required:\"true\"|env:\"\w+,required|envconfig\.(?:Must)?Process\("),
    "required keys": re.compile(r"Dotenv\.require_keys|\bENV\.fetch\(\s*[\"'][A-Z0-9_]+[\"']\s*\)(?!\s*\{)"),
    "a check of its own": re.compile(
        r"\b(?:throw|raise|panic|\w{0,40}Fatal\w{0,40}|abort)\b[^\n]{0,80}\benv(?:ironment)?[ _]var", re.IGNORECASE
    ),
    "Spring's validation": re.compile(
        r"@Validated[\s\S]{0,200}@ConfigurationProperties|@ConfigurationProperties[\s\S]{0,200}@Validated"
    ),
}
COMMAND = re.compile(r"`(?:make|npm|yarn|pnpm|python|node|bin/|\./|bash|sh)[^`]*`")
ASSIGNED = re.compile(r"\b[a-z][a-z0-9]*_[a-z0-9_]+=\w")
KEYS = re.compile(
    r"^[ \t]*([A-Z][A-Z0-9_]{2,})\s*:\s*(?:z\.|str\(|url\(|num\(|port\(|Joi\.)(?![^\n]*(?:optional|default))",
    re.MULTILINE,
)
"""Keys of a schema that must be there."""
PLACES: Mapping[str, re.Pattern[str]] = {
    "production": re.compile(r"(?:^|[/._-])(?:prod|production|live|prd)(?:$|[/._-])", re.IGNORECASE),
    "staging": re.compile(r"(?:^|[/._-])(?:staging|stage|stg|preprod|uat)(?:$|[/._-])", re.IGNORECASE),
    "development": re.compile(r"(?:^|[/._-])(?:dev|development|local|override)(?:$|[/._-])", re.IGNORECASE),
    "test": re.compile(r"(?:^|[/._-])(?:test|testing)(?:$|[/._-])", re.IGNORECASE),
}
WORDS = {"development": "dev", "staging": "stag", "production": "prod", "test": "test env"}
"""How lines call them."""
DEFINES = re.compile(
    r"(?:^|/)(?:\.env[\w.-]*|(?:docker-)?compose[\w.-]*\.ya?ml|kustomization\.ya?ml|values[\w.-]*\.ya?ml"
    r"|[\w.-]+\.tfvars"
    r"|application[\w.-]*\.(?:ya?ml|properties)|appsettings[\w.-]*\.json|settings/\w+\.py|settings[_-]?\w*\.py"
    r"|config/environments/\w+\.rb|config/[\w.-]+\.(?:json|ya?ml|js|ts)|environments?/[\w./-]+)$"
)


@dataclass(frozen=True, slots=True)
class Read:
    """A variable that the code reads: where, and the default that it falls back to ("" for none)."""

    name: str
    path: str
    line: int
    default: str = ""


def variables(repo: RepoProbe) -> tuple[Read, ...]:
    """Every environment variable that the team's own code reads."""
    return tuple(one for source in repo.known(sources.code) for one in _reads(source))


def _reads(source: Source) -> Iterator[Read]:
    if source.language == "python":
        yield from _python(source)
        return
    defaults = {}
    for match in DEFAULTED.finditer(source.text):
        found = {key: value for key, value in match.groupdict().items() if value}
        key = next(key for key in found if not key.endswith("v"))
        defaults[found[key]] = found[f"{key}v"]
    for match in READS.finditer(source.text):
        name = next(value for value in match.groupdict().values() if value)
        yield Read(name, source.path, source.at(match.start()).line, defaults.get(name, ""))


def _python(source: Source) -> Iterator[Read]:
    if not SPEAKS.search(source.text) or source.tree is None:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
            reads = isinstance(node.ctx, ast.Load)  # what is assigned is given to others, not asked for
            if reads and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
                yield Read(node.slice.value, source.path, node.lineno)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant) and _reader(node):
            name = node.args[0].value
            if isinstance(name, str) and re.fullmatch(r"[A-Z][A-Z0-9_]+", name):
                yield Read(name, source.path, node.lineno, _default(node))
        elif isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith("BaseSettings") for base in node.bases):
            yield from _fields(source, node)


def _reader(call: ast.Call) -> bool:
    function = ast.unparse(call.func)
    return function.endswith(("environ.get", "os.getenv")) or bool(READERS.match(function))


def _default(call: ast.Call) -> str:
    given = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "default")]
    return next((str(one.value) for one in given if isinstance(one, ast.Constant) and one.value not in (None, "")), "")


def _fields(source: Source, node: ast.ClassDef) -> Iterator[Read]:
    prefix = re.search(r"env_prefix\s*=\s*[\"'](\w+)", ast.unparse(node))
    for field in node.body:
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        default = field.value.value if isinstance(field.value, ast.Constant) else None
        name = f"{prefix[1] if prefix else ''}{field.target.id}".upper()
        called = _alias(field.value)
        if field.target.id != "model_config":
            yield Read(called or name, source.path, field.lineno, str(default) if default not in (None, "") else "")


def _alias(value: ast.expr | None) -> str:
    """The name that a field is read by, where it gives one itself."""
    given = value.keywords if isinstance(value, ast.Call) else []
    named = (one.value for one in given if one.arg in {"alias", "validation_alias", "env"})
    texts = (inner.value for one in named for inner in ast.walk(one) if isinstance(inner, ast.Constant))
    return next((text for text in texts if isinstance(text, str)), "")


def _given(name: str) -> bool:
    return name in GIVEN_BY_OTHERS or name.startswith(("GITHUB_", "RUNNER_", "_"))


async def _documented(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    read = {one.name: one for one in await repo.facts(variables) if not _given(one.name)}
    if not read:
        raise Unobservable("no code here reads an environment variable", "[repository] path names the root")
    wanted = requirement.text("file").rpartition("/")[2]
    files = repo.find(*([wanted] if wanted.startswith((".env", "env")) else EXAMPLES))
    told = {name for path in files for name in DECLARED.findall(repo.read(path))}
    missing = sorted(set(read) - told)
    answer = f"{len(read)} variables are read; {listed(files)} documents {len(told)}; missing there: {listed(missing)}"
    evidence = observe("variables that the code reads, against the example file", answer, repo.vantage)
    if not files:
        return failed(
            f"{counted(len(read), 'variable is', 'variables are')} read, and no {wanted or '.env.example'} names any",
            evidence,
            mend="write .env.example", patch="".join(f"{name}=\n" for name in sorted(read)[:60]),
        )  # fmt: skip
    if missing:
        first = read[missing[0]]
        return failed(
            f"{len(missing)} of {len(read)} variables are not in {files[0]}: {first.name} ({first.path}:{first.line})",
            evidence,
            mend="add them, with a word on each", patch="".join(f"{name}=\n" for name in missing[:60]),
        )  # fmt: skip
    return passed(f"{files[0]} names all {len(read)} variables that the code reads", evidence)


def _private(name: str) -> bool:
    return name == "DATABASE_URL" or (is_secret_name(name) and name.lower().rpartition("_")[2] not in DESCRIBES)


async def _validated(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    if re.search(r"\bping|panic|connect|credential|external|3rd|third", requirement.text("subject"), re.IGNORECASE):
        raise Unobservable("what the start does when others are away shows only by starting it so", "attest to it")
    if command := COMMAND.search(requirement.text("subject")):
        raise Unobservable(f"whether {command[0]} succeeds shows only by running it", "attest to it")
    read = await repo.facts(variables)
    code = await repo.facts(sources.code)
    loose = [one for one in read if one.default and _private(one.name)]
    found = [(name, match) for name, one in VALIDATORS.items() for match in await sources.everywhere(code, one)]
    required = await asyncio.to_thread(_required, code)
    places = [f"{name} in {match.path}:{match.line}" for name, match in found]
    defaults = [one.name for one in loose]
    answer = f"validators: {listed(places)}; required: {listed(sorted(required))}; with a default: {listed(defaults)}"
    evidence = observe("how variables are read", answer, repo.vantage)
    if not read:
        raise Unobservable("no code here reads an environment variable", "[repository] path names the root")
    if loose:
        return failed(
            f"{loose[0].name} falls back to a default ({loose[0].path}:{loose[0].line})", evidence,
            mend="read it without a default: a start without it must fail",
        )  # fmt: skip
    if not found and not required:
        return failed(
            f"all {len(read)} variables may be missing and nothing says so at the start", evidence,
            mend="check them at the start: a settings class, envalid, zod, ENV.fetch, envconfig",
        )  # fmt: skip
    if not required:
        return unknown("a validator is there; which variables it requires was not read", evidence)
    lax = sorted({one.name for one in read if not one.default} - required - GIVEN_BY_OTHERS)
    if lax and re.search(r"\b(?:all|every|each)\b", requirement.text("subject"), re.IGNORECASE):
        return unknown(
            f"{listed(sorted(required), 4)} are required; whether {listed(lax, 4)} may be missing is open", evidence
        )
    return passed(f"a start without {listed(sorted(required), 4)} fails", evidence)


def _required(code: Sequence[Source]) -> frozenset[str]:
    """Variables without which the start fails: read by subscript, a field without default, a schema's key."""
    names: set[str] = set()
    made = {name for one in code if one.language == "python" for name in _MADE.findall(one.bare)}
    for source in code:
        if source.language == "python" and SPEAKS.search(source.text) and source.tree is not None:
            names |= _required_python(source.tree, made)
        elif any(pattern.search(source.text) for pattern in VALIDATORS.values()):
            names |= set(KEYS.findall(source.text))
            names |= set(re.findall(r"\bENV\.fetch\(\s*[\"']([A-Z0-9_]+)[\"']\s*\)(?!\s*\{)", source.text))
            names |= set(re.findall(r"env:\"([A-Z0-9_]+),required", source.text))
    return frozenset(names)


def _required_python(tree: ast.AST, made: Collection[str]) -> set[str]:
    """`made`: names of classes that something makes; settings that nobody makes refuse nothing."""
    names: set[str] = set()
    for node in getattr(tree, "body", ()):
        if isinstance(node, ast.ClassDef) and node.name in made and _is_settings(node):
            fields = (one for one in node.body if isinstance(one, ast.AnnAssign) and one.value is None)
            names |= {one.target.id.upper() for one in fields if isinstance(one.target, ast.Name)}
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr) and node.value is not None:
            for inner in ast.walk(node.value):
                if isinstance(inner, ast.Subscript) and ast.unparse(inner.value) in {"os.environ", "environ"}:
                    names |= {str(inner.slice.value)} if isinstance(inner.slice, ast.Constant) else set()
    return names


_MADE = re.compile(r"(?<!class )\b([A-Z]\w{0,80})\(")


def _is_settings(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith("BaseSettings") for base in node.bases)


async def _separate(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    subject = requirement.text("subject").lower()
    if ASSIGNED.search(subject):
        raise Unobservable("the line gives a variable a value, which the running side shows", PROBE_REMEDIES["config"])
    defined = await repo.facts(_defined)
    named = [name for name, word in WORDS.items() if word in subject]
    lines = [f"{name}: {listed(paths, 4)}" for name, paths in defined.items() if paths]
    evidence = observe("what is defined for each environment", "\n".join(lines) or "nothing", repo.vantage)
    if not repo.find(*sources.GLOBS):
        raise Unobservable("the source tree holds no code", "[repository] path names the root of the source")
    missing = [name for name in named if not defined[name]]
    several = [name for name, paths in defined.items() if paths]
    if missing or len(several) < 2:  # noqa: PLR2004 - one is not apart from anything
        return failed(
            f"nothing is defined for {listed(missing) if missing else 'a second environment'}", evidence,
            mend="give each environment its settings, compose file or overlay, and its own database and secrets",
        )  # fmt: skip
    same = _identical(repo, defined)
    if same:
        return failed(f"{same[0]} and {same[1]} are the same", evidence, mend="give each environment its own values")
    if re.search(r"\bset ?up|running|reachable|deployed|create\b", subject):
        return unknown("environments are defined apart; whether they run does not show in the files", evidence)
    return passed(f"{listed(several)} are defined apart", evidence)


def _defined(repo: RepoProbe) -> Mapping[str, Sequence[str]]:
    """Environment -> what defines it: files, and environments that jobs deploy to."""
    files = [path for path in repo.files if DEFINES.search(path) and not path.endswith((".example", ".sample", ".md"))]
    jobs = [one for one in repo.known(workflows.read).jobs if one.environment]
    found = {}
    for name, pattern in PLACES.items():
        own = [path for path in files if pattern.search(path) and repo.read(path).strip()]
        deploying = (job for job in jobs if pattern.search(job.environment))
        found[name] = [*own, *(f"{job.where} deploys to {job.environment}" for job in deploying)]
    return found


def _identical(repo: RepoProbe, defined: Mapping[str, Sequence[str]]) -> Sequence[str]:
    seen: dict[str, tuple[str, str]] = {}
    for name, paths in defined.items():
        for path in paths:
            text = repo.read(path).strip() if path in repo.files else ""
            if text and text in seen and seen[text][0] != name:
                return (seen[text][1], path)
            seen.setdefault(text, (name, path))
    return ()


SETTINGS = 'import os\n\nDATABASE_URL = os.environ["DATABASE_URL"]\nSENTRY_DSN = os.getenv("SENTRY_DSN")\n'
READING = {"app/settings.py": SETTINGS}
FALLS_BACK = {"app/settings.py": 'import os\n\nSECRET_KEY = os.getenv("SECRET_KEY", "development")\n'}
APART = {"app.py": "x = 1\n", "settings/production.py": "DEBUG = False\n", "settings/development.py": "DEBUG = True\n"}
NEVER = "Never."


def _check(check: str, title: str, run: Run, said: Documentation, *twin: Tree) -> Check:
    return of_tree(check, title, run, Severity.MEDIUM, said, *twin)


CHECKS = (
    _check(
        "cfg.example.names", "Every variable that the code reads is documented", _documented,
        Documentation(
            what="The example file names every environment variable that the code reads.",
            why="Who sets the service up finds out by its errors otherwise, one at a time.",
            how_verified="Variables by syntax in Python (os.environ, decouple, environ, pydantic settings) and "
                "by words in "
            "JavaScript, Ruby, Go, Java and PHP, against names in .env.example; those of systems and frameworks "
            "are left out.",
            how_to_mend="Add the missing names.",
            not_applicable_when=NEVER,
        ),
        {**READING, ".env.example": "DATABASE_URL=\n"}, {**READING, ".env.example": "DATABASE_URL=\nSENTRY_DSN=\n"},
    ),
    _check(
        "cfg.validate.required", "A start without a needed variable fails", _validated,
        Documentation(
            what="Variables are required by how they are read, and no secret or database address has a default.",
            why="A service that starts without its secret key runs with one that everybody knows.",
            how_verified="Reads how the code takes its variables; settings classes, schemas and required keys of "
                "the common "
            "libraries. The service is not started.",
            how_to_mend="os.environ[...], a field without a default, ENV.fetch, envalid, zod, envconfig.",
            not_applicable_when=NEVER,
        ),
        FALLS_BACK, READING,
    ),
    _check(
        "cfg.separate.defined", "Each environment has its own definition", _separate,
        Documentation(
            what="The environments that the line names (or two at least) each have settings, compose files, "
                "overlays or jobs.",
            why="What is tried where customers are is tried on them.",
            how_verified="Names of settings modules, env files, compose files, overlays, variables of Terraform, "
                "and the "
            "environments that jobs deploy to; two that are the same fail. Whether they run is not looked at.",
            how_to_mend="Give each its own values.",
            not_applicable_when=NEVER,
        ),
        {"app.py": "x = 1\n", "settings/production.py": "DEBUG = False\n"}, APART,
    ),
)  # fmt: skip
