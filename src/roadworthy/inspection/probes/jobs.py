"""A job of continuous integration: its commands, when it runs, and whether its failure stops anything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

REUSE_DEPTH = 4
PUSH, PULL, TAG, SCHEDULE = "push", "pull request", "tag", "schedule"
HAND, RELEASE, UNSEEN = "hand", "release", "unseen"
"""When a job runs. `UNSEEN`: the server that runs it decides, and the files don't say."""
_COMMENT = re.compile(r"(?m)^[ \t]*#.*$|(?<=\s)#\s.*$")
_WRITTEN = re.compile(
    r"(?:\b(?:cat|tee)\b|>)[^\n<]{0,300}<<-?[ \t]{0,9}['\"]?(\w{1,100})"
    r"|<<-?[ \t]{0,9}['\"]?(\w{1,100})['\"]?[ \t]{0,9}>"
)
_DOUBTFUL = re.compile(
    r"github\.(?:repository|repository_owner|actor|triggering_actor)\s*==|\b(?:vars|env|inputs|secrets)\.\w+"
    r"|contains\(\s*github\.event\.(?:head_commit|pull_request\.labels)",
    re.IGNORECASE,
)
_TOLERATED = re.compile(r"\|\|\s*(?:true|:|exit 0|echo\b)|;\s*(?:true|exit 0)\s*$|^[ \t]*set \+e\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Step:
    """A command, or an action that somebody published (`uses`); `tolerated`: its failure stops nothing."""

    run: str = ""
    uses: str = ""
    tolerated: bool = False
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Command without comments, action and what it is given, in one text."""
        values = "\n".join(f"{name}: {value}" for name, value in self.given.items())
        return "\n".join(part for part in (self.run, self.uses, values) if part)


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a pipeline: where it stands, when it runs, its steps in order.

    `tolerated`: its failure stops nothing. `unread`: what it takes from elsewhere ("acme/ci/.github/workflows/x.yml").
    `environment`: where it deploys to, in its own words. `branches`: those it runs for, empty for all.
    `paths`: those whose change runs it, empty for all.
    """

    system: str
    path: str
    name: str
    triggers: frozenset[str]
    steps: tuple[Step, ...] = ()
    tolerated: bool = False
    unread: tuple[str, ...] = ()
    environment: str = ""
    branches: tuple[str, ...] = ()
    image: str = ""
    paths: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """As reports name it."""
        return f"{self.path}, job {self.name}"

    @property
    def of_every_change(self) -> bool:
        """Whether a push or a pull request runs it."""
        return bool(self.triggers & {PUSH, PULL})


@dataclass(frozen=True, slots=True)
class Integration:
    """All jobs of a tree. `broken`: files that can't be read; `others`: systems that are not read here."""

    jobs: tuple[Job, ...] = ()
    broken: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def unread(self) -> tuple[str, ...]:
        """What could hold more than was seen."""
        elsewhere = [f"{job.where} uses {one}" for job in self.jobs for one in job.unread]
        return (*self.broken, *self.others, *elsewhere)


def script(text: str) -> str:
    """A script without its comments and without texts that it writes to files, continued lines joined."""
    return _COMMENT.sub("", "\n".join(_commands(text.replace("\\\n", " ")))).strip()


def _commands(text: str) -> Iterator[str]:
    """Lines without texts that go to files: `cat > notes.txt <<EOF`; what goes to a shell is run."""
    until = ""
    for line in text.splitlines():
        if until:
            until = "" if line.strip() == until else until
            continue
        yield line
        opened = _WRITTEN.search(line)
        until = (opened[1] or opened[2]) if opened else ""


def lets_fail(text: str) -> bool:
    """Whether a script goes on when what it runs fails: `pytest || true`."""
    return bool(_TOLERATED.search(text))


def never(condition: Any) -> bool:
    """Whether a condition is the word false, or asks for it besides."""
    said = re.sub(r"^\$\{\{|\}\}$", "", str(condition).strip()).strip().lower()
    return condition is False or any(part.strip() == "false" for part in said.split("&&") if "||" not in said)


def doubtful(condition: Any) -> bool:
    """Whether a condition rests on what no file says: which repository it is, a variable, an input, an actor."""
    return bool(_DOUBTFUL.search(str(condition or "")))


def true(value: Any) -> bool:
    """Whether it says true, or computes it: what may be true is not counted on."""
    return value not in (None, False, "false", "${{ false }}")
