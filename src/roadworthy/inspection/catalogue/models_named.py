"""Which models of language a service asks: pinned ones, or names that move by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue import sources
from roadworthy.inspection.catalogue.declaring import of_tree
from roadworthy.inspection.catalogue.kit import counted, failed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.sources import Source
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.model import Documentation, Probes, Requirement
from roadworthy.inspection.probes.repo import Match, RepoProbe

NAMED = re.compile(
    r"[\"'`]((?:gpt-|o[134](?:-|[\"'`])|chatgpt-|claude-|gemini-|mistral-|text-embedding-|command-r|deepseek-)[\w.:@-]{0,60})[\"'`]",
    re.IGNORECASE,
)
PINNED = re.compile(r"-\d{4}-\d{2}-\d{2}$|[-@]\d{8}$|-\d{4}$|-\d{3}$|^text-embedding-(?:3|ada-002)", re.IGNORECASE)
"""A date or a build: what is asked today is asked tomorrow."""
LOADED = re.compile(r"\bfrom_pretrained\(([^()]{0,300})\)")
LOCALLY = ('"./', "'./", '"/', "'/")
_FOLDER = re.compile(r"\w{0,40}?(?:path|dir)")
PROMPTS = re.compile(r"prompt", re.IGNORECASE)


def _models(repo: RepoProbe) -> Sequence[tuple[Match, bool]]:
    return [found for source in repo.known(sources.code) for found in _in(source)]


def _in(source: Source) -> Iterator[tuple[Match, bool]]:
    """Each model that a file names, and whether the name stays what it is."""
    for match in NAMED.finditer(source.text):
        yield source.at(match.start(), match[1]), bool(PINNED.search(match[1]))
    for match in LOADED.finditer(source.text):
        local = match[1].lstrip().startswith(LOCALLY) or bool(_FOLDER.match(match[1].lstrip()[:80]))
        yield source.at(match.start(), match[0]), local or "revision" in match[1]


async def _versions(probes: Probes, requirement: Requirement) -> Verdict:
    repo, subject = offered(probes.repo, "repo"), requirement.text("subject")
    if PROMPTS.search(subject) and not re.search(r"\bmodels?\b", subject, re.IGNORECASE):
        raise Unobservable("which texts are prompts does not show in the code", "attest to it")
    found = await repo.facts(_models)
    if not found:
        raise Unobservable("no model of language is named in the code", "name it in the line, or attest to it")
    moving = [place for place, pinned in found if not pinned]
    evidence = observe(
        "models that the code names",
        f"{counted(len(found), 'place')}; moving by themselves: {sources.quoted(moving, 6)}", repo.vantage,
    )  # fmt: skip
    if moving:
        first = moving[0]
        return failed(
            f"{first.path}:{first.line} asks {first.text[:60]}, which changes when its maker changes it", evidence,
            mend="name a dated version (a revision for from_pretrained), and try a new one before it serves",
        )  # fmt: skip
    if PROMPTS.search(subject):
        return unknown(f"all {counted(len(found), 'model')} are pinned; how prompts are kept does not show", evidence,
                       mend="attest to it")  # fmt: skip
    return passed(f"all {counted(len(found), 'place')} that name a model pin it", evidence)


_ASK = 'client.responses.create(model="{}", input=question)\n'
CHECKS = (
    of_tree(
        "ai.version.pinned", "Models that the code asks are pinned", _versions, Severity.LOW,
        Documentation(
            what="Every model that production code names carries a date, a build or a revision.",
            why="A name that moves changes every answer on a day that nobody chose.",
            how_verified="Looks for names of OpenAI's, Anthropic's, Google's, Mistral's, Cohere's and DeepSeek's "
            "models in "
            "strings, and for from_pretrained without a revision. How prompts are kept is not seen.",
            how_to_mend='model="gpt-4o-2024-08-06"; from_pretrained(name, revision="...").',
            not_applicable_when="Never; without such a name the line is unknown.",
        ),
        {"app/ask.py": _ASK.format("gpt-4o")},
        {"app/ask.py": _ASK.format("gpt-4o-2024-08-06")},
        params={"subject": "Model versions pinned"},
    ),
)  # fmt: skip
