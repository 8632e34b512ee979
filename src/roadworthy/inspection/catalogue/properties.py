"""Properties of code that a tool shows on every change: linted, typed, formatted, bodies closed."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import running
from roadworthy.inspection.catalogue.kit import failed, listed, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import yaml_files
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.probes.yaml_files import NotYaml, at, texts

COMMENTS = re.compile(r"(?m)^[ \t]*//[^\n]*$|/\*.*?\*/|,(?=\s*[}\]])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Property:
    """What words of a line ask for, by which commands it is shown, and what must be configured for that."""

    asked: re.Pattern[str]
    name: str
    shown_by: re.Pattern[str]
    configured: Callable[[RepoProbe], str] = lambda _: "by default"


def _strict_types(repo: RepoProbe) -> str:
    """Where strictness is turned on; empty where it is nowhere."""
    for path in repo.find("tsconfig*.json", aside=False):
        try:
            told = json.loads(COMMENTS.sub("", repo.read(path, 32 * 1024)))
        except (ValueError, RecursionError):
            continue
        if isinstance(told, dict) and at(told, "compilerOptions", "strict") is True:
            return f"strict in {path}"
    for path in repo.find("pyproject.toml", aside=False):
        try:
            if at(tomllib.loads(repo.read(path)), "tool", "mypy", "strict") is True:
                return f"strict in {path}"
        except (tomllib.TOMLDecodeError, RecursionError):
            continue
    ini = repo.grep(re.compile(r"^strict\s*=\s*[Tt]rue|^disallow_untyped_defs\s*=\s*[Tt]rue"), "mypy.ini", "setup.cfg")
    return f"strict in {ini[0].path}" if ini else ""


def _closes_bodies(repo: RepoProbe) -> str:
    for path in repo.find(".golangci.yml", ".golangci.yaml"):
        try:
            linters = yaml_files.document(repo.read(path)).get("linters")
        except NotYaml:
            continue
        if "bodyclose" in texts(at(linters, "enable")) and "bodyclose" not in texts(at(linters, "disable")):
            return f"bodyclose in {path}"
    return ""


PROPERTIES: Sequence[Property] = (
    Property(
        re.compile(
            r"\bclose\b.{0,200}\b(?:bod(?:y|ies)|readcloser)|\b(?:body|bodies|readclosers?)\b.{0,200}\bclosed?\b",
            re.IGNORECASE,
        ),
        "bodies of responses are closed",
        re.compile(r"\bgolangci-lint(?:-action)?\b|\bbodyclose\b"),
        _closes_bodies,
    ),
    Property(
        re.compile(r"\b(?:strict|type[- ]?(?:check|safe|hint|annot)\w*|mypy|pyright|no any)\b", re.IGNORECASE),
        "types are checked strictly",
        re.compile(r"\b(?:mypy|pyright|tsc|vue-tsc|sorbet|srb tc)\b"),
        _strict_types,
    ),
    Property(
        re.compile(r"\b(?:format(?:ted|ting|ter)?|prettier|black|gofmt|code style)\b", re.IGNORECASE),
        "code is formatted",
        re.compile(
            r"\b(?:prettier\b.{0,200}--check|black\b.{0,200}--check|ruff format\b.{0,200}--check|gofmt -l"
            r"|biome (?:check|ci)|rubocop|standardrb|spotless:check|cargo fmt\b.{0,200}--check)"
        ),
    ),
    Property(
        re.compile(
            r"\b(?:lint(?:ed|er|ing|s)?|eslint|ruff|flake8|rubocop|static analysis|code quality)\b", re.IGNORECASE
        ),
        "code is linted",
        re.compile(
            r"\b(?:ruff check|flake8|pylint|eslint|biome (?:check|ci|lint)|rubocop|golangci-lint(?:-action)?"
            r"|staticcheck|checkstyle|pmd|phpstan|clippy|next lint|oxlint)\b"
        ),
    ),
)


async def _property(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    subject = requirement.text("subject")
    wanted = next((one for one in PROPERTIES if one.asked.search(subject)), None)
    if wanted is None:
        raise Unobservable("no tool known here shows this property", "attest to it, with a link to the review")
    seen = await running.integration(repo)
    found = running.matching(await running.ran(repo), wanted.shown_by)
    strict = running.every_change(found)
    configured = wanted.configured(repo)
    evidence = running.shown(repo, f"jobs that show that {wanted.name} ({configured or 'not configured'})", found, seen)
    if strict and configured:
        one, words = strict[0]
        return passed(f"{wanted.name}: {one.job.where} runs {words} on every change and stops at a finding", evidence)
    if strict:
        return failed(
            f"{strict[0][1]} runs, but is not told so: {wanted.name} is no default", evidence, mend=MENDS[wanted.name]
        )
    if seen.unread:
        return unknown(f"no job read here shows that {wanted.name}; not read: {listed(seen.unread, 3)}", evidence)
    problem = f"{found[0][1]} runs, but stops nothing on every change" if found else f"no job shows that {wanted.name}"
    return failed(problem, evidence, mend=MENDS[wanted.name])


MENDS: Mapping[str, str] = {
    "bodies of responses are closed": "enable bodyclose in .golangci.yml, and run golangci-lint on every change",
    "types are checked strictly": "turn strict on in tsconfig.json or pyproject.toml, and run tsc --noEmit or mypy",
    "code is formatted": "check the format on every change: prettier --check, ruff format --check, gofmt -l",
    "code is linted": "run the linter on every change, and let it fail",
}
WHERE = ".github/workflows/ci.yml"
LINT = "on: [push]\njobs:\n  lint:\n    steps:\n      - run: ruff check .\n"

PROPERTY = Check(
    id="code.static.linted",
    requirements=("code.static",),
    title="A tool shows the property on every change",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_property,
    documentation=Documentation(
        what="A job runs the tool that shows what the line asks for, and stops at a finding.",
        why="What no tool holds, the third pull request drops.",
        how_verified="Known are: linted, formatted, strictly typed, bodies of responses closed (Go). "
        "Other properties are unknown: attest to them.",
        how_to_mend="Run the tool on push and pull_request.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "code.static",
        {"subject": "Code is linted"},
        must_fail=Stage(repo={"app.py": "x = 1\n", WHERE: LINT.replace("check .", "check . || true")}),
        mended=Stage(repo={"app.py": "x = 1\n", WHERE: LINT}),
    ),
)

CHECKS = (PROPERTY,)
