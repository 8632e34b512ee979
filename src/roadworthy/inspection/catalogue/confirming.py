"""Whether a page asks before it deletes: in templates, where the element that deletes says so itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue.declaring import of_tree
from roadworthy.inspection.catalogue.kit import counted, failed, observe, offered, passed
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.model import Documentation, Probes, Requirement
from roadworthy.inspection.probes.repo import RepoProbe

TEMPLATES = (
    "*.html",
    "*.htm",
    "*.erb",
    "*.haml",
    "*.j2",
    "*.jinja",
    "*.jinja2",
    "*.twig",
    "*.blade.php",
    "*.hbs",
    "*.ejs",
)
FILES_LIMIT = 2_000
DELETES = re.compile(r"delet|destroy|remove", re.IGNORECASE)
ASKS = ("hx-confirm", "data-confirm", "data-turbo-confirm", "data-bs-target", "data-target", "data-modal")
_RAILS = re.compile(r"\b(?:link_to|button_to)\b[^%\n]{0,400}\bmethod:\s*:delete[^%\n]{0,400}")


class _Reader(HTMLParser):
    """Elements that delete, and whether they ask."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[int, str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        posts_away = (
            tag == "form" and given.get("method", "").lower() == "post" and DELETES.search(given.get("action", ""))
        )
        if (
            "hx-delete" in given
            or given.get("data-turbo-method") == "delete"
            or given.get("data-method") == "delete"
            or posts_away
        ):
            asks = any(name in given for name in ASKS) or any(
                "confirm" in given.get(one, "") for one in ("onclick", "onsubmit")
            )
            self.found.append(
                (self.getpos()[0], f"<{tag} {given.get('hx-delete') or given.get('action') or ''}".strip() + ">", asks)
            )


def _deleting(repo: RepoProbe) -> Sequence[tuple[str, str, bool]]:
    """Where templates delete, the element, and whether it asks first."""
    return [
        (f"{path}:{line}", words, asks)
        for path in repo.find(*TEMPLATES, aside=False)[:FILES_LIMIT]
        for line, words, asks in _in(repo.read(path))
    ]


def _in(text: str) -> Iterator[tuple[int, str, bool]]:
    reader = _Reader()
    reader.feed(text)
    yield from reader.found
    for match in _RAILS.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match[0][:80], "confirm" in match[0]


async def _asks_first(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    repo = offered(probes.repo, "repo")
    found = await repo.facts(_deleting)
    if not found:
        raise Unobservable(
            "no element of a template here deletes anything by itself: scripts are not read",
            "attest to it, or walk a flow",
        )
    silent = [(where, words) for where, words, asks in found if not asks]
    lines = [f"{where} {words}" for where, words in silent[:8]]
    evidence = observe(
        "elements of templates that delete",
        "\n".join(lines or ["all ask first"]) + f"\n{len(found)} looked at",
        repo.vantage,
    )
    if silent:
        return failed(
            f"{silent[0][0]} deletes without asking", evidence, mend="ask first, and say what will be gone",
            patch='hx-confirm="Delete this for good?"',
        )  # fmt: skip
    return passed(f"all {counted(len(found), 'element')} that delete ask first", evidence)


CHECKS = (
    of_tree(
        "fe.confirm.templates", "What deletes asks first", _asks_first, Severity.LOW,
        Documentation(
            what="Every element of a template that deletes by itself says that it asks: hx-confirm, "
            "data-turbo-confirm, "
            "data-confirm, confirm() in its handler, or a dialog that it opens.",
            why="What is gone by a slip of the finger is restored from a backup, if at all.",
            how_verified="Reads templates for hx-delete, data-turbo-method and data-method=delete, forms whose "
            "address says "
            "delete, and Rails' link_to and button_to. Buttons of scripts are not seen: without such elements people "
            "know.",
            how_to_mend="hx-confirm, data-turbo-confirm, or a page that asks.",
            not_applicable_when="Never; without such an element only people know.",
        ),
        {"templates/job.html": '<button hx-delete="/jobs/7">Delete</button>\n'},
        {"templates/job.html": '<button hx-delete="/jobs/7" hx-confirm="Delete the job?">Delete</button>\n'},
    ),
)  # fmt: skip
