"""Reports of scanners that the tree holds: what they found, whether they are as new as what they scanned."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from roadworthy.contracts.checks import BlastRadius, Severity, Status, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.git import Git
from roadworthy.inspection.probes.repo import RepoProbe

LIMIT_BYTES = 8 * 1024 * 1024
AGE_DAYS = 30
NAMES = ("*.sarif", "*audit*.json", "*safety*.json", "*osv*.json", "*trivy*.json", "*grype*.json", "*bandit*.json",
         "*semgrep*.json", "*gosec*.json", "*brakeman*.json", "*snyk*.json", "*zap*.json", "*govulncheck*.json",
         "*dependency-check*.json", "*codeql*.json")  # fmt: skip
LOCKS = (
    *("requirements*.txt", "requirements/*.txt", "poetry.lock", "uv.lock", "Pipfile.lock", "package-lock.json"),
    *("yarn.lock", "pnpm-lock.yaml", "Gemfile.lock", "go.sum", "pom.xml", "*.gradle*", "composer.lock", "Cargo.lock"),
)
GRAVE = frozenset({"high", "critical", "error", "severe"})
OF_ANY = frozenset({"osv-scanner", "trivy", "grype", "snyk"})
ECOSYSTEMS: Mapping[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "Python": (
        ("requirements*.txt", "requirements/*.txt", "poetry.lock", "uv.lock", "Pipfile.lock"),
        frozenset({"pip-audit", "safety"}),
    ),
    "JavaScript": (("package-lock.json", "yarn.lock", "pnpm-lock.yaml"), frozenset({"npm audit"})),
    "Ruby": (("Gemfile.lock",), frozenset({"bundler-audit"})),
    "Go": (("go.sum",), frozenset({"govulncheck"})),
}
OF_DEPENDENCIES = OF_ANY.union(*(tools for _, tools in ECOSYSTEMS.values()))
PERIODS = {"daily": 1, "weekly": 7, "monthly": 31, "quarterly": 92, "yearly": 366, "annual": 366}

Findings = Sequence[str]
Reader = Callable[[Any], "tuple[str, Findings] | None"]


@dataclass(frozen=True, slots=True)
class Report:
    """A scanner's report: `findings` are severities in lower case, "unknown" where it gives none."""

    path: str
    tool: str
    made_at: datetime
    findings: tuple[str, ...]
    stale: str = ""

    @property
    def said(self) -> str:
        """As reports show it."""
        grave = sum(one in GRAVE for one in self.findings)
        return f"{self.path}: {self.tool}, {self.made_at:%Y-%m-%d}, {len(self.findings)} findings, {grave} grave"


def reports(repo: RepoProbe) -> tuple[Report, ...]:
    """Every report of a scanner that can be read, the newest first."""
    found = []
    for path in repo.find(*NAMES):
        if "fixtures/" in path or "node_modules/" in path:
            continue
        try:
            told = json.loads(repo.read(path, LIMIT_BYTES))
        except (ValueError, RecursionError):
            continue
        read = next((one for reader in READERS if (one := _safely(reader, told))), None)
        if read is not None:
            moment, stale = _moment(repo, path)
            found.append(Report(path, read[0], moment, tuple(str(one).lower() for one in read[1]), stale))
    return tuple(sorted(found, key=lambda one: one.made_at, reverse=True))


def _safely(reader: Reader, told: Any) -> tuple[str, Findings] | None:
    try:
        return reader(told)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError):
        return None


def _moment(repo: RepoProbe, path: str) -> tuple[datetime, str]:
    """When it was made: by the commit that brought it, else by the file; and why it can't count, if it can't."""
    try:
        git = Git(repo.root)
        committed = git.changed_at(path) if git.tracked(path) else None
        locks = git.changed_at(*LOCKS) if committed else None
    except Unobservable:
        committed = locks = None
    moment = committed or repo.changed_at(path)
    newest = locks or max((repo.changed_at(one) for one in repo.find(*LOCKS)), default=None)
    return moment, "is older than the dependencies that are locked now" if newest and newest > moment else ""


def _pip_audit(told: Any) -> tuple[str, Findings] | None:
    rows = told["dependencies"] if isinstance(told, dict) else told
    if not rows or not all("name" in one and ("vulns" in one or "skip_reason" in one) for one in rows):
        return None
    return "pip-audit", ["unknown" for one in rows for _ in one.get("vulns", ())]


