"""What is committed, released and kept current: the bot for dependencies, the state of the checkout, the artefacts."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import running
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import yaml_files
from roadworthy.inspection.probes.git import Git, Head, Upstream
from roadworthy.inspection.probes.jobs import PUSH, RELEASE, TAG
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.probes.yaml_files import NotYaml, at, rows, table

DEPENDABOT = (".github/dependabot.yml", ".github/dependabot.yaml")
RENOVATE = (
    *("renovate.json", "renovate.json5", ".renovaterc", ".renovaterc.json"),
    *(".github/renovate.json", ".github/renovate.json5", ".gitlab/renovate.json"),
)
ECOSYSTEMS: Mapping[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "Python": (("requirements*.txt", "pyproject.toml", "Pipfile"), frozenset({"pip", "uv", "pipenv", "poetry"})),
    "JavaScript": (("package.json",), frozenset({"npm", "bun", "yarn", "pnpm"})),
    "Ruby": (("Gemfile",), frozenset({"bundler"})),
    "Go": (("go.mod",), frozenset({"gomod"})),
    "Java": (("pom.xml", "build.gradle*"), frozenset({"maven", "gradle"})),
    "PHP": (("composer.json",), frozenset({"composer"})),
    "Rust": (("Cargo.toml",), frozenset({"cargo"})),
}
SAID: Mapping[str, str] = {"docker": "docker", "github actions": "github-actions", "npm": "npm"}
PUBLISHES = re.compile(
    r"\b(?:docker (?:image )?push|docker/build-push-action|docker buildx build .*--push|kaniko|buildah push|ko publish"
    r"|twine upload|pypa/gh-action-pypi-publish|(?:npm|pnpm|yarn npm) publish|gem push|mvnw? .*deploy|goreleaser"
    r"|gh release (?:create|upload)|softprops/action-gh-release|ncipollo/release-action|helm push|cargo publish"
    r"|gcloud builds submit)\b",
    re.IGNORECASE,
)
REGISTRIES: Mapping[str, str] = {
    "ECR": r"\becr\b|amazonaws", "GHCR": r"ghcr\.io", "Docker Hub": r"docker\.io|docker/login-action|dockerhub",
    "GCR": r"gcr\.io|pkg\.dev", "ACR": r"azurecr", "npm": r"npm|pnpm|yarn", "PyPI": r"twine|pypi",
}  # fmt: skip
COMMENTS = re.compile(r"(?m)^[ \t]*//[^\n]*$|/\*.*?\*/|,(?=\s*[}\]])", re.DOTALL)


async def _bot(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    if not repo.find(*running.CODE):
        raise Unobservable("the source tree holds no code", "[repository] path names the root of the source")
    path = next((one for one in (*DEPENDABOT, *RENOVATE) if one in repo.files), "")
    evidence = observe("dependabot.yml, renovate.json", path or f"neither among {len(repo.files)} files", repo.vantage)
    if not path and not running.is_root(repo):
        raise Unobservable("no bot is configured here, and no .git says that this is the root", "name the root")
    named = requirement.text("file")
    if not path or (named and not path.endswith(named.lstrip("./"))):
        return failed("no bot raises dependencies", evidence, mend="add .github/dependabot.yml", patch=BOT)
    problem, entries = _dependabot(repo, path, requirement) if path in DEPENDABOT else _renovate(repo, path)
    evidence = observe(path, entries or "nothing that can be read", repo.vantage)
    if problem:
        return failed(f"{path}: {problem}", evidence, mend="name every ecosystem of the tree", patch=BOT)
    return passed(f"{path} keeps the dependencies current: {entries}", evidence)


def _dependabot(repo: RepoProbe, path: str, requirement: Requirement) -> tuple[str, str]:
    try:
        document = yaml_files.document(repo.read(path))
    except NotYaml as error:
        return f"can't be read: {error}", ""
    updates = [table(one) for one in rows(document.get("updates"))]
    names = {str(one.get("package-ecosystem")) for one in updates if at(one, "schedule", "interval") and _looks(one)}
    entries = ", ".join(f"{one.get('package-ecosystem')} {at(one, 'schedule', 'interval')}" for one in updates)
    subject = requirement.text("subject").lower()
    missing = [name for name, (files, own) in ECOSYSTEMS.items() if repo.find(*files, aside=False) and not own & names]
    missing += [word for word, own in SAID.items() if word in subject and own not in names and word not in missing]
    period = next((word for word in ("daily", "weekly", "monthly") if word in subject), "")
    slow = [one for one in updates if period and at(one, "schedule", "interval") != period]
    if missing or not names:
        return f"nothing raises {listed(missing) if missing else 'anything'}", entries
    if slow:
        return f"{slow[0].get('package-ecosystem')} is not looked at {period}", entries
    if "group" in subject and not any("groups" in one for one in updates):
        return "nothing is grouped", entries
    return "", entries


def _looks(update: Mapping[str, object]) -> bool:
    """Whether an entry opens anything: a limit of 0 turns all but security updates off."""
    return update.get("open-pull-requests-limit") != 0 and bool(update.get("directory") or update.get("directories"))


def _stops_all(rule: Mapping[str, object]) -> bool:
    """Whether one of packageRules turns off all packages: it names none, or a pattern that fits every name."""
    named = [value for name, value in rule.items() if name.startswith(("match", "packageP", "packageN"))]
    everything = any({"*", "**", ".*", "/.*/", "^"} & set(map(str, one)) for one in named if isinstance(one, list))
    return rule.get("enabled") is False and (everything or not named)


def _renovate(repo: RepoProbe, path: str) -> tuple[str, str]:
    try:
        told = json.loads(COMMENTS.sub("", repo.read(path, 32 * 1024)))
    except (ValueError, RecursionError):
        return "can't be read", ""
    if not isinstance(told, dict) or told.get("enabled") is False:
        return "is turned off", ""
    if any(_stops_all(rule) for rule in told.get("packageRules") or () if isinstance(rule, dict)):
        return "turns every package off by a rule", ""
    extends = [str(one) for one in told.get("extends") or ()] if isinstance(told.get("extends"), list) else []
    if not extends and not told.get("packageRules"):
        return "extends no preset and has no rule", ""
    disabled = [str(one) for one in extends if "disable" in one.lower()]
    return (f"extends {disabled[0]}", "") if disabled else ("", f"Renovate with {listed(extends)}")


@dataclass(frozen=True, slots=True)
class State:
    """The checkout as git sees it."""

    head: Head
    upstream: Upstream | None
    changed: Sequence[str]


def _state(repo: RepoProbe) -> State:
    git = Git(repo.root)
    return State(git.head(), git.upstream(), repo.without_own(git.changed()))


async def _committed(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    state = await asyncio.to_thread(_state, repo)
    follows = (
        f"{state.upstream.name}: {state.upstream.ahead} ahead, {state.upstream.behind} behind"
        if state.upstream
        else "nothing"
    )
    branch = state.head.branch or "no branch"
    answer = f"{state.head.commit[:12]} on {branch}; changed: {listed(state.changed, 5)}; follows {follows}"
    evidence = observe("git status, HEAD and the branch that it follows", answer, repo.vantage)
    if state.changed:
        differ = counted(len(state.changed), "file differs", "files differ")
        return failed(
            f"{differ} from what is committed, the first: {state.changed[0]}", evidence,
            mend="commit them, or throw them away",
        )  # fmt: skip
    if state.upstream is None:
        return unknown(
            "everything is committed; no remote branch is followed, so whether it was pushed does not show", evidence
        )
    if state.upstream.ahead:
        return failed(f"{state.upstream.ahead} commits are not pushed", evidence, mend="git push")
    if re.search(r"\bpull|server|deploy|live\b", requirement.text("subject").lower()):
        return unknown("everything is committed and pushed; which commit serves does not show here", evidence)
    if state.upstream.behind:
        return failed(
            f"{state.upstream.behind} commits of {state.upstream.name} are missing here", evidence, mend="git pull"
        )
    return passed(f"everything is committed and in {state.upstream.name}, as last fetched", evidence)


async def _artifact(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    seen = await running.integration(repo)
    found = [
        (one, words) for one, words in running.matching(await running.ran(repo), PUBLISHES) if _publishes(one.text)
    ]
    able = [(one, words) for one, words in found if one.job.triggers & {PUSH, TAG, RELEASE} and one.stops]
    evidence = running.shown(repo, "jobs that publish a release", found, seen)
    if re.search(r"\bexists?|available|tagged|signed|published\b", requirement.text("subject").lower()) and able:
        return unknown("a job publishes releases; whether this one is there only the registry shows", evidence)
    if able and (open_end := _beyond(requirement.text("subject"), able[0][0].text)):
        return unknown(f"{able[0][0].job.where} runs {able[0][1]}; {open_end} does not show there", evidence)
    if able:
        return passed(f"{able[0][0].job.where} builds and stores the release by {able[0][1]}", evidence)
    if seen.unread:
        return unknown(f"no job read here stores a release; not read: {listed(seen.unread, 3)}", evidence)
    return failed(
        f"none of {len(seen.jobs)} jobs builds and stores a release", evidence,
        mend="build the image or package once, on a tag or the main branch, and push it to a registry",
    )  # fmt: skip


def _beyond(subject: str, text: str) -> str:
    """What the line says of the release beyond that one is stored: all of them, or a registry of this name."""
    if all_of := re.search(r"\b(?:all|every|each)\b", subject, re.IGNORECASE):
        return f"{all_of[0].lower()!r}"
    named = [name for name, sign in REGISTRIES.items() if re.search(rf"\b{name}\b", subject, re.IGNORECASE)]
    return next((name for name in named if not re.search(REGISTRIES[name], text, re.IGNORECASE)), "")


def _publishes(text: str) -> bool:
    return (
        "docker/build-push-action" not in text or re.search(r"push:\s*(?:true|\$\{\{)", text, re.IGNORECASE) is not None
    )


BOT = """\
version: 2
updates:
  - package-ecosystem: pip
    directory: /
    schedule: {interval: weekly}
