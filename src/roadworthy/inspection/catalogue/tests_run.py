"""Tests: written, run on every change or lately, and without a failure; how much of the code they reach."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

from roadworthy.contracts.checks import Evidence, Verdict
from roadworthy.inspection.catalogue import running
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.model import Probes, Requirement
from roadworthy.inspection.probes import suites, syntax
from roadworthy.inspection.probes.jobs import PULL, PUSH
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.probes.scripts import Ran
from roadworthy.inspection.probes.suites import Coverage, Results, Stale

FILE = re.compile(
    r"(?:^|/)(?:test_\w+\.py|\w+_test\.py|tests\.py|[\w.-]+[.-](?:test|spec|cy|e2e)\.[cm]?[jt]sx?|\w+_(?:spec|test)\.rb"
    r"|\w+_test\.go|\w+(?:Tests?|IT|Spec)\.(?:java|kt)|\w+Test\.php|[\w-]+\.feature)$|(?:^"
    r"|/)__tests__/.+\.[cm]?[jt]sx?$"
)
TEST = re.compile(
    r"\bdef test_|\b(?:it|test|specify|scenario|Scenario)\b\s*[(:'\"]|\bfunc Test|@Test\b|function test", re.MULTILINE
)
KINDS: Mapping[str, re.Pattern[str]] = {
    "test.e2e": re.compile(
        r"(?:^|[/._-])(?:e2e|cypress|playwright|end[-_]to[-_]end|acceptance|system|features?|browser)(?:$|[/._-])"
        r"|\.cy\.|\.feature$", re.IGNORECASE,
    ),
    "test.integration": re.compile(
        r"(?:^|[/._\s-])(?:integration\w*|functional|api|contract)(?:$|[/._\s-])|IT\.(?:java|kt)$", re.IGNORECASE
    ),
}  # fmt: skip
_OF_TESTS = re.compile(r"(?:^|/)(?:tests?|specs?|__tests__|e2e|cypress|features?|playwright)/", re.IGNORECASE)
LANGUAGES: Mapping[str, tuple[tuple[str, ...], re.Pattern[str]]] = {
    "Python": ((".py",), re.compile(r"\b(?:pytest|py\.test|unittest|manage\.py test|django-admin test)\b")),
    "JavaScript": (
        (".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".mts", ".cts"),
        re.compile(r"\b(?:jest|vitest|mocha|ava|node --test|react-scripts test|ng test|bun test|c8"
                   r"|playwright test|cypress(?:-io| run)|nightwatch|wdio|testcafe|codeceptjs|detox test)\b"),
    ),
    "Ruby": ((".rb",), re.compile(r"\b(?:rspec|rails (?:db:\S+ )*test(?::\w+)?|rake (?:test|spec)|minitest)\b"
                                      r"|\brake\s*$", re.MULTILINE)),
    "Go": ((".go",), re.compile(r"\b(?:go test|gotestsum|ginkgo)\b")),
    "Java": (
        (".java", ".kt"),
        re.compile(r"\bmvnw? .{0,300}?(?:test|verify|package|install)\b|\bgradlew? .{0,300}?(?:test|check|build)\b"),
    ),
    "PHP": ((".php",), re.compile(r"\b(?:phpunit|pest|artisan test)\b")),
    "Gherkin": ((".feature",), re.compile(r"\b(?:behave|cucumber)(?:-js)?\b")),
}  # fmt: skip
BROWSER = re.compile(r"\b(?:playwright test|cypress(?:-io| run)|nightwatch|wdio|testcafe|codeceptjs|detox test)\b")
PLAIN = frozenset(
    re.findall(
        r"[\w-]+",
        "a add added all and app application are automated basic been best ci code complete completed "
        "comprehensive core cover coverage covered critical cycle done e2e end endpoint endpoints every exist "
        "exists feature features flow flows for full function functions green happy has have implement implemented "
        "in include including integration integrations is key level main major minimum most of on our pass passed "
        "passes passing path paths pipeline place project run running runs service services set setup should suite "
        "suites test tested testing tests the to unit up user were with write written achieve least than greater "
        "over percent ",
    )
)
OTHER_SCRIPTS = re.compile(
    r"\btests?[:_-](?:load|smoke|stress|perf\w*|soak|spike|security)\b|\b(?:load|smoke|stress|perf)[:_-]tests?\b"
    r"|\bk6 run\b|\blocust\b|\bartillery\b",
    re.IGNORECASE,
)
"""Scripts by the name of what they try, which no file of unit tests does."""
RUNNERS = frozenset(
    {"rspec", "pytest", "jest", "vitest", "mocha", "junit", "minitest", "phpunit", "cypress", "playwright"}
)
BACKEND = ("Python", "Ruby", "Go", "Java", "PHP")
FRONTEND = re.compile(r"(?:^|/)(?:frontend|client|web|ui|components?|pages)/|\.(?:tsx|jsx|vue)\b", re.IGNORECASE)


async def tests(probes: Probes, requirement: Requirement) -> Verdict:
    """Whether tests of the sort asked for passed lately, or run on every change."""
    repo = offered(probes.repo, "repo")
    if other := OTHER_SCRIPTS.search(requirement.text("subject")):
        raise Unobservable(f"{other[0]!r} runs other tests than those", "attest to its result")
    found, stale = await repo.facts(suites.results)
    files = [path for path in await repo.facts(_test_files) if _kind(path) == requirement.id]
    if script := _named_script(requirement):
        return _of_script(repo, script, found)
    said = [_of_kind(one, requirement.id) for one in found]
    ran_lately = [one for one in said if one.passed or one.failed]
    if ran_lately:
        return _of_results(repo, requirement, ran_lately)
    return await _of_pipeline(repo, requirement, files, stale)


def _kind(name: str) -> str:
    own = _OF_TESTS.search(name)  # an application called api is no test of one
    said = (name[own.start() :] if own else name.rpartition("/")[2]).replace("::", "/")
    return next((kind for kind, pattern in KINDS.items() if pattern.search(said)), "test.unit")


def _test_files(repo: RepoProbe) -> Sequence[str]:
    """Files that hold at least one test; a stub with an import does not."""
    return [path for path in repo.files if FILE.search(path) and TEST.search(repo.read(path)) and _does(repo, path)]


def _does(repo: RepoProbe, path: str) -> bool:
    """Whether a test of a Python file does anything: `def test_it(): pass` can't fail."""
    tree = syntax.module(repo.read(path)) if path.endswith(".py") else None
    if tree is None:
        return True
    tests = [
        one
        for one in ast.walk(tree)
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name.startswith("test")
    ]
    return not tests or any(not _is_idle(statement) for test in tests for statement in test.body)


