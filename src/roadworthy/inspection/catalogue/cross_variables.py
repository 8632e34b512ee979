"""Variables that the code reads against those that documents name."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import syntax
from roadworthy.inspection.probes.production import RUN_BY_HAND
from roadworthy.inspection.probes.repo import RepoProbe

NAME = r"([A-Z][A-Z0-9_]{2,})"
EXAMPLES = (
    *(".env.example", ".env.sample", ".env.template", "env.example", ".env.dist", ".env.*.example", ".env.example.*"),
    *("example.env", "sample.env", ".env.production.example"),
)
PROSE = ("*.md", "*.rst", "*.adoc")
READS: Mapping[str, Sequence[tuple[re.Pattern[str], bool]]] = {
    "*.js *.ts *.mjs *.cjs *.tsx *.jsx": (
        (re.compile(rf"\bprocess\.env\.{NAME}\b!"), True),
        (re.compile(rf"\bprocess\.env\.{NAME}\b(?!\s*(?:=[^=]|\|\||\?\?))"), False),
        (re.compile(rf"\bprocess\.env\[\s*[\"']{NAME}[\"']\s*\]"), False),
    ),
    "*.rb *.erb": (
        (re.compile(rf"\bENV\.fetch\(\s*[\"']{NAME}[\"']\s*\)(?!\s*(?:\{{|do))"), True),
        (re.compile(rf"\bENV\[\s*[\"']{NAME}[\"']\s*\]"), False),
    ),
    "*.go": ((re.compile(rf"\bos\.(?:Getenv|LookupEnv)\(\s*\"{NAME}\"\s*\)"), False),),
    "*.java *.kt": ((re.compile(rf"\bSystem\.getenv\(\s*\"{NAME}\"\s*\)"), False),),
    "*compose*.yml *compose*.yaml": ((re.compile(rf"\$\{{{NAME}:?\?"), True),),
}
"""How each language reads a variable -> whether the service ends or breaks where it is missing."""
PLATFORM = re.compile(
    r"^(?:PATH|HOME|USER|SHELL|PWD|LANG|LC_\w+|TZ|TERM|CI|HOSTNAME|PORT|NODE_ENV|NODE_OPTIONS|RAILS_ENV|RACK_ENV|TMPDIR"
    r"|TEMP|DEBUG|VERCEL\w*|GITHUB_\w+|GITLAB_\w+|KUBERNETES_\w+|NEXT_RUNTIME|PYTHON\w*|DJANGO_SETTINGS_MODULE|npm_\w+"
    r"|XDG_\w+|COLUMNS|NO_COLOR|FORCE_COLOR|DYNO|EDITOR|DISPLAY|HTTPS?_PROXY|NO_PROXY|NOTIFY_SOCKET|INVOCATION_ID)$"
)
"""Set by the platform or the shell, not by who installs the service."""
_ENVIRON = re.compile(r"^[ \t]*(?:import|from)\s+environs?\b", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?:#|//|\*)")


@dataclass(frozen=True, slots=True)
class Read:
    """A variable that the code reads; `needed`: the service ends or breaks without it."""

    name: str
    where: str
    needed: bool


async def _documented(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    wanted = requirement.text("file").removeprefix("./")
    reads = await asyncio.to_thread(reads_of, repo)
    named = await asyncio.to_thread(documented_in, repo, wanted)
    where = wanted or "example files and documents"
    if wanted and not [path for path in repo.files if path == wanted or path.endswith(f"/{wanted}")]:
        looked = observe(f"file {wanted}", f"not among {len(repo.files)} files", repo.vantage, basis="not there")
        return failed(f"there is no {wanted}", looked, mend=f"write {wanted} with every variable that the code reads")
    if not reads:
        raise Unobservable("no variable is read by code that is understood here", "[repository] path names the tree")
    needed = sorted({one.name: one for one in reads if one.needed}.values(), key=lambda one: one.name)
    optional = sorted({one.name for one in reads} - {one.name for one in needed})
    missing = [one for one in needed if one.name not in named]
    also = [name for name in optional if name not in named]
    evidence = observe(
        f"variables that the code reads, against {where}",
        f"{len(needed)} needed and {len(optional)} others are read, {len(named)} names documented; needed and not "
        f"documented: {listed(one.name for one in missing)}; others not documented: {listed(also)}",
        repo.vantage,
    )
    if missing:
        first = [f"{one.name} ({one.where})" for one in missing]
        return failed(
            f"the code can't do without {listed(first, 4)}, and {where} does not name it",
            evidence,
            mend="name it with an example value and a word about it",
            patch="\n".join(f"{one.name}=" for one in missing),
        )
    if not needed and also:
        raise Unobservable(
            f"{len(also)} variables are read and not documented, and the code says of none that it needs it: "
            f"{listed(also, 5)}",
            "name them in .env.example, with their defaults",
        )
    if also and requirement.id == "cfg.example":  # the line speaks of every variable
        return unknown(
            f"what the code needs is named in {where}; variables with a default are not: {listed(also, 6)}",
            evidence,
            mend="name those that somebody might want to set",
        )
    return passed(f"all {len(needed) or len(optional)} variables that the code needs are named in {where}", evidence)


def reads_of(repo: RepoProbe) -> Sequence[Read]:
    """Variables that the service's own code reads, without those of tests, scripts and the platform."""
    return [one for one in _reads(repo) if not PLATFORM.match(one.name)]