def _npm_audit(told: Any) -> tuple[str, Findings] | None:
    counts = told["metadata"]["vulnerabilities"]
    if not told["metadata"].get("dependencies") and not told["metadata"].get("totalDependencies"):
        return None
    return "npm audit", [
        name for name, count in counts.items() if name not in {"total", "info"} for _ in range(min(int(count), 999))
    ]


def _osv(told: Any) -> tuple[str, Findings] | None:
    if "results" not in told or (
        "experimental_config" not in told and not any("packages" in one for one in told["results"])
    ):
        return None
    rows = [v for one in told["results"] for package in one["packages"] for v in package.get("vulnerabilities", ())]
    return "osv-scanner", [str(one.get("database_specific", {}).get("severity", "unknown")) for one in rows]


def _trivy(told: Any) -> tuple[str, Findings] | None:
    if "SchemaVersion" not in told or not told.get("Results"):
        return None
    rows = [v for one in told["Results"] for v in one.get("Vulnerabilities") or ()]
    return "trivy", [one["Severity"] for one in rows]


def _grype(told: Any) -> tuple[str, Findings] | None:
    return ("grype", [one["vulnerability"]["severity"] for one in told["matches"]]) if "descriptor" in told else None


def _safety(told: Any) -> tuple[str, Findings] | None:
    if "report_meta" not in told or not told.get("scanned_packages"):
        return None
    return "safety", ["unknown" for _ in told["vulnerabilities"]]


def _bandit(told: Any) -> tuple[str, Findings] | None:
    if "metrics" not in told or not told["metrics"].get("_totals", {}).get("loc"):
        return None
    return "bandit", [one["issue_severity"] for one in told["results"]]


def _semgrep(told: Any) -> tuple[str, Findings] | None:
    if not told["paths"].get("scanned"):
        return None
    return "semgrep", [one["extra"]["severity"] for one in told["results"]]


def _brakeman(told: Any) -> tuple[str, Findings] | None:
    return ("brakeman", [one["confidence"] for one in told["warnings"]]) if "scan_info" in told else None


def _gosec(told: Any) -> tuple[str, Findings] | None:
    return ("gosec", [one["severity"] for one in told["Issues"] or ()]) if told["Stats"].get("lines") else None


def _zap(told: Any) -> tuple[str, Findings] | None:
    risks = {"3": "high", "2": "medium", "1": "low", "0": "info"}
    if ("@programName" not in told and "@version" not in told) or not told["site"]:
        return None
    return "ZAP", [risks.get(str(alert["riskcode"]), "unknown") for site in told["site"] for alert in site["alerts"]]


def _sarif(told: Any) -> tuple[str, Findings] | None:
    runs = told["runs"]
    if not runs or not str(told["version"]).startswith("2."):
        return None
    if any(one.get("executionSuccessful") is False for run in runs for one in run.get("invocations", ())):
        return None
    return str(runs[0]["tool"]["driver"]["name"]), [
        str(one.get("level", "warning")) for run in runs for one in run["results"]
    ]


READERS: tuple[Reader, ...] = (
    _sarif, _pip_audit, _npm_audit, _osv, _trivy, _grype, _safety, _bandit, _semgrep, _brakeman, _gosec, _zap,
)  # fmt: skip


