"""Continuous integration: that it runs on every change and tests, that it scans, that it deploys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import running
from roadworthy.inspection.catalogue.kit import failed, listed, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.jobs import HAND, PULL, PUSH, SCHEDULE, UNSEEN, Integration
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.probes.scripts import Ran

SYSTEMS: Mapping[str, str] = {
    "github actions": "GitHub Actions", "github": "GitHub Actions", "gitlab ci": "GitLab CI",
    "jenkins": "Jenkins", "circleci": "CircleCI",
}  # fmt: skip
DEPENDENCIES = re.compile(
    r"\b(?:pip-audit|safety (?:check|scan)|(?:npm|pnpm|yarn(?: npm)?) audit|audit-ci|osv-scanner|snyk|trivy|grype"
    r"|bundle(?:r)?[- ]audit|bundle exec bundle-audit|govulncheck|nancy|dependency-check|cargo (?:audit|deny)"
    r"|composer audit|dependency-review-action|uv audit)\b|Dependency-Scanning",
    re.IGNORECASE,
)
CODE_SCAN = re.compile(
    r"\b(?:bandit|semgrep|codeql(?:-action)?|brakeman|gosec|sonar(?:qube|cloud|-scanner)?|njsscan|spotbugs|psalm"
    r"|eslint-plugin-security|snyk code)\b|(?:^|/)SAST",
    re.IGNORECASE,
)
SECRETS = re.compile(r"\b(?:gitleaks|trufflehog|detect-secrets|ggshield|git-secrets)\b|Secret-Detection", re.IGNORECASE)
IMAGES = re.compile(r"\b(?:trivy(?:-action)? (?:image|.{0,300}image-ref)|grype|snyk container|docker scout|clair"
                    r"|anchore)\b|image-ref:|Container-Scanning", re.IGNORECASE)  # fmt: skip
ANY_SCAN = re.compile(
    "|".join(f"(?:{one.pattern})" for one in (DEPENDENCIES, CODE_SCAN, SECRETS, IMAGES)), re.IGNORECASE
)
SORTS: tuple[tuple[re.Pattern[str], re.Pattern[str], str], ...] = (
    (re.compile(r"\bdependenc|packages?\b|\bsca\b", re.IGNORECASE), DEPENDENCIES, "dependencies"),
    (re.compile(r"\bsast\b|static|\bcode scan|codeql", re.IGNORECASE), CODE_SCAN, "code"),
    (re.compile(r"\bsecret", re.IGNORECASE), SECRETS, "secrets"),
    (re.compile(r"\bcontainer|\bimages?\b", re.IGNORECASE), IMAGES, "images"),
)
"""A word of the line, what answers it, and what it is called."""
REPORTS_ONLY = re.compile(r"exit-code:\s*['\"]?0|--exit-code[= ]0|--exit-zero|--no-fail|fail-on:\s*none", re.IGNORECASE)
DEPLOYS = re.compile(
    r"\b(?:kubectl (?:apply|set image|rollout restart)|helm (?:upgrade|install)|helmfile (?:sync|apply)|argocd app sync"
    r"|flux reconcile|fly(?:ctl)? deploy|vercel (?:deploy|--prod)|netlify deploy|heroku container:release"
    r"|git push \S*heroku"
    r"|git push \S*dokku|aws ecs update-service|aws deploy create-deployment|aws lambda update-function|eb deploy"
    r"|gcloud (?:run|app|functions) deploy|az webapp|docker stack deploy|ansible-playbook"
    r"|cap \w+ deploy|kamal deploy|(?:serverless|sls) deploy|cdk deploy|terraform apply|pulumi up"
    r"|wrangler (?:deploy|publish)"
    r"|railway up|dokku|rsync .*:|scp .*:)\b"
    r"|^(?:azure/(?:webapps-deploy|k8s-deploy)|aws-actions/amazon-ecs-deploy|appleboy/ssh-action"
    r"|superfly/flyctl-actions|akhileshns/heroku-deploy|cloudflare/wrangler-action|amondnet/vercel-action"
    r"|google-github-actions/deploy-|firebaseextended/action-hosting-deploy|digitalocean/app_action)",
    re.IGNORECASE,
)
RIGHTS = re.compile(
    r"\bpermissions?\b|\bprivileges?\b|\broles?\b|\bcredentials?\b|\bsecrets?\b|\btokens?\b|\boidc\b", re.IGNORECASE
)
TOOLS = re.compile(
    r"\b(?:trivy|snyk|grype|semgrep|bandit|codeql|brakeman|gosec|gitleaks|trufflehog|pip-audit|npm audit|sonarqube"
    r"|sonarcloud|osv-scanner|govulncheck|bundler?-audit|detect-secrets|checkov|tfsec|docker scout)\b",
    re.IGNORECASE,
)
CHOICE = re.compile(r"\bor\b|/|\be\.?g\.|such as|\betc\b|\blike\b", re.IGNORECASE)


def _kind(asked: str, run: str, what: str) -> tuple[re.Pattern[str], re.Pattern[str], str]:
    return re.compile(asked, re.IGNORECASE), re.compile(run, re.IGNORECASE), what


_BROWSERS = r"\bplaywright\b|\bcypress\b|\bselenium\b|\bpuppeteer\b|\be2e\b|\btest:system\b|\bnightwatch\b|\bwdio\b"
NAMED = (
    *(_kind(rf"\b{tool}\b", rf"\b{tool}\b", tool) for tool in (
        "mypy", "pyright", "ruff", "flake8", "pylint", "black", "isort", "eslint", "prettier", "stylelint", "biome",
        "rubocop", "standardrb", "brakeman", "golangci-lint", "lighthouse", "storybook", "hadolint", "shellcheck",
        "playwright", "cypress", "sonarqube", "codecov", "commitlint", "phpstan", "clippy", "checkstyle", "spotbugs")),
    _kind(r"type[- ]?check", r"\bmypy\b|\bpyright\b|\btsc\b|type-?check|\bsrb tc\b|\bsteep\b|phpstan|\bbuild\b",
          "types"),
    _kind(r"\blint", r"\blint|ruff|flake8|pylint|eslint|biome|rubocop|standard|golangci|go vet|checkstyle|clippy"
          r"|phpstan", "linting"),
    _kind(r"\bformat", r"\bblack\b|prettier|ruff format|gofmt|rubocop|\bfmt\b|spotless|format", "formatting"),
    _kind(r"\b(?:load|performance|stress)[- ]tests?", r"\bk6\b|locust|artillery|jmeter|gatling|\bwrk\b|vegeta|load",
          "load tests"),
    _kind(r"accessib|\ba11y\b|\baxe\b", r"\baxe\b|pa11y|lighthouse|\blhci\b|a11y", "accessibility tests"),
    _kind(r"\be2e\b|end[- ]to[- ]end|browser tests?|system tests?", _BROWSERS, "end-to-end tests"),
    _kind(r"\bcoverage\b", r"--cov|coverage|codecov|nyc|\bc8\b|-cover|simplecov|jacoco", "coverage"),
)  # fmt: skip
"""What a line names beyond tests and builds, what runs it, and what it is called."""
ELSEWHERE = re.compile(r"\bssh\b|ssh-action|\bDOCKER_HOST\b|docker context use")
THERE = re.compile(r"\b(?:docker[- ]compose\b.*\bup|systemctl (?:restart|reload))\b", re.IGNORECASE)
"""Deploys where a job does it on another machine; on its own it starts what its tests need."""
ANYTHING = re.compile(r"\S")
TEST_FILES = ("test_*.py", "*_test.py", "tests.py", "*.test.*", "*.spec.*", "*-spec.*", "*_test.go", "*_spec.rb",
              "*_test.rb", "*Test.java", "*Tests.java", "*IT.java", "*Test.kt", "*Test.php", "*Tests.cs", "*Test.cs",
              "*.feature", "tests/*", "test/*", "spec/*", "*/tests/*", "*/test/*", "*/spec/*", "*/__tests__/*", "*.rs",
              "*_test.exs", "*Spec.scala", "*.cy.*", "*.bats")  # fmt: skip
PLACES = ("staging", "production", "preview")
PLATFORMS = (
    "vercel.json",
    "netlify.toml",
    "render.yaml",
    "fly.toml",
    "Procfile",
    "app.yaml",
    "railway.json",
    "heroku.yml",
)
"""Platforms that deploy by themselves when told so in their console, which no file shows."""


PROTECTED = re.compile(
    r"\bbranch(?:es)?[- ]protect|\bprotected branch|\bmerge protection|\brequired (?:status )?checks?\b"
    r"|\bstatus checks? (?:are |is )?required\b|\bprotection rules?\b",
    re.IGNORECASE,
)
"""What only the host of the repository knows: a pipeline that runs on every change does not keep a red one out."""


async def _on(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    if about := RIGHTS.search(requirement.text("subject")):
        raise Unobservable(
            f"the line is about what pipelines may do ({about[0]!r}), not about what they run", "attest to it"
        )
    if PROTECTED.search(requirement.text("subject")):
        raise Unobservable(
            "what may be merged is a setting of the place that hosts the repository, and no file here tells it",
            "attest to it, with a link to the branch's rules",
        )
    seen = await running.integration(repo)
    steps = [one for one in await running.ran(repo) if _of_tool(one, requirement)]
    about_tests = bool(re.search(r"\btest", requirement.text("subject"), re.IGNORECASE))
    found = running.matching(steps, running.TESTS)
    checked = found if about_tests else [*found, *running.matching(steps, running.BUILDS)]
    evidence = running.shown(repo, "jobs that test or build", checked, seen)
    if not seen.files and not seen.others:
        return failed("no pipeline is defined in this repository", evidence, mend=_MEND_ON, patch=GREEN)
    if seen.files and not steps and requirement.text("tool") in SYSTEMS and not seen.unread:
        return failed(f"no job of {SYSTEMS[requirement.text('tool')]} is defined", evidence, mend=_MEND_ON)
    if not running.every_change(checked):
        return _not_on(checked, "tests" if about_tests else "tests or builds", seen, evidence)
    if doubt := _doubt(repo, requirement, steps, checked, evidence):
        return doubt
    if running.STATED_GREEN.search(requirement.text("subject")):
        return unknown(
            "a pipeline tests every change; whether its last run was green does not stand in the files",
            evidence, mend="keep the results of the run in the tree that is inspected (junit.xml)",
        )  # fmt: skip
    one, words = running.every_change(checked)[0]
    return passed(
        f"{one.job.where} runs {words} on every {' and '.join(_changes(one))}, and stops at a failure", evidence
    )


def _doubt(
    repo: RepoProbe,
    requirement: Requirement,
    steps: Sequence[Ran],
    checked: Sequence[tuple[Ran, str]],
    evidence: Evidence,
) -> Verdict | None:
    """What keeps jobs of every change from being what the line says; None where nothing does."""
    subject, changes = requirement.text("subject"), running.every_change(checked)
    absent = _not_named(subject, running.every_change(running.matching(steps, ANYTHING)))
    if absent and any(one.job.unread for one in steps):
        return unknown(f"no job that is read here runs {listed(absent)}", evidence, mend="run it by a command")
    if absent:
        said = f"jobs run on every change, and none of them runs {listed(absent)}"
        return failed(said, evidence, mend="run it on every change, or mend the line")
    if all(one.job.paths for one, _ in changes):
        job = changes[0][0].job
        return unknown(
            f"{job.where} runs only where {listed(job.paths, 3)} change: whether that is the whole does not show",
            evidence, mend="run it on every change",
        )  # fmt: skip
    if re.search(r"\btest", subject, re.IGNORECASE) and not repo.find(*TEST_FILES):
        return unknown(
            "a job runs tests on every change, and no file here looks like one", evidence,
            mend="write tests, or [repository] path names the tree that holds them",
        )  # fmt: skip
    return None


def _not_named(subject: str, ran: Sequence[tuple[Ran, str]]) -> Sequence[str]:
    """What the line names and no step of `ran` runs."""
    asked = [(run, what) for word, run, what in NAMED if word.search(subject)]
    lines = [
        line for one, _ in ran for line in (*one.text.splitlines(), one.job.name) if not running.ONLY_NAMED.search(line)
    ]
    absent = [what for run, what in asked if not any(run.search(line) for line in lines)]
    return [] if CHOICE.search(subject) and len(absent) < len(asked) else absent


def _of_tool(one: Ran, requirement: Requirement) -> bool:
    wanted = SYSTEMS.get(requirement.text("tool"))
    return wanted is None or one.job.system == wanted


def _not_on(checked: Sequence[tuple[Ran, str]], what: str, seen: Integration, evidence: Evidence) -> Verdict:
    unseen = [one for one, _ in checked if UNSEEN in one.job.triggers]
    if unseen:
        raise Unobservable(f"{unseen[0].job.where} {what}; when it runs, only its server knows", "attest to it")
    if seen.unread:
        return unknown(f"no job read here {what} on every change; not read: {listed(seen.unread, 3)}", evidence)
    if not checked:
        return failed(f"none of {len(seen.jobs)} jobs {what}", evidence, mend=_MEND_ON, patch=GREEN)
    one, words = checked[0]
    problem = "its failure stops nothing" if one.job.of_every_change else f"it runs on {_when(one)} only"
    return failed(f"{one.job.where} runs {words}, but {problem}", evidence, mend=_MEND_ON)


def _changes(one: Ran) -> Sequence[str]:
    return [name for name in (PUSH, PULL) if name in one.job.triggers]


def _when(one: Ran) -> str:
    return " and ".join(sorted(one.job.triggers)) or "no event"


async def _scans(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    seen = await running.integration(repo)
    subject = requirement.text("subject")
    wanted, what = next(((found, name) for word, found, name in SORTS if word.search(subject)), (ANY_SCAN, ""))
    found = running.matching(await running.ran(repo), wanted)
    templates = [(one, where) for one, where in _templates(seen, wanted)]
    evidence = running.shown(repo, f"jobs that scan {what}".strip(), found, seen)
    if not seen.files and not seen.others:
        return failed("no pipeline is defined in this repository, so none scans", evidence, mend=_MEND_SCAN, patch=SCAN)
    strict = [
        (one, words) for one, words in found
        if one.stops and one.job.triggers & {PUSH, PULL, SCHEDULE} and not REPORTS_ONLY.search(one.text)
    ]  # fmt: skip
    if strict and (absent := _not_run(subject, strict)):
        told = f"{strict[0][0].job.where} runs {strict[0][1]}; no job read here runs {listed(absent)}"
        return unknown(told, evidence, mend="run what the line names, or name what runs")
    if strict:
        one, words = strict[0]
        return passed(f"{one.job.where} runs {words} on {_when(one)}, and its failure counts", evidence)
    if templates or seen.unread:
        return unknown(f"no scan of {what or 'any sort'} that stops is read here; {_hidden(seen, found)}", evidence)
    if found:
        return failed(
            f"{found[0][0].job.where} runs {found[0][1]}, but its findings stop nothing", evidence,
            mend="let the job fail on findings: no continue-on-error, no || true, no exit code 0",
        )  # fmt: skip
    return failed(f"none of {len(seen.jobs)} jobs scans {what}".strip(), evidence, mend=_MEND_SCAN, patch=SCAN)


def _not_run(subject: str, strict: Sequence[tuple[Ran, str]]) -> Sequence[str]:
    """Scanners that the line names and no job runs; where it names a choice, one is enough."""
    named = list(dict.fromkeys(one.lower() for one in TOOLS.findall(subject)))
    ran = " ".join(f"{one.text} {words}" for one, words in strict).lower()
    absent = [name for name in named if name.replace("sonarqube", "sonar").replace("sonarcloud", "sonar") not in ran]
    return [] if CHOICE.search(subject) and len(absent) < len(named) else absent


def _templates(seen: Integration, wanted: re.Pattern[str]) -> Sequence[tuple[str, str]]:
    return [(job.name, one) for job in seen.jobs for one in job.unread if wanted.search(one)]


def _hidden(seen: Integration, found: Sequence[tuple[Ran, str]]) -> str:
    return f"{found[0][0].job.where} only reports" if found else f"not read: {listed(dict.fromkeys(seen.unread), 3)}"


async def _deploys(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    if requirement.text("command"):
        raise Unobservable(
            f"whether `{requirement.text('command')[:80]}` was run does not show in the source", "attest to it"
        )
    seen = await running.integration(repo)
    place = next((one for one in PLACES if one in requirement.text("subject").lower()), "")
    steps = await running.ran(repo)
    remote = [(one, words) for one, words in running.matching(steps, THERE) if ELSEWHERE.search(one.text)]
    found = [(one, words) for one, words in (*running.matching(steps, DEPLOYS), *remote) if _serves(one)]
    evidence = running.shown(repo, "jobs that deploy", found, seen)
    there = [(one, words) for one, words in found if not place or _goes_to(one, place)]
    automatic = [(one, words) for one, words in there if one.job.triggers & running.AUTOMATIC and one.stops]
    if automatic:
        one, words = automatic[0]
        return passed(f"{one.job.where} deploys by {words} on {_when(one)}", evidence)
    own = [path for path in PLATFORMS if path in repo.files]
    if own or seen.unread or (found and not there):
        told = (
            f"{own[0]} is there, whose platform may deploy by itself"
            if own
            else f"no job read here says {place or 'so'}"
        )
        return unknown(told, evidence, mend="deploy by a job of the pipeline, or attest to it")
    if there and HAND in there[0][0].job.triggers:
        return failed(f"{there[0][0].job.where} deploys, but only by hand", evidence, mend=_MEND_DEPLOY, patch=DEPLOY)
    return failed(f"none of {len(seen.jobs)} jobs deploys by itself", evidence, mend=_MEND_DEPLOY, patch=DEPLOY)


def _serves(one: Ran) -> bool:
    """Whether it deploys the service, not its documents, and not to a cluster that ends with the job."""
    text = f"{one.job.name} {one.text}".lower()
    return not re.search(
        r"\bdocs?\b|storybook|gh-pages|\bkind create\b|minikube start|k3d cluster create|\bdry-run\b", text
    )


def _goes_to(one: Ran, place: str) -> bool:
    said = f"{one.job.environment} {one.job.name} {one.job.path} {one.text}".lower()
    return place in said or (place == "production" and bool(re.search(r"\bprod\b", said)))


_MEND_ON = "run the tests on every push and pull request, and let their failure stop it"
_MEND_SCAN = "add a job that scans dependencies and code, and let it fail on findings"
_MEND_DEPLOY = "deploy by a job that a push to the main branch, a tag or a release starts"
GREEN = """\
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v5
      - run: pip install -r requirements.txt
      - run: pytest
