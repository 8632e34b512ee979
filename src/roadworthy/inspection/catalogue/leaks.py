"""Secrets where everybody reads: in files that are committed, in the history, in what .gitignore lets through."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import running
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import leaked
from roadworthy.inspection.probes.git import Git
from roadworthy.inspection.probes.leaked import Leak
from roadworthy.inspection.probes.repo import RepoProbe, is_aside

COMMITS = 400
FILE_BYTES = 2 * 1024 * 1024
BYTES_LIMIT = 48 * 1024 * 1024
PASSED_OVER = re.compile(
    r"(?:^|/)(?:node_modules|site-packages|vendor)/|(?:^|/)(?:package-lock\.json|yarn\.lock|pnpm-lock\.yaml|poetry\.lock|uv\.lock|Gemfile\.lock|composer\.lock"
    r"|go\.sum"
    r"|Cargo\.lock|\.secrets\.baseline|\.gitleaksignore)$|\.(?:min\.js|min\.css|map|svg|png|jpe?g|gif|ico|woff2?|ttf|eot|pdf|zip|gz|jar|pyc|lock|csv|snap)$"
)
"""Made by tools, or no text: digests in them look like keys."""
MADE = re.compile(r"\.(?:csv|map|lock|min\.js|snap)$|(?:^|/)(?:package-lock\.json|[\w-]+\.lock)$")
"""Of those, texts in which only a provider's shape counts."""
KEPT_ELSEWHERE = re.compile(
    r"vaults?\b|secrets? (?:manager|store)|secret-?manager|parameter store|\b(?:hsm|kms|doppler|infisical|1password)\b"
    r"|external secrets|sealed secrets",
    re.IGNORECASE,
)
DENIED = re.compile(r"\b(?:no|not|never|without|none|zero)\b|hard-?coded", re.IGNORECASE)
NOT_IN_CODE = re.compile(
    r"\b(?:shar(?:e|ed|ing)|invit\w+|hand(?:ed)? over|distribut\w+|reset)\b"
    r"|\bin (?:the )?(?:db|database|logs?|chat|slack|e-?mails?|wiki|tickets?)\b",
    re.IGNORECASE,
)
"""What a line may say of secrets beyond that the code holds none."""
ONE_FILE = re.compile(r"^\W*\.env[\w.]*\W+(?!.*\b(?:commit|git|not|never)\b)", re.IGNORECASE)
"""A line about one file and what it holds, not about whether it is shared."""
PRIVATE = re.compile(r"(?:^|/)\.env(?:\.(?!example|sample|template|dist|defaults?$)[\w-]+)*$")
LOOKS_LIKE = re.compile(
    r"(?:^|/)(?:\.?env[\w.-]*)?\.?(?:example|sample|template|dist)(?:$|\.)|\.(?:example|sample|template|dist)$"
)
HISTORY = (":(glob)**/.env", ":(glob)**/.env.local", ":(glob)**/.env.production", ":(glob)**/.env.prod")


@dataclass(frozen=True, slots=True)
class Searched:
    """What was found, and in how much: `files` looked at, `commits` of the history, `how` they were chosen."""

    leaks: tuple[Leak, ...]
    files: int
    commits: int
    how: str


def search(repo: RepoProbe) -> Searched:
    """Look into what is committed (or, without git, into every file but private ones) and into the history."""
    try:
        git: Git | None = Git(repo.root)
        tracked = frozenset(git.tracked()) if git else frozenset()
    except Unobservable:
        if os.path.lexists(repo.root / ".git"):
            raise  # a history that can't be read is not an absent one
        git, tracked = None, frozenset()
    read = (path for path in repo.files if MADE.search(path) or not PASSED_OVER.search(path))
    files = [path for path in read if _shared(path, tracked, git)]
    leaks = tuple(_in_files(repo, files))
    old, commits = _in_history(git) if git else ((), 0)
    how = "tracked files and the history" if git else "files; no git history was there to look into"
    return Searched((*leaks, *old)[: leaked.FINDINGS_LIMIT], len(files), commits, how)


def _shared(path: str, tracked: frozenset[str], git: Git | None) -> bool:
    return path in tracked if git is not None and tracked else not PRIVATE.search(path)


