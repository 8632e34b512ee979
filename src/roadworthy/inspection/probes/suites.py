"""Results that test tools leave behind: JUnit XML and coverage figures, with when they were made."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.probes.git import Git
from roadworthy.inspection.probes.repo import RepoProbe

LIMIT_BYTES = 8 * 1024 * 1024
FILES_LIMIT = 500
NAMES_LIMIT = 20_000
SOURCES = ("*.py", "*.js", "*.mjs", "*.ts", "*.tsx", "*.jsx", "*.rb", "*.go", "*.java", "*.kt", "*.php", "*.cs", "*.rs")
_FOLDERS = (
    *("", "reports/", "report/", "test-results/", "test-reports/", "build/", "coverage/", "artifacts/"),
    *("target/site/jacoco/", "target/surefire-reports/", "build/test-results/test/", "build/reports/jacoco/test/"),
)
_JUNIT = re.compile(
    r"^(?:junit|test[-_]?results?|results?|report|pytest|rspec|jest|TEST-.*)[\w.-]*\.xml$", re.IGNORECASE
)
_COVERAGE = (
    *("coverage.xml", "cobertura.xml", "cobertura-coverage.xml", "jacoco.xml", "jacocoTestReport.xml"),
    *("lcov.info", "coverage.lcov", "coverage-summary.json", "coverage.json", ".last_run.json"),
)
_ENTITY = re.compile(r"<!ENTITY", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Results:
    """What a run of tests said. `names` and `broken`: file, class and name of tests that passed and failed."""

    path: str
    made_at: datetime
    passed: int
    failed: int
    skipped: int
    names: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """As reports show it."""
        return f"{self.path}: {self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass(frozen=True, slots=True)
class Coverage:
    """The share of lines that tests reached, from 0 to 1, over how many lines."""

    path: str
    made_at: datetime
    ratio: float
    lines: int


@dataclass(frozen=True, slots=True)
class Stale:
    """A result that says nothing about the code as it stands, and why."""

    path: str
    reason: str


def results(repo: RepoProbe) -> tuple[tuple[Results, ...], tuple[Stale, ...]]:
    """Every JUnit file that is not older than the code, and those that are."""
    found: list[Results] = []
    stale: list[Stale] = []
    for path in _candidates(repo, lambda name: bool(_JUNIT.match(name))):
        root = _xml(repo.read(path, LIMIT_BYTES))
        if root is None or root.tag not in {"testsuite", "testsuites"}:
            continue
        moment = _moment(
            repo, path, next((s.get("timestamp") for s in root.iter("testsuite") if s.get("timestamp")), None)
        )
        if isinstance(moment, Stale):
            stale.append(moment)
        else:
            found.append(_tally(path, moment, root))
    return tuple(found), tuple(stale)


def coverage(repo: RepoProbe) -> tuple[tuple[Coverage, ...], tuple[Stale, ...]]:
    """Every coverage figure that is not older than the code, and those that are."""
    found: list[Coverage] = []
    stale: list[Stale] = []
    for path in _candidates(repo, lambda name: name in _COVERAGE):
        measured = _measured(path, repo.read(path, LIMIT_BYTES))
        if measured is None:
            continue
        moment = _moment(repo, path, measured[2])
        if isinstance(moment, Stale):
            stale.append(moment)
        else:
            found.append(Coverage(path, moment, measured[0], measured[1]))
    return tuple(found), tuple(stale)


def _candidates(repo: RepoProbe, fits: object) -> Sequence[str]:
    """Paths of result files: among the tree's own, and where tools put them in folders that are left out elsewhere."""
    assert callable(fits)
    parts = {""} | {path.partition("/")[0] + "/" for path in repo.files if "/" in path}
    own = [path for path in repo.files if fits(path.rpartition("/")[2]) and "fixtures/" not in path]
    hidden: list[str] = []
    for part in sorted(parts)[:50]:
        for folder in _FOLDERS:
            with contextlib.suppress(OSError):
                place = repo.root / part / folder
                if place.is_dir() and not place.is_symlink():
                    entries = sorted(entry.name for entry in place.iterdir())[:FILES_LIMIT]
                    hidden += [f"{part}{folder}{name}" for name in entries if fits(name)]
    return repo.existing(*dict.fromkeys([*own, *hidden]))[:FILES_LIMIT]


def _moment(repo: RepoProbe, path: str, stated: str | None) -> datetime | Stale:
    """When a result was made; `Stale` where it is older than the code, or where nothing tells."""
    written = repo.changed_at(path)
    if path in repo.known(_tracked):  # a clone writes it anew, whatever its age
        inside = _parsed(stated)
        if inside is None:
            return Stale(path, "is committed and does not say when it was made")
        written = inside
    newest = repo.known(_newest_source)
    if newest is not None and newest > written:
        return Stale(path, f"is older than the code ({written:%Y-%m-%d %H:%M}, the code {newest:%Y-%m-%d %H:%M} UTC)")
    return written