def _is_idle(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return True
    if isinstance(statement, ast.Assert):
        return isinstance(statement.test, ast.Constant)
    return isinstance(statement, ast.Pass | ast.Return)


def _of_kind(one: Results, kind: str) -> Results:
    names, broken = ([name for name in names if _kind(name) == kind] for names in (one.names, one.broken))
    return Results(one.path, one.made_at, len(names), len(broken), one.skipped, tuple(names), tuple(broken))


def _of_results(repo: RepoProbe, requirement: Requirement, said: Sequence[Results]) -> Verdict:
    answer = "\n".join(f"{one.path}: {one.passed} passed, {one.failed} failed ({one.made_at:%Y-%m-%d})" for one in said)
    evidence = observe("results of the last run", answer, repo.vantage)
    broken = [name for one in said for name in one.broken]
    missing = [
        word for word in _words(requirement) if not any(_about(word, name) for one in said for name in one.names)
    ]
    if broken:
        return failed(
            f"{len(broken)} tests failed, the first: {broken[0][:120]}", evidence, mend="mend them, or the code"
        )
    if missing:
        return unknown(
            f"tests passed, none of them names {listed(missing)}", evidence, mend="name the tests by what they test"
        )
    return passed(
        f"{sum(one.passed for one in said)} tests passed and none failed, since the code last changed", evidence
    )


async def _of_pipeline(
    repo: RepoProbe, requirement: Requirement, files: Sequence[str], stale: Sequence[Stale]
) -> Verdict:
    seen = await running.integration(repo)
    steps = [one for one in await running.ran(repo) if one.job.of_every_change and one.stops]
    covered = {path: one for path in files for one in steps if _covers(one, path)}
    evidence = _looked(repo, files, covered, stale)
    if not files:
        return failed(
            f"no file holds {_called(requirement.id)}", evidence, mend="write them, and run them on every change"
        )
    lost = sorted({_language(path) for path in files} - {_language(path) for path in covered})
    if seen.unread and lost:
        return unknown(f"nothing read here runs those in {listed(lost)}; not read: {listed(seen.unread, 3)}", evidence)
    if lost:
        return failed(
            f"no job runs those {_called(requirement.id)} (of {len(files)} files) in {listed(lost)}", evidence,
            mend="run them on push and pull_request, or keep junit.xml of a run in the tree",
        )  # fmt: skip
    missing = [
        word for word in _words(requirement) if not any(_about(word, f"{path} {repo.read(path)}") for path in covered)
    ]
    if missing:
        return unknown(f"tests run on every change, none of them names {listed(missing)}", evidence)
    if running.STATED_GREEN.search(requirement.text("subject")):
        return unknown(
            "they run on every change; whether they pass does not stand in the files", evidence,
            mend="keep junit.xml of the last run in the tree that is inspected",
        )  # fmt: skip
    one = next(iter(covered.values()))
    return passed(
        f"{len(covered)} files with {_called(requirement.id)} run in {one.job.where} on every change", evidence
    )


def _called(kind: str) -> str:
    return {"test.e2e": "end-to-end tests", "test.integration": "integration tests"}.get(kind, "unit tests")


def _looked(repo: RepoProbe, files: Sequence[str], covered: Mapping[str, Ran], stale: Sequence[Stale]) -> Evidence:
    by_job = dict.fromkeys(
        f"{one.job.where} ({' and '.join(sorted(one.job.triggers & {PUSH, PULL}))})" for one in covered.values()
    )
    old = "".join(f"\n{one.path} {one.reason}" for one in stale[:3])
    answer = f"{len(files)} files hold such tests: {listed(files, 5)}\n{len(covered)} run in {listed(by_job, 4)}"
    return observe("files with tests, and jobs that run them", answer + old, repo.vantage)


def _language(path: str) -> str:
    return next((name for name, (endings, _) in LANGUAGES.items() if path.endswith(endings)), "")


def _covers(one: Ran, path: str) -> bool:
    """Whether the step runs the tests in `path`: by its runner's language, its paths and what it leaves out."""
    if path not in one.text and _kind(path) == "test.e2e" and _language(path) == "JavaScript":
        return bool(BROWSER.search(one.text))
    runner = LANGUAGES.get(_language(path), ((), re.compile(r"(?!)")))[1]
    lines = (line for line in one.text.splitlines() if not running.ONLY_NAMED.search(line))
    return any(_line_covers(line, path) for line in lines if runner.search(line))


def _line_covers(line: str, path: str) -> bool:
    kind = re.search(r"\brails (?:db:\S+ )*test:(system|integration|models?|controllers?|all)", line)
    if kind and kind[1] != "all" and f"/{kind[1]}" not in f"/{path}":
        return False
    words = [word.strip("'\"").rstrip("/").removeprefix("./") for word in re.split(r"[\s=]+", line)]
    left_out = re.findall(
        r"(?:--ignore(?:-glob)?|--deselect|--exclude(?:-tag)?|--testPathIgnorePatterns)[= ]['\"]?([\w/.-]+)", line
    )
    if any(_within(path, one) for one in left_out):
        return False
    marks = re.search(r"\s(?:-m|-k|--tags?|-t|--grep)[= ]+['\"]?((?:not )?[\w ]+)", line)
    if marks and "pytest" in line.partition(marks[0])[0]:
        wanted = re.findall(r"(not )?(unit|integration|e2e|smoke|slow)", marks[1])
        if any(bool(no) == (kind in path.lower()) for no, kind in wanted if kind in {"unit", "integration", "e2e"}):
            return False
    named = [word for word in words if ("/" in word and "..." not in word) or word in {"tests", "test", "spec", "e2e"}]
    places = [word for word in named if _within(path, word) or re.search(r"tests?|spec|e2e", word)]
    return not places or any(_within(path, word) for word in places)


def _within(path: str, folder: str) -> bool:
    return path.startswith(folder) or f"/{folder}" in path


def _words(requirement: Requirement) -> Sequence[str]:
    """What the line says the tests are about, beyond that they are tests: "storage", "frontend"."""
    said = re.sub(r"`[^`]*`|\d+\S*", " ", requirement.text("subject").lower())
    return [word for word in dict.fromkeys(re.findall(r"[a-z][a-z-]{2,}", said)) if word not in PLAIN | RUNNERS]


def _about(word: str, text: str) -> bool:
    if word in {"backend", "server", "server-side"}:
        return _language(text.split(" ", maxsplit=1)[0]) in BACKEND or "backend" in text or "test_" in text
    if word in {"frontend", "client", "client-side", "component", "components"}:
        return bool(FRONTEND.search(text.split("\n", maxsplit=1)[0]))
    return word.removesuffix("s") in text.lower()


def _named_script(requirement: Requirement) -> str:
    found = re.search(r"(?<![\w./-])[\w./-]{1,200}\.(?:py|js|ts|sh|rb)\b", requirement.text("command"))
    return found[0] if found else ""


def _of_script(repo: RepoProbe, script: str, found: Sequence[Results]) -> Verdict:
    path = next((one for one in repo.files if one == script or one.endswith(f"/{script}")), "")
    evidence = observe(f"file {script}", path or f"not among {len(repo.files)} files", repo.vantage, basis=path)
    if not path:
        return failed(f"there is no {script} in the source tree", evidence, mend=f"write {script}, or mend the line")
    stem = path.rpartition("/")[2].partition(".")[0]
    ran = [one for one in found if any(stem in name for name in (*one.names, *one.broken))]
    if not ran:
        return unknown(
            f"{path} is there; whether it passes only a run shows", evidence, mend="keep its junit.xml in the tree"
        )
    broken = [name for one in ran for name in one.broken if stem in name]
    if broken:
        return failed(f"{counted(len(broken), 'test')} of {path} failed", evidence, mend="mend them, or the code")
    return passed(f"{path} passed in {ran[0].path}", evidence)


async def covered(probes: Probes, requirement: Requirement) -> Verdict:
    """Whether the measured share of lines is the one asked for."""
    repo = offered(probes.repo, "repo")
    measured, stale = await repo.facts(suites.coverage)
    chosen = _of_part(measured, requirement)
    if not chosen:
        old = f"; {stale[0].path} {stale[0].reason}" if stale else ""
        raise Unobservable(
            f"no coverage of the code as it stands is in the tree{old}",
            "run the tests with coverage, and leave coverage.xml, lcov.info or coverage-summary.json where the "
            "inspection sees it",
        )
    lines = [f"{one.path}: {one.ratio:.1%} of {one.lines or 'all'} lines ({one.made_at:%Y-%m-%d})" for one in chosen]
    evidence = observe(
        "measured coverage",
        "\n".join(lines),
        repo.vantage,
        basis="\n".join(f"{one.path} {one.ratio:.3f}" for one in chosen),
    )
    wanted, least = requirement.number("min_ratio"), min(chosen, key=lambda one: one.ratio)
    if wanted is None:
        return unknown(
            f"tests reach {least.ratio:.1%} of the lines; the line does not say how much is enough", evidence
        )
    if least.ratio < wanted:
        return failed(
            f"tests reach {least.ratio:.1%} of the lines ({least.path}), the line says {wanted:.0%}", evidence,
            mend="test what is not reached: the report lists it",
        )  # fmt: skip
    return passed(f"tests reach {least.ratio:.1%} of the lines, {wanted:.0%} are asked for", evidence)


def _of_part(measured: Sequence[Coverage], requirement: Requirement) -> Sequence[Coverage]:
    """Figures of the part that the line names, where there are several; all of them otherwise."""
    subject = requirement.text("subject").lower()
    for part in ("backend", "frontend"):
        if part in subject:
            own = [one for one in measured if one.path.startswith(f"{part}/")]
            return own or [one for one in measured if "/" not in one.path and part == "backend"]
    return measured


async def smoke(probes: Probes, requirement: Requirement) -> Verdict:
    """Whether smoke tests passed, where the line speaks of such."""
    repo = offered(probes.repo, "repo")
    if "smoke" not in requirement.text("subject").lower():
        raise Unobservable("a flow only shows when it is walked", "describe it in target.toml: [[flow]]")
    found, _ = await repo.facts(suites.results)
    names = [name for one in found for name in (*one.names, *one.broken) if "smoke" in name.lower()]
    broken = [name for one in found for name in one.broken if "smoke" in name.lower()]
    steps = [
        one for one in await running.ran(repo) if re.search(r"\bsmoke\b|smoke[-_.]|[-_]smoke", one.text, re.IGNORECASE)
    ]
    after = [one for one in steps if one.stops and one.job.triggers & running.AUTOMATIC]
    where = listed(one.job.where for one in steps)
    answer = f"{len(names)} smoke tests in {len(found)} results; steps that run them: {where}"
    evidence = observe("smoke tests", answer, repo.vantage)
    if broken:
        return failed(
            f"{len(broken)} smoke tests failed, the first: {broken[0][:120]}", evidence, mend="mend what they found"
        )
    if names:
        return passed(f"{len(names)} smoke tests passed since the code last changed", evidence)
    if after:
        return unknown(
            f"{after[0].job.where} runs smoke tests; their result is not here", evidence, mend="keep its junit.xml"
        )
    return unknown(
        "no result of a smoke test is in the tree", evidence, mend="keep junit.xml of its last run in the tree"
    )