def _in_files(repo: RepoProbe, files: Sequence[str]) -> Iterator[Leak]:
    read = 0
    for path in files:
        text = repo.read(path, FILE_BYTES)
        read += len(text)
        if read > BYTES_LIMIT:
            raise Unobservable(f"the source tree holds over {BYTES_LIMIT} bytes of text", "name a part of it")
        if "\0" not in text[:1024]:
            yield from leaked.in_text(path, text, guesses=not _told(path))


def _told(path: str) -> bool:
    """Tests, examples and documents hold invented values: only a provider's shape counts there."""
    if MADE.search(path):
        return True
    return is_aside(path) or bool(LOOKS_LIKE.search(path)) or path.lower().endswith((".md", ".rst", ".adoc", ".txt"))


def _in_history(git: Git) -> tuple[tuple[Leak, ...], int]:
    """What commits added, whether it is still there or not."""
    commit, path, commits = "", "", 0
    found: dict[tuple[str, str], Leak] = {}
    for line in git.added_lines(COMMITS).splitlines():
        if line.startswith("commit "):
            commit, commits = line[7:], commits + 1
        elif line.startswith("+++ "):
            path = line[6:]
        elif line.startswith("+") and (MADE.search(path) or not PASSED_OVER.search(path)):
            for sort, sure in leaked.in_line(
                path, line[1:], guesses=bool(leaked.BARE_FILES.search(path)) and not _told(path)
            ):
                found.setdefault((path, sort), Leak(f"{path} in commit {commit}", 0, sort, sure))
    return tuple(found.values()), commits


def _kept_elsewhere(subject: str) -> re.Match[str] | None:
    """Where the line says that secrets are; what a bracket recommends, or the same clause denies, it does not say."""
    clauses = re.split(r"[;,.]\s|\band\b", re.sub(r"\([^)]{0,300}\)", " ", subject))
    return next((found for one in clauses if (found := KEPT_ELSEWHERE.search(one)) and not DENIED.search(one)), None)


async def _secrets(probes: Probes, requirement: Requirement) -> Verdict:
    repo, subject = offered(probes.repo, "repo"), requirement.text("subject")
    if about := NOT_IN_CODE.search(subject) or ONE_FILE.search(subject):
        raise Unobservable(f"the line is about secrets beyond the code ({about[0]!r})", "attest to it")
    if not repo.find(*running.CODE):
        raise Unobservable("the source tree holds no code", "[repository] path names the root of the source")
    seen = await repo.facts(search)
    now = [one for one in seen.leaks if one.line]
    before = [one for one in seen.leaks if not one.line]
    answer = (
        f"{listed([one.where for one in (*now, *before)], 10)}; {seen.files} files and {seen.commits} commits looked at"
    )
    evidence = observe(f"secrets in {seen.how}", answer, repo.vantage, basis=listed([one.where for one in now], 40))
    if now:
        return failed(
            f"{counted(len(now), 'secret stands', 'secrets stand')} in the code, the first: {now[0].where}", evidence,
            mend="take them out, read them from the environment, and change them: who could read the code has them",
        )  # fmt: skip
    if before:
        return failed(
            f"{counted(len(before), 'secret stands', 'secrets stand')} in the history, the first: {before[0].where}",
            evidence,
            mend="change them: deleting a file leaves it in every clone",
        )  # fmt: skip
    if place := _kept_elsewhere(subject):
        return unknown(
            f"no secret was found in {seen.files} {seen.how}; whether they are kept in {place[0]!r} shows only there",
            evidence, mend="attest to it",
        )  # fmt: skip
    return passed(f"no secret was found in {seen.files} {seen.how}", evidence)