def _reads(repo: RepoProbe) -> Iterator[Read]:
    for path in repo.find("*.py", aside=False):
        text = "" if RUN_BY_HAND.search(path) else repo.read(path)
        if "environ" in text or "getenv" in text or "BaseSettings" in text or "decouple" in text:
            yield from _of_python(path, text)
    for globs, patterns in READS.items():
        for path in repo.find(*globs.split(), aside=False):
            text = "" if RUN_BY_HAND.search(path) else repo.read(path)
            for number, line in enumerate(text.splitlines(), start=1):
                if _COMMENT.match(line):
                    continue
                for pattern, needed in patterns:
                    yield from (Read(name, f"{path}:{number}", needed) for name in pattern.findall(line))


def _of_python(path: str, text: str) -> Iterator[Read]:
    """By syntax: what stands in a string or a comment reads nothing."""
    tree = syntax.module(text)
    nodes = list(ast.walk(tree)) if tree is not None else []
    for node in nodes:
        name, needed = _lookup(node, text)
        if re.fullmatch(NAME, name):
            yield Read(name, f"{path}:{getattr(node, 'lineno', 0)}", needed)
    yield from _fields(path, [node for node in nodes if isinstance(node, ast.ClassDef)])


def _lookup(node: ast.AST, text: str) -> tuple[str, bool]:
    """The variable that an expression reads, and whether it must be there; an empty name for all else."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and _ends(node.value, "environ"):
        return _text(node.slice), True
    if not isinstance(node, ast.Call) or not node.args:
        return "", False
    if _ends(node.func, "getenv") or (_ends(node.func, "get") and ".environ." in f".{ast.unparse(node.func)}"):
        return _text(node.args[0]), False
    helper = ast.unparse(node.func).partition(".")[0]
    known = (helper == "env" and _ENVIRON.search(text) is not None) or (helper == "config" and "decouple" in text)
    default = len(node.args) > 1 or any(one.arg == "default" for one in node.keywords)
    return (_text(node.args[0]), not default) if known else ("", False)


def _ends(node: ast.expr, name: str) -> bool:
    return (node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")) == name


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _fields(path: str, classes: Sequence[ast.ClassDef]) -> Iterator[Read]:
    """Fields of pydantic's settings: variables by the name of each, in upper case, with the prefix of the class."""
    for one in classes:
        if any(ast.unparse(base).endswith("BaseSettings") for base in one.bases):
            prefix = re.search(r"env_prefix\s*=\s*[\"'](\w*)[\"']", ast.unparse(one))
            for node in one.body:
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id.islower():
                    name = f"{prefix[1] if prefix else ''}{node.target.id}".upper()
                    if node.target.id != "model_config" and "alias" not in ast.unparse(node):
                        yield Read(name, f"{path}:{node.lineno}", _has_no_default(node.value))


def _has_no_default(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call) and ast.unparse(value.func).endswith("Field"):
        given = {one.arg for one in value.keywords} & {"default", "default_factory"}
        return not given and (not value.args or ast.unparse(value.args[0]) == "...")
    return value is None or ast.unparse(value) == "..."


def documented_in(repo: RepoProbe, wanted: str = "") -> frozenset[str]:
    """Names of variables in example files and documents, or in the one file `wanted`."""
    names: set[str] = set()
    everything = repo.find("*") if wanted else (*repo.find(*EXAMPLES), *repo.find(*PROSE))
    for path in everything:
        if not wanted or path == wanted or path.endswith(f"/{wanted}"):
            names.update(re.findall(rf"\b{NAME}\b", repo.read(path)))
    return frozenset(names)


CODE = 'import os\n\nKEY = os.environ["SECRET_KEY"]\nDSN = os.environ["DATABASE_URL"]\n'
DOCUMENTED = Check(
    id="cross.variables.documented",
    requirements=("cross.variables", "cfg.example"),
    title="Variables that the code can't do without are documented",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_documented,
    documentation=Documentation(
        what="Every variable that the service's code reads without a default stands in an example file or a document; "
        "in the file that the line names, if it names one.",
        why="The deployment that lacks it fails at the first start on a new server, or worse, at the first request "
        "that needs it.",
        how_verified="Reads of the environment in Python, JavaScript, TypeScript, Ruby, Go, Java and compose files, "
        "without tests, scripts and what the platform sets; names in .env.example and its like, and in documents.",
        how_to_mend="Name it in .env.example, with an example value.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "cross.variables",
        must_fail=Stage(repo={"app/settings.py": CODE, ".env.example": "SECRET_KEY=\n"}),
        mended=Stage(repo={"app/settings.py": CODE, ".env.example": "SECRET_KEY=\nDATABASE_URL=postgresql://...\n"}),
    ),
)

CHECKS = (DOCUMENTED,)
