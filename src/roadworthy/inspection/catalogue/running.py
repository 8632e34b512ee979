"""What the jobs of continuous integration run: which commands test, scan, build or deploy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from roadworthy.contracts.checks import Evidence
from roadworthy.inspection.catalogue.kit import counted, listed, observe
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes import scripts, workflows
from roadworthy.inspection.probes.jobs import PUSH, RELEASE, SCHEDULE, TAG, Integration
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.probes.scripts import Ran

TESTS = re.compile(
    r"\b(?:pytest|py\.test|unittest|(?:manage\.py|django-admin) test"
    r"|(?:bin/)?rails (?:db:\S+ )*test(?::\w+)?|jest|vitest(?! bench)|mocha|ava|node --test|c8"
    r"|react-scripts test|ng test|bun test|deno test|rspec|rake (?:test|spec)|minitest"
    r"|go test|gotestsum|ginkgo|mvnw? .{0,200}?(?:test|verify|package|install|deploy)"
    r"|gradlew? .{0,200}?(?:test|check|build)\b"
    r"|phpunit|pest|artisan test|cargo (?:test|nextest)|dotnet test|mix test|sbt test)\b",
    re.IGNORECASE,
)
ONLY_NAMED = re.compile(
    r"^[ \t]*(?:(?:pip3?|uv pip|python3? -m pip) install|(?:npm|pnpm|yarn) (?:i|install|add|ci)"
    r"|(?:apt(?:-get)?|brew|apk)|gem install|go install|echo|printf|which|command -v)\b"
    r"|\s(?:--version|--help|-V|--collect-only|--co|--listTests|--list-tests|--dry-run)\s*(?:$|[|&;>])",
    re.IGNORECASE,
)
"""A line that names a tool without running it: it installs, prints, or asks for its version."""
BUILDS = re.compile(
    r"\b(?:ruff|flake8|pylint|mypy|pyright|eslint|tsc|biome|standard|rubocop|golangci-lint|go vet|staticcheck"
    r"|checkstyle"
    r"|spotbugs|clippy|phpstan|(?:npm|pnpm|yarn|next|vite|go|cargo) (?:run )?build|docker (?:buildx )?build"
    r"|docker/build-push-action)\b",
    re.IGNORECASE,
)
CODE = ("*.py", "*.js", "*.mjs", "*.cjs", "*.ts", "*.tsx", "*.jsx", "*.vue", "*.svelte", "*.rb", "*.go", "*.java",
        "*.kt", "*.scala", "*.php", "*.cs", "*.rs", "*.ex", "*.exs")  # fmt: skip
AUTOMATIC = frozenset({PUSH, TAG, RELEASE, SCHEDULE})
STATED_GREEN = re.compile(r"\b(?:green|pass(?:es|ing|ed)?|succeed\w*|success\w*)\b", re.IGNORECASE)


async def integration(repo: RepoProbe) -> Integration:
    """The jobs of `repo`.

    Raises:
        Unobservable: there is no code, or the tree may be a part of one whose root defines them.
    """
    found = await repo.facts(workflows.read)
    if not repo.find(*CODE):
        raise Unobservable("the source tree holds no code", "[repository] path names the root of the source")
    if not found.files and not found.others and not is_root(repo):
        raise Unobservable(
            "no pipeline is defined here, and no .git says that this is the root", "[repository] path names the root"
        )
    return found


def is_root(repo: RepoProbe) -> bool:
    """Whether the tree is a whole repository: pipelines of a part are defined above it."""
    return (repo.root / ".git").exists()


async def ran(repo: RepoProbe) -> Sequence[Ran]:
    """Every step of every job, with all that it comes to."""
    return await repo.facts(scripts.steps)


def matching(steps: Iterable[Ran], pattern: re.Pattern[str]) -> Sequence[tuple[Ran, str]]:
    """Steps that run (not merely install or print) what the pattern names, and the words found."""
    found = []
    for one in steps:
        lines = (part for line in one.text.splitlines() for part in _parts(line) if not ONLY_NAMED.search(part))
        match = next(filter(None, map(pattern.search, lines)), None)
        if match:
            found.append((one, match[0]))
    return found


def _parts(line: str) -> Sequence[str]:
    """The commands of a line: `pip install pytest && pytest --version`."""
    return [part.strip() for part in re.split(r"&&|;|\|\|", line)]


def shown(repo: RepoProbe, asked: str, found: Sequence[tuple[Ran, str]], seen: Integration) -> Evidence:
    """The steps found, as evidence; or what was looked at."""
    said = [f"{one.job.where} ({', '.join(sorted(one.job.triggers)) or 'never'}): {words}" for one, words in found]
    answer = f"{listed(dict.fromkeys(said), 8)}; {counted(len(seen.jobs), 'job')} in {listed(seen.files, 6)}"
    unread = f"; not read: {listed(dict.fromkeys(seen.unread), 4)}" if seen.unread else ""
    return observe(asked, answer + unread, repo.vantage)


def every_change(found: Sequence[tuple[Ran, str]]) -> Sequence[tuple[Ran, str]]:
    """Those that run on a push or pull request and stop it when they fail."""
    return [(one, words) for one, words in found if one.job.of_every_change and one.stops]