async def _ignored(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    named = tuple(dict.fromkeys([requirement.text("file"), *requirement.names("names")]))
    rules, committed, commits = await asyncio.to_thread(_kept_out, repo, named)
    lines = [f"{path}: {rule or 'no rule'}" for path, rule in rules]
    evidence = observe(
        "git check-ignore, git ls-files, git log --all",
        "\n".join(lines) + f"\ntracked: {listed(committed)}; commits: {listed(commits, 5)}", repo.vantage,
    )  # fmt: skip
    open_now = [path for path, rule in rules if not rule]
    if committed:
        return failed(
            f"{committed[0]} is committed", evidence,
            mend="git rm --cached it, add the rule, and change every secret in it", patch=".env",
        )  # fmt: skip
    if open_now:
        return failed(
            f"nothing keeps {open_now[0]} out of git", evidence, mend="add the rule to .gitignore", patch=".env"
        )
    if commits:
        return failed(
            f"it is ignored now, but was committed once: {commits[0]}", evidence,
            mend="change every secret that it held: the history keeps it",
        )  # fmt: skip
    return passed(f"{listed(path for path, _ in rules)} is ignored and was never committed", evidence)


def _kept_out(repo: RepoProbe, named: Sequence[str]) -> tuple[Sequence[tuple[str, str]], Sequence[str], Sequence[str]]:
    """The rule for each private file, those that are tracked, and commits that held one."""
    git = Git(repo.root)
    git.head()
    folders = {
        path.rpartition("/")[0]
        for path in repo.files
        if re.search(r"(?:^|/)\.?env\.(?:example|sample|template)$", path)
    }
    wanted = [one for one in named if one and not LOOKS_LIKE.search(one) and "gitignore" not in one]
    wanted += [f"{folder}/.env".lstrip("/") for folder in sorted({"", *folders})] if not wanted else []
    held = [path for path in git.tracked() if PRIVATE.search(path) or path in wanted]
    return [(path, git.ignored(path)) for path in wanted], held, git.commits_of(*HISTORY, *wanted)


CODE = {"app/settings.py": 'import os\n\nSTRIPE_KEY = os.environ["STRIPE_KEY"]\n'}
INVENTED = "tR4vel-Qu1ckly-88"
PLANTED = {"app/settings.py": f'SMTP_PASSWORD = "{INVENTED}"\n'}

SECRETS = Check(
    id="sec.nosecrets.searched",
    requirements=("sec.nosecrets",),
    title="No secret stands in the code or its history",
    severity=Severity.CRITICAL,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_secrets,
    timeout_seconds=40.0,
    documentation=Documentation(
        what="No committed file, and none of the last commits, holds a key of a known provider, a private key, "
        "or a name like "
        "password or token with a telling value.",
        why="Who may read the code, a build log or an old clone has every secret that was ever in it.",
        how_verified=f"The first {FILE_BYTES // 1024**2} MB of each file: "
        f"shapes of {len(leaked.SHAPES)} providers; names of secrets given a value with letters, "
        f"digits and entropy; "
        f"passwords in addresses. Tracked files, and what the last {COMMITS} commits added (there only shapes, and "
        "names in files of settings); without git every file but .env. In "
        "tests, examples and documents only a provider's shape counts. Values are never shown.",
        how_to_mend="Read secrets from the environment or a secret store; change those that were found.",
        not_applicable_when="Never.",
    ),
    fixtures=twins("sec.nosecrets", must_fail=Stage(repo=PLANTED), mended=Stage(repo=CODE)),
)

IGNORED = Check(
    id="sec.gitignore.rule",
    requirements=("sec.gitignore",),
    title="Private files are ignored, and never were committed",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_ignored,
    timeout_seconds=20.0,
    documentation=Documentation(
        what="A rule keeps .env (or the file that the line names) out of git, none is tracked, and no commit "
        "ever held one.",
        why="One git add is enough, and a deleted file stays in the history.",
        how_verified="git check-ignore, git ls-files and git log over all branches; also beside each .env.example.",
        how_to_mend="Add .env to .gitignore; git rm --cached what is tracked; change the secrets that it held.",
        not_applicable_when="Never; without a .git folder the line is unknown.",
    ),
    fixtures=twins(
        "sec.gitignore",
        must_fail=Stage(repo={".gitignore": "*.pyc\n"}, committed=({**CODE, ".gitignore": "*.pyc\n"},)),
        mended=Stage(repo={".gitignore": ".env\n"}, committed=({**CODE, ".gitignore": ".env\n"},)),
    ),
)

CHECKS = (SECRETS, IGNORED)