"""
SERVICE = {"app.py": "x = 1\n", "requirements.txt": "flask\n"}
RELEASE_JOB = """\
on: {push: {tags: ["v*"]}}
jobs:
  release:
    steps:
      - run: docker build -t registry.example/web:$TAG .
      - run: docker push registry.example/web:$TAG
"""
WHERE = ".github/workflows/release.yml"
HEAD = {**SERVICE, "README.md": "x\n"}

BOT_SET = Check(
    id="ci.depbot.config",
    requirements=("ci.depbot",),
    title="A bot raises the dependencies of every language in the tree",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_bot,
    documentation=Documentation(
        what="dependabot.yml has an entry with a schedule for each language of the tree, or Renovate is on with "
        "a preset.",
        why="Old dependencies are raised all at once, on the day that a hole makes it urgent.",
        how_verified="Reads the file; ecosystems against the manifests of the tree; interval, groups and "
        "ecosystems that the "
        "line names. Whether the hosting service runs the bot does not show.",
        how_to_mend="Add the missing ecosystems.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "ci.depbot",
        must_fail=Stage(repo={**SERVICE, DEPENDABOT[0]: BOT.replace("pip", "npm")}),
        mended=Stage(repo={**SERVICE, DEPENDABOT[0]: BOT}),
    ),
)

COMMITTED = Check(
    id="repo.vcs.state",
    requirements=("repo.vcs",),
    title="Everything is committed and pushed",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_committed,
    timeout_seconds=30.0,
    documentation=Documentation(
        what="No file differs from what is committed, and the branch is where its remote branch is.",
        why="What stands on one machine only is lost with it, and can't be rolled back to.",
        how_verified="git status and rev-list against the branch that is followed, as last fetched: nothing is "
        "fetched. Lines "
        "about what the server runs stay unknown.",
        how_to_mend="git commit, git push.",
        not_applicable_when="Never; without a .git folder the line is unknown.",
    ),
    fixtures=twins(
        "repo.vcs",
        must_fail=Stage(repo={"app.py": "x = 2\n"}, committed=(HEAD,), remote=True),
        mended=Stage(repo={}, committed=(HEAD,), remote=True),
    ),
)

STORED = Check(
    id="build.artifact.job",
    requirements=("build.artifact",),
    title="A job builds the release once and stores it",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_artifact,
    documentation=Documentation(
        what="A job that a push, tag or release starts pushes an image or package to a registry.",
        why="What is built on the server is built differently next time, and can't be taken back.",
        how_verified="Commands and actions that publish, among the steps of the jobs. Lines that say that a "
        "release exists "
        "need the registry, and stay unknown.",
        how_to_mend="Build in the pipeline, push, deploy what was pushed.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "build.artifact",
        must_fail=Stage(repo={**SERVICE, WHERE: RELEASE_JOB.replace("docker push", "docker inspect")}),
        mended=Stage(repo={**SERVICE, WHERE: RELEASE_JOB}),
    ),
)

CHECKS = (BOT_SET, COMMITTED, STORED)