async def _dependencies(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    found = [one for one in await repo.facts(reports) if one.tool.lower() in OF_DEPENDENCIES]
    tool = requirement.text("tool").replace("pip audit", "pip-audit")
    own = [one for one in found if not tool or tool in one.tool.lower()]
    if not own:
        raise Unobservable(
            f"no report of {tool or 'a scanner of dependencies'} is in the source tree",
            "leave one there: pip-audit -f json -o reports/pip-audit.json, npm audit --json > reports/npm-audit.json",
        )
    verdict = _judged(repo, requirement, own[0], found, any_counts=True)
    lost = [] if tool or verdict.status is not Status.PASS else _unscanned(repo, found)
    return unknown(f"no report is about the dependencies in {listed(lost)}", *verdict.evidence) if lost else verdict


def _unscanned(repo: RepoProbe, found: Sequence[Report]) -> Sequence[str]:
    """Languages with locked dependencies that no report can be about."""
    tools = {one.tool.lower() for one in found}
    if tools & OF_ANY:
        return []
    return [name for name, (locks, own) in ECOSYSTEMS.items() if repo.find(*locks, aside=False) and not own & tools]


async def _tested(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    if re.search(r"pen(?:etration)?[- ]?test|enterprise|bounty", requirement.text("subject"), re.IGNORECASE):
        raise Unobservable("a report of a scanner is no penetration test", "attest to it: who, when, the document")
    found = [one for one in await repo.facts(reports) if one.tool.lower() not in OF_DEPENDENCIES]
    if not found:
        raise Unobservable(
            "no report of a scanner of code or of the running service is in the source tree",
            "leave one there: semgrep --json, bandit -f json, brakeman -f json, gosec -fmt json, ZAP, or SARIF "
            "of another",
        )
    return _judged(repo, requirement, found[0], found, any_counts=False)


def _judged(
    repo: RepoProbe, requirement: Requirement, newest: Report, found: Sequence[Report], *, any_counts: bool
) -> Verdict:
    evidence = observe("reports of scanners", "\n".join(one.said for one in found[:6]), repo.vantage)
    subject = requirement.text("subject").lower()
    days = next((days for word, days in PERIODS.items() if word in subject), AGE_DAYS)
    counted = [one for one in newest.findings if any_counts or one in GRAVE]
    if counted:
        return failed(
            f"{newest.path} lists {len(counted)} {'findings' if any_counts else 'grave findings'}: "
            f"{listed(sorted(set(counted)))}",
            evidence, mend="raise what it names, or mend it, and scan again",
        )  # fmt: skip
    age = datetime.now(UTC) - newest.made_at
    if age > timedelta(days=days):
        return failed(
            f"the newest report is {age.days} days old, more than {days}", evidence, mend="scan again, on a schedule"
        )
    if newest.stale:
        return unknown(f"{newest.path} {newest.stale}", evidence, mend="scan again")
    return passed(
        f"{newest.tool} found nothing {'' if any_counts else 'grave '}in {newest.path}, {age.days} days ago", evidence
    )


LOCK = {"requirements.txt": "flask==3.1\n"}
CLEAN = {"dependencies": [{"name": "flask", "version": "3.1", "vulns": []}]}
HOLES: Mapping[str, Any] = {"dependencies": [{"name": "flask", "version": "3.1", "vulns": [{"id": "PYSEC-1"}]}]}
CODE_CLEAN: Mapping[str, Any] = {"metrics": {"_totals": {"loc": 120}}, "results": []}
CODE_HOLES: Mapping[str, Any] = {**CODE_CLEAN, "results": [{"issue_severity": "HIGH"}]}

DEPENDENCIES = Check(
    id="sec.depscan.report",
    requirements=("sec.depscan",),
    title="The newest scan of dependencies found nothing",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"repo"}),
    run=_dependencies,
    documentation=Documentation(
        what=f"A report of a scanner is newer than the locked dependencies and {AGE_DAYS} days, and lists nothing.",
        why="Known holes are tried by everybody, first of all by programs.",
        how_verified="Reads pip-audit, npm audit, osv-scanner, trivy, grype and safety in JSON. That a job scans "
        "is another "
        "line; nothing is sent anywhere.",
        how_to_mend="Scan in the pipeline, keep its report, raise what it names.",
        not_applicable_when="Never; without a report the line is unknown.",
    ),
    fixtures=twins(
        "sec.depscan",
        must_fail=Stage(repo={**LOCK, "reports/pip-audit.json": json.dumps(HOLES)}),
        mended=Stage(repo={**LOCK, "reports/pip-audit.json": json.dumps(CLEAN)}),
    ),
)

TESTED = Check(
    id="sec.sast.report",
    requirements=("sec.sast",),
    title="The newest security test found nothing grave",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"repo"}),
    run=_tested,
    documentation=Documentation(
        what="A report of a scanner of code, or of the running service, is recent and lists nothing of high severity.",
        why="Most holes that are found in code were found before by a program that nobody ran.",
        how_verified="Reads bandit, semgrep, brakeman, gosec and ZAP in JSON, and SARIF; its date by the commit "
        "or the file. "
        "Weekly and the like in the line say how old it may be. Penetration tests are people's work: attest to them.",
        how_to_mend="Scan on a schedule, keep the report, mend what it names.",
        not_applicable_when="Never; without a report the line is unknown.",
    ),
    fixtures=twins(
        "sec.sast",
        must_fail=Stage(repo={**LOCK, "reports/bandit.json": json.dumps(CODE_HOLES)}),
        mended=Stage(repo={**LOCK, "reports/bandit.json": json.dumps(CODE_CLEAN)}),
    ),
)

CHECKS = (DEPENDENCIES, TESTED)