"""
SCAN = GREEN.replace("pytest", "pip-audit -r requirements.txt")
DEPLOY = """\
on:
  push:
    branches: [main]
jobs:
  deploy:
    runs-on: ubuntu-latest
    environment: production
    steps:
      - uses: actions/checkout@v5
      - run: kubectl apply -k deploy/production
"""
SERVICE = {"app.py": "def main(): ...\n", "requirements.txt": "flask\n", "tests/test_app.py": "def test_it(): ...\n"}
WHERE = ".github/workflows/ci.yml"

ON = Check(
    id="ci.on.defined",
    requirements=("ci.on",),
    title="A pipeline tests every change, and a failure stops it",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_on,
    documentation=Documentation(
        what="A job runs tests (or lints or builds, where the line does not speak of tests) on every push or "
        "pull request.",
        why="What nobody runs is broken by the second change after it.",
        how_verified="Reads the pipelines of GitHub Actions, GitLab CI, CircleCI and Jenkins: triggers, "
        "conditions, reused "
        "workflows of the tree, and what scripts, targets and shell files the steps call. A step that is allowed "
        "to fail "
        "counts for nothing, and installing a tool is not running it. Whether the last run was green is not in "
        "the files: "
        "a line that says so is unknown.",
        how_to_mend="Run the tests on push and pull_request, without `|| true` and continue-on-error.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "ci.on",
        must_fail=Stage(repo={**SERVICE, WHERE: GREEN.replace("[push, pull_request]", "workflow_dispatch")}),
        mended=Stage(repo={**SERVICE, WHERE: GREEN}),
    ),
)

SECSCAN = Check(
    id="ci.secscan.defined",
    requirements=("ci.secscan",),
    title="The pipeline scans for holes, and stops at them",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_scans,
    documentation=Documentation(
        what="A job scans what the line names (dependencies, code, secrets, images, or any of them) and fails on "
        "findings.",
        why="A known hole in a package is found by attackers with the same tools, a day later.",
        how_verified="Looks for scanners among the commands and actions of the jobs that run on changes or on a "
        "schedule. "
        "Scans that a hosting service does by its own settings don't show in files.",
        how_to_mend="pip-audit, npm audit, bundler-audit, govulncheck or trivy for dependencies; semgrep, "
        "CodeQL, bandit, "
        "brakeman or gosec for code.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "ci.secscan",
        must_fail=Stage(repo={**SERVICE, WHERE: SCAN.replace("requirements.txt\n", "requirements.txt || true\n")}),
        mended=Stage(repo={**SERVICE, WHERE: SCAN}),
    ),
)

DEPLOYS_ITSELF = Check(
    id="ci.deploy.defined",
    requirements=("ci.deploy",),
    title="A job deploys without anybody's hand",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_deploys,
    documentation=Documentation(
        what="A job that a push, tag, release or schedule starts deploys the service, to the place that the line "
        "names.",
        why="A deployment by hand is done differently each time, and only by who knows how.",
        how_verified="Looks for commands and actions that deploy among the steps of the jobs; documents' sites "
        "and clusters "
        "made for a test are left out. Which version runs is not looked at.",
        how_to_mend="Add a job with the deployment's command on push to the main branch.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "ci.deploy",
        must_fail=Stage(
            repo={**SERVICE, WHERE: DEPLOY.replace("on:\n  push:\n    branches: [main]", "on: workflow_dispatch")}
        ),
        mended=Stage(repo={**SERVICE, WHERE: DEPLOY}),
    ),
)

CHECKS = (ON, SECSCAN, DEPLOYS_ITSELF)
