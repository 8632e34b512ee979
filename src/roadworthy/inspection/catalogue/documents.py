"""Documents and files that a line names: there, about the thing, and more than a heading."""

from __future__ import annotations

import asyncio
import fnmatch
import re
from collections.abc import Mapping, Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import prose, wording
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.repo import RepoProbe

WORDS_MIN = 60
"""A section with fewer is a heading with an intention."""
LINES_MIN = 8
CHECKLIST = re.compile(r"\bcheck-?\s?list", re.IGNORECASE)
DEPLOYMENT_CHECKLIST = re.compile(
    r"(?:deploy|production|launch|release)\w{0,20}[-_ ]?(?:readiness[-_ ]?)?check-?_?list[^/]{0,200}$", re.IGNORECASE
)
_DEPLOYING = re.compile(r"deploy|release (?:guide|steps|process)", re.IGNORECASE)
TOPICS: Mapping[str, re.Pattern[str]] = {
    "scale.horizontal": re.compile(
        r"horizontal|scal(?:e|ing) out|scalability|scaling (?:plan|guide|strategy)", re.IGNORECASE
    ),
    "dr.plan": re.compile(r"disaster|recovery plan", re.IGNORECASE),
    "cache.invalidate": re.compile(
        r"(?:clear|invalidat|purg|flush|bust).{0,300}\bcach|\bcach.{0,300}(?:clear|invalidat|purg|flush)", re.IGNORECASE
    ),
    "doc.runbook": re.compile(r"runbook|playbook|incident|operations? (?:guide|manual|handbook)", re.IGNORECASE),
    "doc.deploy": _DEPLOYING,
}
NARROWER: Sequence[tuple[re.Pattern[str], re.Pattern[str]]] = tuple(
    (re.compile(asked, re.IGNORECASE), re.compile(about, re.IGNORECASE))
    for asked, about in (
        (r"post-?\s?mortem", r"post-?\s?mortem"),
        (r"troubleshoot", r"troubleshoot|\bdebug|diagnos|(?:common|known) (?:issues|problems|errors)"),
        (r"\bincident|\bemergenc|\boutage", r"incident|emergenc|outage|on-?call|escalat"),
        (r"\bdeploy", _DEPLOYING.pattern),
    )
)
"""What a line asks of a runbook, and what a heading must then say: a guide to errors is no plan for incidents."""
ASKS_FOR_WORDS = re.compile(
    r"\bdocument|\bdescrib|\bwritten|\bprocedure|\brunbook|\bguide|\bsteps\b|\bplan\b|\bpolicy|\bhow to\b"
    r"|\bplaybook|\bmanual\b|\bstrateg|\btemplate",
    re.IGNORECASE,
)
IN_USE = frozenset({"cache.invalidate"})
"""The thing itself is in the code: the lack of a document fails only a line that asks for one."""
ABOUT_TESTS = re.compile(r"\b(?:e2e|tests?|testing)\b", re.IGNORECASE)
"""A guide to the tests is the last that a line about the service means."""
TRIED = re.compile(
    r"\b(?:complete[d]?|correct(?:ly)?|accurate|comprehensive|verified|tested|rehears\w+|practi[cs]ed|exercised|drilled|approved|reviewed|trained|updated"
    r"|up[- ]to[- ]date|current|for (?:every|each|all|multiple)|linked)\b"
    r"|^\W*(?:test|verify|update|rehearse|practi[cs]e|exercise|try|review)\b",
    re.IGNORECASE,
)
"""More than that it is written down."""
ON_A_MACHINE = re.compile(r"/(?:etc|var|usr|opt|srv|lib|root|run)/")
DENYING = re.compile(
    r"\b(?:no|not|never|without|nothing|none|delete[ds]?|removed?|moved? out|free of)\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W_]{2,}")
DOCUMENTS = (".md", ".rst", ".txt", ".adoc")
_ABOUT_FILES = """
file files script scripts config configuration template templates document documents documentation doc docs guide
readme exist exists existing present created create add added written write provided provide included include
named called located found contains contain see under folder directory root repository repo code source committed
commit list listed has have there this that it the a an of for to in on at by with from and or is are be our your
its any new
"""
ABOUT_FILES = frozenset(_ABOUT_FILES.split())
"""Words that say of a file that it is there, and no more."""


