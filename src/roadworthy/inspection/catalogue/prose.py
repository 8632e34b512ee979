"""Which documents of a tree tell how its system is operated, and the sections in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roadworthy.inspection.probes.repo import ASIDE, RepoProbe

PROSE = ("*.md", "*.markdown", "*.rst", "*.adoc")
"""Not *.txt: there # begins a comment, and "# deployment tools" stands over a list of packages."""
OTHER_FOLDERS = (ASIDE - {"docs"}) | {
    *(
        "third_party",
        "modules",
        ".terraform",
        "charts",
        "templates",
        "template",
        "issue_template",
        "dist",
        "build",
        "archive",
        "samples",
        "sample",
    ),
    *("adr", "adrs", "decisions", "rfcs", "proposals"),
}
"""Folders of what others wrote, of examples, and of what was once decided: they don't say how it is done here."""
NO_PLAN = re.compile(
    r"\b(?:check ?-?lists?|checks?|audit|verif\w+|(?<!architecture )references?|change ?log|release notes|road ?map"
    r"|backlog|to-?dos?|glossary|template|example|tutorial|rules?|contributing|faq|reports?|project review|findings"
    r"|retrospective|meeting|minutes|sprint|action required|requires action)\b",
    re.IGNORECASE,
)
"""In a title: the document asks, lists, or tells of what will be; it doesn't say what to do."""
HOW_TO_VERIFY = re.compile(r"^(?:how (?:it is|to|this is|we) (?:verif|check|test|audit)|verification\b)", re.IGNORECASE)
DENIED = re.compile(
    r"\b(?:no|not|without|never|todo|tbd|future|planned|someday|later|missing|ideas?|non-goals?)\b|\bout of scope\b",
    re.IGNORECASE,
)
"""In a heading: what follows is not how it is done."""
PENDING = re.compile(r"\b(?:todo|tbd|to be (?:written|done|decided|defined)|coming soon|lorem ipsum)\b", re.IGNORECASE)
NOTHING_THERE = re.compile(
    r"\bthere (?:is|are) (?:currently |still |yet )?no\b"
    r"|\bwe (?:do not|don't|have not|haven't|have never|have no|lack)\b"
    r"|\b(?:does not|doesn't) exist\b|\bnot (?:yet )?(?:defined|documented|written|implemented|in place|available)\b"
    r"|\bnone (?:yet|so far|exists?)\b|\bnothing (?:yet|here)\b",
    re.IGNORECASE,
)
"""How a text begins that tells that there is nothing to tell."""
GENERATED = re.compile(
    r"\b(?:auto-?|automatically )?generated (?:by|from|with|file|page)|\bdo not edit\b", re.IGNORECASE
)
BOX = re.compile(
    "^[ \\t]*(?:(?:[-*+]|\\d+[.)])\\s*(?:\\[[ xX]\\]|[\N{WHITE HEAVY CHECK MARK}\N{CROSS MARK}\N{BALLOT BOX}"
    "\N{BALLOT BOX WITH CHECK}\N{WHITE LARGE SQUARE}])|<sub>roadworthy:)",
    re.MULTILINE,
)
BOXES_MAX = 2
LINES_A_BOX = 20
"""A long guide may end with a list of boxes, and is a guide all the same."""
OWN_FOLDERS = frozenset({
    "doc", "docs", "documentation", "documents", "wiki", "handbook", "manual", "guide", "guides", "runbook", "runbooks",
    "playbooks", "ops", "operations", "sre", "deploy", "deployment", "deployments", "infra", "infrastructure",
    "architecture", ".github", "backend", "server", "api", "app", "service", "web", "src",
})  # fmt: skip
"""What stands below another folder is about that part of the tree, not about the system."""
OPERATES = re.compile(r"\bdeploy|\boperat|\brelease|\brunbook|\bon-?call|\bproduction\b", re.IGNORECASE)
HEAD_CHARACTERS = 600
HEADING_CHARACTERS = 300
BEGINNING_CHARACTERS = 120
ALIKE_MIN = 4
"""So many documents of a folder with the same headings are pages of a catalogue."""
_UNSHOWN = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FENCED = re.compile(r"^(?P<mark>`{3,9}|~{3,9}|----)[^`\n]*\n.*?^(?P=mark)[ \t]*$", re.MULTILINE | re.DOTALL)
_BOXED_LINE = re.compile(f"(?:{BOX.pattern}).*", re.MULTILINE)
_HEADING = re.compile(
    r"^(?P<marks>#{1,6}|={1,6})[ \t]+(?P<text>\S.*)$|^(?P<lined>\S[^\n]*)\n(?P<line>={3,}|-{3,}|~{3,}|\^{3,})[ \t]*$",
    re.MULTILINE,
)

