"""Documents and files that a line names: there, about the thing, and more than a heading."""

from __future__ import annotations

import re
from collections.abc import Mapping

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import prose
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.repo import RepoProbe

WORDS_MIN = 60
"""A section with fewer is a heading with an intention."""
LINES_MIN = 8
TOPICS: Mapping[str, re.Pattern[str]] = {
    "scale.horizontal": re.compile(
        r"horizontal|scal(?:e|ing) out|scalability|scaling (?:plan|guide|strategy)", re.IGNORECASE
    ),
    "dr.plan": re.compile(r"disaster|recovery plan", re.IGNORECASE),
    "cache.invalidate": re.compile(
        r"(?:clear|invalidat|purg|flush|bust)\w*.*\bcach|\bcach\w*.*(?:clear|invalidat|purg|flush)", re.IGNORECASE
    ),
    "doc.runbook": re.compile(r"runbook|incident|troubleshoot", re.IGNORECASE),
    "doc.deploy": re.compile(r"deploy|release (?:guide|steps|process)", re.IGNORECASE),
}


async def _topic(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    if requirement.text("file"):
        return _file(repo, requirement)
    about = TOPICS[requirement.id]
    documents, looked_at = prose.operating(repo)
    sections = sorted(prose.about(documents, about), key=lambda section: -section.words)
    shown = listed([f"{one.path}: {one.heading} ({one.words} words)" for one in sections], 5)
    evidence = observe(
        f"documents with a section about {requirement.id}",
        f"{shown}; {len(documents)} of {looked_at} documents tell how this system is operated",
        repo.vantage,
    )
    if not documents:
        told = f"none of {looked_at} documents tells how this system is operated" if looked_at else "no document"
        raise Unobservable(f"the source tree: {told}", "[repository] path names the folder that does")
    if not sections:
        return failed(
            f"none of {len(documents)} documents about this system has a section about it",
            evidence,
            mend="write it down, and name it in the line",
        )
    if sections[0].words < WORDS_MIN:
        return failed(
            f"{sections[0].path} only has a heading about it: {sections[0].words} words",
            evidence,
            mend="say who does what, in which order",
        )
    return passed(f"{sections[0].path} describes it under '{sections[0].heading}'", evidence)


async def _named(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    if not requirement.text("file"):
        raise Unobservable("the line names no file", "name it: `docs/guide.md`")
    return _file(repo, requirement)


def _file(repo: RepoProbe, requirement: Requirement) -> Verdict:
    """The file that the line names: there, with more in it than a title, holding the names that the line gives."""
    wanted = requirement.text("file").lstrip("./")
    found = [path for path in repo.files if path == wanted or path.endswith(f"/{wanted}")]
    if not found:
        evidence = observe(f"file {wanted}", f"not among {len(repo.files)} files", repo.vantage, basis="not there")
        return failed(f"there is no {wanted} in the source tree", evidence, mend=f"write {wanted}, or mend the line")
    text = repo.read(found[0])
    lines = [line for line in text.splitlines() if line.strip()]
    absent = [name for name in requirement.names("names") if name not in text]
    evidence = observe(f"file {found[0]}", f"{len(lines)} lines; missing: {listed(absent)}", repo.vantage)
    if len(lines) < LINES_MIN:
        return failed(f"{found[0]} has {len(lines)} lines: a stub", evidence, mend="finish it")
    if absent:
        return failed(f"{found[0]} says nothing of {listed(absent)}", evidence, mend="add it, or mend the line")
    return passed(f"{found[0]} is there, {len(lines)} lines", evidence)


PLAN = (
    "# Operations\n\n## Horizontal scaling\n\n" + "Add a server behind the balancer, then move sessions to Redis. " * 10
)
SHORT_PLAN = "# Operations\n\n## Horizontal scaling\n\nTo be written.\n"
GUIDE = "# Guide\n\n" + "\n".join(f"{number}. Do this." for number in range(1, 12))

TOPIC = Check(
    id="doc.topic.section",
    requirements=tuple(TOPICS),
    title="A document describes it",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_topic,
    documentation=Documentation(
        what=f"A document of the tree has a section about the subject with {WORDS_MIN} words or more; or the file "
        "that the line names is there.",
        why="What only one person knows is lost on her holiday.",
        how_verified="Headings of Markdown, reStructuredText and AsciiDoc files, and the words under them. "
        "Left out are checklists, references, road maps, records of decisions, generated pages and "
        "pages of a catalogue, and what others wrote: they ask or list, they don't say how it is done here.",
        how_to_mend="Write the section: who does what, in which order, and how one sees that it worked.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "scale.horizontal", must_fail=Stage(repo={"docs/ops.md": SHORT_PLAN}), mended=Stage(repo={"docs/ops.md": PLAN})
    ),
)

NAMED = Check(
    id="repo.file.named",
    requirements=("repo.file", "doc.any", "doc.user"),
    title="The file that the line names is there, and no stub",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_named,
    documentation=Documentation(
        what=f"The file is in the tree, has {LINES_MIN} lines or more, and holds the names that the line gives.",
        why="A checklist that points at nothing teaches people not to follow it.",
        how_verified="The path, or its end, among the files of the tree; its lines.",
        how_to_mend="Write the file, or correct the line.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "doc.any",
        {"file": "backend/DEPLOYMENT.md"},
        must_fail=Stage(repo={"backend/DEPLOYMENT.md": "# Deployment\n"}),
        mended=Stage(repo={"backend/DEPLOYMENT.md": GUIDE}),
    ),
)

CHECKS = (TOPIC, NAMED)
