"""Written procedures: the way back to the release before, and how secrets are changed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from roadworthy.contracts.checks import Verdict
from roadworthy.inspection.catalogue import prose, running
from roadworthy.inspection.catalogue.documents import ASKS_FOR_WORDS, TRIED
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.written import HOW, LONG, README, WORDS_MIN, declared, section_about
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.model import Probes, Requirement
from roadworthy.inspection.probes.repo import RepoProbe

ROLLBACK = re.compile(r"\broll(?:ing)?[ -]?back|\brevert", re.IGNORECASE)
BACK = re.compile(
    r"\b(?:kubectl rollout undo|helm rollback|argocd app rollback|kamal rollback|cap \w+ deploy:rollback"
    r"|heroku (?:releases:)?rollback|fly(?:ctl)? (?:releases|deploy --image)|git revert|vercel rollback"
    r"|eb deploy --version|aws deploy .*rollback)\b"
)
ROTATION = re.compile(
    r"\brotat.{0,200}\b(?:secret|key|credential|token|password)|\b(?:secret|key|credential|token|password)s?\b.{0,200}\brotat",
    re.IGNORECASE,
)
BY_ITSELF = re.compile(r"\bautomat|\benabled\b|\bby itself\b", re.IGNORECASE)


async def _way_back(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    subject = requirement.text("subject")
    section, documents = await asyncio.to_thread(section_about, repo, ROLLBACK)
    steps = running.matching(await running.ran(repo), BACK)
    shown = _shown(section, documents)
    jobs = listed([f"{one.job.where}: {words}" for one, words in steps], 3)
    evidence = observe("a document or job for going back", f"{shown}; jobs: {jobs}", repo.vantage)
    if steps and not TRIED.search(subject):
        return passed(f"{steps[0][0].job.where} goes back by {steps[0][1]}", evidence)
    if section and section.words >= WORDS_MIN // 2:
        where = f"{section.path} says how to go back under '{section.heading}'"
        if more := TRIED.search(subject) or BY_ITSELF.search(subject):
            return unknown(f"{where}; '{more[0]}' does not show", evidence, mend="attest to it: who, when")
        return passed(where, evidence)
    _there(documents)
    said = "nothing here says how to go back to the release before"
    if place := _in_a_checklist(repo):
        return unknown(f"{place} has a section about it, and is a checklist or the like", evidence,
                       mend="name the document in the line, if it says how")  # fmt: skip
    in_writing = not subject or (ASKS_FOR_WORDS.search(subject) and not TRIED.search(subject))
    if in_writing and prose.tells_of_operation(documents):
        return failed(said, evidence, mend="write down the command, and when to use it")
    return unknown(f"{said}; the platform may do it", evidence, mend="name the document or the job, or attest to it")


def _in_a_checklist(repo: RepoProbe) -> str:
    """A document of whatever sort with a heading about going back."""
    read = (prose.read(path, repo.read(path)) for path in repo.find(*prose.PROSE))
    sections = (one for document in read for one in document.sections)
    return next(
        (
            one.path
            for one in sections
            if ROLLBACK.search(one.heading) and not prose.DENIED.search(one.heading) and one.words
        ),
        "",
    )


async def _rotation(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    subject = requirement.text("subject").lower()
    section, documents = await asyncio.to_thread(section_about, repo, ROTATION)
    if not re.search(r"procedure|plan\b|policy|process|documented|how to|schedule|periodic", subject):
        raise Unobservable("when secrets were changed last does not show", "attest to it: who, when, which")
    evidence = observe("a document about changing secrets", _shown(section, documents), repo.vantage)
    if re.search(r"periodic|schedule|every|rotated", subject) and section:
        return unknown(
            f"{section.path} describes it; when it was done last does not show", evidence, mend="attest to it"
        )
    if section and section.words >= WORDS_MIN // 2:
        return passed(f"{section.path} says how secrets are changed", evidence)
    _there(documents)
    said = "no document here says how secrets are changed"
    if not prose.tells_of_operation(documents):
        return unknown(f"{said}; it may be kept elsewhere", evidence, mend="name the document, or attest to it")
    return failed(said, evidence, mend="say which there are, how each is changed, and how often")


def _shown(section: prose.Section | None, documents: Sequence[prose.Document]) -> str:
    if section is None:
        return f"none in {counted(len(documents), 'document')}"
    return f"{section.path}: {section.heading}, {counted(section.words, 'word')}, beginning {section.beginning!r}"


def _there(documents: Sequence[prose.Document]) -> None:
    if not documents:
        raise Unobservable(
            "no document here tells how this system is operated", "[repository] path names the folder that does"
        )


BACKWARDS = {"docs/operations.md": f"# Operations\n\n## Rolling back\n\n{LONG}\n"}

CHECKS = (
    declared(
        "ci.rollback.described", "There is a written way back", _way_back,
        ("A document says how to go back to the release before, or a job does it.",
         "Nobody finds the command at night while the shop is down.",
         HOW + "Jobs that run a rollback of the common tools.",
         "Write down the command, who may run it, and what happens to the database."),
        (README, BACKWARDS),
    ),
    declared(
        "sec.rotate.described", "How secrets are changed is described", _rotation,
        ("A document says how secrets are changed.",
         "After a leak every hour counts, and the list of places is long.",
         HOW + "Lines about when it was done last are unknown: attest to them.",
         "Say which secrets there are, where each is used, and how it is changed without an outage."),
        (README, {"docs/operations.md": f"# Operations\n\n## Rotating secrets\n\n{LONG}\n"}),
        subject="Secrets rotation procedures",
    ),
)  # fmt: skip