_SENTENCE = re.compile(r"[.!?]\s|\n")
_WORD = re.compile(r"[^\W\d_]\S*")
"""What holds a letter, up to the next blank."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of a document, how deep it is (1 the title), and the words under it and under deeper ones.

    A sentence counts once however often it stands there; what begins by saying that there is nothing has no words.
    `beginning` is how the text begins, for reports to quote.
    """

    path: str
    heading: str
    level: int
    words: int
    beginning: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A document with its sections, in order."""

    path: str
    text: str
    sections: tuple[Section, ...]

    @property
    def title(self) -> str:
        """Its first heading, or its name."""
        return self.sections[0].heading if self.sections else self.path.rpartition("/")[2]

    @property
    def skeleton(self) -> tuple[str, ...]:
        """Its headings below the title."""
        return tuple(one.heading.lower() for one in self.sections if one.level > 1)


def operating(repo: RepoProbe) -> tuple[Sequence[Document], int]:
    """The tree's own documents that may say how its system is operated, and how many were looked at in all."""
    return repo.known(_operating)


def _operating(repo: RepoProbe) -> tuple[Sequence[Document], int]:
    everything = [read(path, repo.read(path)) for path in repo.find(*PROSE)]
    return [one for one in everything if _tells_how(one) and not _page_of_catalogue(one, everything)], len(everything)


def of_the_whole(section: Section) -> bool:
    """Whether its document stands where those of the whole system stand, and not in the folder of a part."""
    first, *rest = section.path.lower().split("/")
    return not rest or first in OWN_FOLDERS


def tells_of_operation(documents: Sequence[Document]) -> bool:
    """Whether the tree is where people wrote down how the system is run: what is missing there, is missing."""
    return any(OPERATES.search(one.heading) for document in documents for one in document.sections)


def read(path: str, text: str) -> Document:
    """The sections of a document; a # in a block of code is no heading."""
    shown = _UNSHOWN.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    bare = _FENCED.sub(lambda block: re.sub(r"[#=~^-]", " ", block[0]), shown)
    headings = list(_HEADING.finditer(bare))
    sections = []
    for i, heading in enumerate(headings):
        level = _level(heading)
        end = next((one.start() for one in headings[i + 1 :] if _level(one) <= level), len(bare))
        body = _BOXED_LINE.sub("", bare[heading.end() : end])
        named = (heading["text"] or heading["lined"]).strip(" #=")[:HEADING_CHARACTERS]
        sections.append(Section(path, named, level, _words(body), " ".join(body.split())[:BEGINNING_CHARACTERS]))
    return Document(path, text, tuple(sections))


def _words(body: str) -> int:
    beginning = body[: 2 * BEGINNING_CHARACTERS]
    if PENDING.search(body[:BEGINNING_CHARACTERS]) or NOTHING_THERE.search(beginning):
        return 0
    sentences = dict.fromkeys(" ".join(one.lower().split()) for one in _SENTENCE.split(body))
    return sum(1 for one in sentences for _ in _WORD.finditer(one))


def about(documents: Sequence[Document], topic: re.Pattern[str]) -> Iterator[Section]:
    """Sections whose own heading is about `topic`, and does not deny it."""
    for document in documents:
        yield from (one for one in document.sections if topic.search(one.heading) and not DENIED.search(one.heading))


def _level(heading: re.Match[str]) -> int:
    if heading["marks"]:
        return len(heading["marks"])
    return 1 if heading["line"].startswith("=") else 2


def _tells_how(document: Document) -> bool:
    *folders, name = document.path.lower().split("/")
    if OTHER_FOLDERS & set(folders) or NO_PLAN.search(re.sub(r"[_-]", " ", name)) or NO_PLAN.search(document.title):
        return False
    if GENERATED.search(document.text[:HEAD_CHARACTERS]) or any(map(HOW_TO_VERIFY.search, document.skeleton)):
        return False
    return len(BOX.findall(document.text)) <= max(BOXES_MAX, document.text.count("\n") // LINES_A_BOX)


def _page_of_catalogue(document: Document, everything: Sequence[Document]) -> bool:
    """Whether its folder holds several documents with just its headings; runbooks are alike too, and say so."""
    if not document.skeleton or "runbook" in document.path.lower():
        return False
    folder = document.path.rpartition("/")[0]
    alike = [one for one in everything if one.path.rpartition("/")[0] == folder and one.skeleton == document.skeleton]
    return len(alike) >= ALIKE_MIN
