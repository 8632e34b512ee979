"""Phrases as data: regular expressions for requirements, read from the files beside this module.

A line of a `.phrases` file is `ids: regular expression`; ids are requirements, with commas between, and `bk.*` are all
of a group. Case does not matter. Lines that begin with "# " are comments; several lines for one id are alternatives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from roadworthy.inspection.requirements import BY_ID


@dataclass(frozen=True, slots=True)
class Phrase:
    """What `pattern` finds says something about the requirements `ids`."""

    ids: tuple[str, ...]
    pattern: re.Pattern[str]

    def concerns(self, requirement: str) -> bool:
        """Whether it is about `requirement`, by its id or by that of its group."""
        group = f"{requirement.partition('.')[0]}.*"
        return requirement in self.ids or group in self.ids


class PhraseError(ValueError):
    """A line of a phrases file cannot be read; the message says which and why."""


@cache
def phrases(name: str) -> tuple[Phrase, ...]:
    """The table `name`.

    Raises:
        PhraseError: an id that nothing declares, or no regular expression.
    """
    text = resources.files(__package__).joinpath("phrases", f"{name}.phrases").read_text("utf-8")
    numbered = enumerate(text.splitlines(), 1)
    return tuple(_phrase(line, f"{name}.phrases:{n}") for n, line in numbered if line and not line.startswith("# "))


def _phrase(line: str, where: str) -> Phrase:
    said, _, pattern = line.partition(": ")
    ids = tuple(part.strip() for part in said.split(","))
    groups = {f"{known.partition('.')[0]}.*" for known in BY_ID}
    for one in ids:
        if one not in BY_ID and one not in groups:
            raise PhraseError(f"{where}: no requirement is called {one!r}")
    try:
        return Phrase(ids, re.compile(pattern, re.IGNORECASE))
    except re.error as error:
        raise PhraseError(f"{where}: {error}") from error


@cache
def harmless(group: str = "") -> frozenset[str]:
    """Words that change nothing about what a line asks: of any, or of requirements of `group` ("db") alone."""
    text = resources.files(__package__).joinpath("phrases", "harmless.words").read_text("utf-8")
    marked = (line.rpartition(".*: ") for line in text.splitlines() if not line.startswith("# "))
    return frozenset(word for said, _, words in marked if said == group for word in words.split())


@cache
def _lexicon() -> tuple[re.Pattern[str], Mapping[str, str]]:
    text = resources.files(__package__).joinpath("phrases", "lexicon.words").read_text("utf-8")
    entries = [line.partition(": ") for line in text.splitlines() if line and not line.startswith("# ")]
    groups = {f"w{number}": english for number, (english, _, _) in enumerate(entries)}
    said = "|".join(f"(?P<w{number}>{foreign})" for number, (_, _, foreign) in enumerate(entries))
    return re.compile(rf"(?<!\w)(?:{said})(?!\w)", re.IGNORECASE), groups


def in_english(text: str) -> str:
    """`text` with the technical words of other languages that are known in English; the rest stays as it is."""
    pattern, groups = _lexicon()
    return pattern.sub(lambda match: groups[str(match.lastgroup)], text)