async def _topic(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    if requirement.text("file"):
        return _of_machine(probes, requirement) or _file(repo, requirement)
    subject = requirement.text("subject")
    if requirement.id == "doc.deploy" and CHECKLIST.search(subject):
        return _checklist(repo)
    about = _about(requirement.id, subject)
    documents, looked_at = await asyncio.to_thread(prose.operating, repo)
    everywhere = sorted(prose.about(documents, about), key=_closeness)
    sections = [one for one in everywhere if prose.of_the_whole(one)]
    shown = listed(
        [f"{one.path}: {one.heading} ({counted(one.words, 'word')}: {one.beginning!r})" for one in everywhere], 5
    )
    evidence = observe(
        f"documents with a section about {requirement.id}",
        f"{shown}; {len(documents)} of {looked_at} documents tell how this system is operated",
        repo.vantage,
    )
    if not documents:
        told = f"none of {looked_at} documents tells how this system is operated" if looked_at else "no document"
        raise Unobservable(f"the source tree: {told}", "[repository] path names the folder that does")
    if not sections:
        return _not_described(requirement, documents, everywhere, evidence)
    if sections[0].words < WORDS_MIN:
        return failed(
            f"{sections[0].path} says next to nothing about it: {counted(sections[0].words, 'word')}",
            evidence,
            mend="say who does what, in which order",
        )
    where = f"{sections[0].path} describes it under '{sections[0].heading}'"
    if more := TRIED.search(subject):
        return unknown(f"{where}; '{more[0]}' does not show", evidence, mend="attest to it: who, when")
    return passed(where, evidence)


def _checklist(repo: RepoProbe) -> Verdict:
    """A checklist of deployments is no guide to them: the file itself is asked."""
    found = [path for path in repo.find("*.md", "*.rst", "*.txt") if DEPLOYMENT_CHECKLIST.search(path)]
    evidence = observe(
        "files that a deployment checklist goes by",
        f"{listed(found)}; {counted(len(repo.files), 'file')} looked at",
        repo.vantage,
        basis=listed(found),
    )
    if not found:
        raise Unobservable(
            "no file is called a deployment checklist: it may stand inside another", "name the file in the line"
        )
    lines = [line for line in repo.read(found[0]).splitlines() if line.strip()]
    if len(lines) < LINES_MIN:
        return failed(f"{found[0]} has {counted(len(lines), 'line')}: a stub", evidence, mend="finish it")
    return passed(f"{found[0]} is there, {counted(len(lines), 'line')}", evidence)


def _closeness(section: prose.Section) -> tuple[bool, int]:
    """Sorts the section that a line is likeliest to mean first."""
    return bool(ABOUT_TESTS.search(re.sub("_", " ", f"{section.path} {section.heading}"))), -section.words


def _about(requirement: str, subject: str) -> re.Pattern[str]:
    """What a heading must say for a line."""
    if requirement != "doc.runbook":
        return TOPICS[requirement]
    return next((about for asked, about in NARROWER if asked.search(subject)), TOPICS[requirement])


def _not_described(
    requirement: Requirement,
    documents: Sequence[prose.Document],
    elsewhere: Sequence[prose.Section],
    evidence: Evidence,
) -> Verdict:
    """A fault only where the tree is the place for it: where it says how the rest of the system is operated."""
    if elsewhere:
        return unknown(
            f"only {elsewhere[0].path} has a section about it, and stands in the folder of a part",
            evidence,
            mend="name the document in the line, if it is about the whole",
        )
    said = f"none of {counted(len(documents), 'document')} about this system has a section about it"
    subject = requirement.text("subject")
    asked = bool(ASKS_FOR_WORDS.search(subject)) or (not subject and requirement.id not in IN_USE)
    if requirement.id == "doc.deploy" or (asked and prose.tells_of_operation(documents)):
        return failed(said, evidence, mend="write it down, and name it in the line")
    return unknown(f"{said}; it may be kept elsewhere", evidence, mend="name the document in the line, or attest to it")


async def _named(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    if not requirement.text("file"):
        raise Unobservable("the line names no file", "name it: `docs/guide.md`")
    return _of_machine(probes, requirement) or _file(repo, requirement)


def _of_machine(probes: Probes, requirement: Requirement) -> Verdict | None:
    """The verdict on a file of the machine (/etc/systemd/system/x.service); None for one of the tree."""
    wanted = requirement.text("file")
    if not ON_A_MACHINE.match(wanted):
        return None
    if probes.host is None:
        raise Unobservable(f"{wanted} is a file of the machine that serves", "[host] local = true, inspected there")
    there = [path for path in probes.host.paths(wanted.lstrip("/")) if path.is_file()]
    evidence = observe(f"file {wanted}", "there" if there else "not there", probes.host.vantage)
    if not there:
        return failed(f"there is no {wanted} on this machine", evidence, mend=f"write {wanted}, or mend the line")
    return unknown(f"{wanted} is there; what the line says of it a file does not show", evidence, mend="attest to it")


def _file(repo: RepoProbe, requirement: Requirement) -> Verdict:
    """The file that the line names: there, with more in it than a title, holding the names that the line gives."""
    wanted = requirement.text("file").removeprefix("./").lstrip("/")
    fitting = (path for path in repo.files if path == wanted or path.endswith(f"/{wanted}"))
    found = sorted(fitting, key=lambda path: (path.count("/"), path.startswith("."), path))
    if not found and _left_out(repo, wanted):
        raise Unobservable(f"git is told to leave {wanted} out: it can be anywhere but in the tree", "attest to it")
    if DENYING.search(requirement.text("subject")):
        raise Unobservable(
            f"the line says what is not in {wanted}, and a file that is there says nothing about that", "attest to it"
        )
    if not found:
        evidence = observe(f"file {wanted}", f"not among {len(repo.files)} files", repo.vantage, basis="not there")
        return failed(f"there is no {wanted} in the source tree", evidence, mend=f"write {wanted}, or mend the line")
    text = repo.read(found[0])
    lines = [line for line in text.splitlines() if line.strip()]
    absent = [name for name in requirement.names("names") if name not in text]
    size = counted(len(lines), "line")
    evidence = observe(f"file {found[0]}", f"{size}; missing: {listed(absent)}", repo.vantage)
    if len(lines) < LINES_MIN:
        return failed(f"{found[0]} has {size}: a stub", evidence, mend="finish it")
    if absent:
        return failed(f"{found[0]} says nothing of {listed(absent)}", evidence, mend="add it, or mend the line")
    subject = requirement.text("subject")
    if more := TRIED.search(subject):
        return unknown(
            f"{found[0]} is there, {size}; '{more[0]}' does not show", evidence, mend="attest to it: who, when"
        )
    if claimed := _claimed(requirement, found[0], text):
        return unknown(
            f"{found[0]} is there, {size}; what the line says besides ({listed(claimed, 4)}) a file does not show",
            evidence, mend="say in a line of its own what the service does, in words that name the behaviour",
        )  # fmt: skip
    return passed(f"{found[0]} is there, {size}", evidence)


def _claimed(requirement: Requirement, path: str, text: str) -> Sequence[str]:
    """What a line says beyond that the file is there: of a document what it does not speak of, of code anything."""
    told = re.sub(r"\S+", lambda word: "" if path.endswith(word[0].strip("`'\"()[].,:;*")) else word[0],
                  requirement.text("subject"))  # fmt: skip
    known = _WORD.findall(re.sub(r"[/._-]|(?<=[a-z])(?=[A-Z])", " ", path).lower()) + list(requirement.names("names"))
    if path.lower().endswith(DOCUMENTS) or requirement.id != "repo.file":
        known += dict.fromkeys(_WORD.findall(text.lower()))
    words = [word for word in dict.fromkeys(_WORD.findall(told.lower())) if word not in ABOUT_FILES]
    return [word for word in words if not any(wording.same(word, other) for other in known)]


def _left_out(repo: RepoProbe, wanted: str) -> bool:
    """Whether .gitignore names the file, or a folder that it is in."""
    parts = wanted.split("/")
    places = {"/".join(parts[: number + 1]) for number in range(len(parts))} | set(parts)
    told = repo.read(".gitignore") if ".gitignore" in repo.files else ""
    ignored = (line.strip().strip("/") for line in told.splitlines())
    return any(fnmatch.fnmatch(place, one) for one in ignored if one and one[0] not in "#!" for place in places)


PLAN = "# Operations\n\n## Horizontal scaling\n\n" + "\n".join(
    f"{number}. Add server {number} behind the balancer, then move its sessions to Redis." for number in range(1, 11)
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
        "pages of a catalogue, what others wrote, and the folders of parts: they don't say how it is done here. What "
        "is missing fails where the tree says how the rest is operated; elsewhere it may stand in another place.",
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
        what=f"The file is in the tree, has {LINES_MIN} lines or more, and holds the names that the line gives. What "
        "the line claims besides (that it verifies, limits, protects) is not shown by a file: the line is unknown.",
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