def _tracked(repo: RepoProbe) -> frozenset[str]:
    try:
        return frozenset(Git(repo.root).tracked())
    except Unobservable:
        return frozenset()


def _newest_source(repo: RepoProbe) -> datetime | None:
    moments = []
    for path in repo.find(*SOURCES):
        with if_seen():
            moments.append(repo.changed_at(path))
    return max(moments, default=None)


def _parsed(stated: str | None) -> datetime | None:
    if not stated:
        return None
    if stated.isdigit():
        with contextlib.suppress(OverflowError, OSError, ValueError):
            return datetime.fromtimestamp(int(stated[:10]), UTC)
        return None
    try:
        moment = datetime.fromisoformat(stated)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _xml(text: str) -> ET.Element | None:
    if _ENTITY.search(text):
        return None
    try:
        return ET.fromstring(text)  # noqa: S314 - bounded, without entities; expat fetches nothing
    except (ET.ParseError, ValueError, RecursionError):
        return None


def _tally(path: str, moment: datetime, root: ET.Element) -> Results:
    passed: list[str] = []
    broken: list[str] = []
    skipped = 0
    for case in root.iter("testcase"):
        children = {child.tag for child in case}
        name = " ".join(filter(None, (case.get("file"), case.get("classname"), case.get("name"))))
        if "skipped" in children:
            skipped += 1
        else:
            (broken if children & {"failure", "error"} else passed).append(name[:300])
    lost = sum(_whole(suite.get("errors")) for suite in root.iter("testsuite") if not suite.findall("testcase"))
    failed = len(broken) + lost
    return Results(path, moment, len(passed), failed, skipped, tuple(passed[:NAMES_LIMIT]), tuple(broken[:NAMES_LIMIT]))


def _measured(path: str, text: str) -> tuple[float, int, str | None] | None:
    """Ratio, lines, and the moment that the file states."""
    name = path.rpartition("/")[2]
    if name.endswith(".xml"):
        root = _xml(text)
        return None if root is None else _of_jacoco(root) if root.tag == "report" else _of_cobertura(root)
    if name.endswith((".info", ".lcov")):
        return _of_lcov(text)
    try:
        told = json.loads(text)
        return _of_json(told) if isinstance(told, dict) else None
    except (TypeError, ValueError, OverflowError, RecursionError):  # or words where numbers belong
        return None


def _of_cobertura(root: ET.Element) -> tuple[float, int, str | None] | None:
    if root.tag != "coverage":
        return None
    lines = list(root.iter("line"))
    valid = _whole(root.get("lines-valid")) or len(lines)
    hit = _whole(root.get("lines-covered")) or sum(_whole(line.get("hits")) > 0 for line in lines)
    return (hit / valid, valid, root.get("timestamp")) if valid and hit <= valid else None


def _of_jacoco(root: ET.Element) -> tuple[float, int, str | None] | None:
    for counter in root.findall("counter"):
        if counter.get("type") == "LINE":
            hit, missed = _whole(counter.get("covered")), _whole(counter.get("missed"))
            session = root.find("sessioninfo")
            return (
                (hit / (hit + missed), hit + missed, session.get("dump") if session is not None else None)
                if hit + missed
                else None
            )
    return None


def _of_lcov(text: str) -> tuple[float, int, str | None] | None:
    found = sum(map(int, re.findall(r"^LF:(\d{1,9})$", text, re.MULTILINE)))
    hit = sum(map(int, re.findall(r"^LH:(\d{1,9})$", text, re.MULTILINE)))
    return (hit / found, found, None) if found and hit <= found else None


def _of_json(told: dict[str, object]) -> tuple[float, int, str | None] | None:
    total = told.get("totals") or told.get("total") or told.get("result")
    if not isinstance(total, dict):
        return None
    lines = total.get("lines")
    if isinstance(lines, dict) and isinstance(lines.get("total"), int) and lines["total"]:  # istanbul
        return lines.get("covered", 0) / lines["total"], lines["total"], None
    if isinstance(total.get("num_statements"), int) and total["num_statements"]:  # coverage.py
        meta = told.get("meta")
        stated = str(meta.get("timestamp")) if isinstance(meta, dict) else None
        return total.get("covered_lines", 0) / total["num_statements"], total["num_statements"], stated
    share = total.get("line", total.get("covered_percent"))  # simplecov
    return (float(share) / 100, 0, None) if isinstance(share, int | float) else None


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004 - no such count has more digits
