from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from roadworthy.apps.hiring.demo import phrases
from roadworthy.apps.hiring.demo.draws import Draws, Weighted

if TYPE_CHECKING:
    from roadworthy.apps.hiring.demo.jobs import Position

STYLES = Weighted.of({"prose": 46, "lists": 40, "brief": 14})


def describe(draws: Draws, position: Position) -> str:
    """A vacancy's text: paragraphs between empty lines; a line that begins with `- ` is an item of a list."""
    write = {"prose": _prose, "lists": _lists, "brief": _brief}[STYLES.draw(draws)]
    city, company = position.city, position.company
    return "\n\n".join(write(draws, position)).format_map(
        {
            "company": company.name,
            "city": city.name,
            "state": city.state_name,
            "title": position.title,
            "a_title": f"{'an' if position.title[0] in 'AEIOU' else 'a'} {position.title}",
            "kind": phrases.companies().kinds[company.kind].said,
        }
    )


def join_words(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; with semicolons when a part has a comma of its own."""
    if len(parts) == 1:
        return parts[0]
    separator = "; " if any("," in part for part in parts) else ", "
    last = "; and " if separator == "; " else " and "
    return separator.join(parts[:-1]) + last + parts[-1]


def _opening(draws: Draws, position: Position) -> str:
    texts = phrases.texts()
    return draws.pick(texts["remote_openings" if position.is_remote else "openings"])


def _manner(draws: Draws, position: Position) -> str:
    texts = phrases.texts()
    return f"{draws.pick(texts['level_' + position.level])} {draws.pick(texts['hours_' + position.terms])}"


def _prose(draws: Draws, position: Position) -> list[str]:
    texts, family = phrases.texts(), phrases.families()[position.role.family]
    duties = join_words(draws.picks(family.duties, draws.between(2, 3)))
    needs = join_words(draws.picks(family.needs, draws.between(1, 3)))
    benefits = join_words(draws.picks(texts["benefits"], draws.between(2, 3)))
    return [
        f"{_opening(draws, position)} {draws.pick(texts['duty_leads'])} {duties}.",
        f"{draws.pick(texts['need_leads'])} {needs}. {_manner(draws, position)}",
        f"{draws.pick(texts['benefit_leads'])} {benefits}. {draws.pick(texts['closings'])}",
    ]


def _lists(draws: Draws, position: Position) -> list[str]:
    texts, family = phrases.texts(), phrases.families()[position.role.family]
    return [
        f"{_opening(draws, position)} {_manner(draws, position)}",
        _list(draws.pick(texts["duty_heads"]), draws.picks(family.duties, draws.between(3, 4))),
        _list(draws.pick(texts["need_heads"]), draws.picks(family.needs, draws.between(2, 3))),
        _list(draws.pick(texts["benefit_heads"]), draws.picks(texts["benefits"], draws.between(2, 4))),
        draws.pick(texts["closings"]),
    ]


def _brief(draws: Draws, position: Position) -> list[str]:
    texts, family = phrases.texts(), phrases.families()[position.role.family]
    duties = join_words(draws.picks(family.duties, 2))
    return [
        f"{_opening(draws, position)} You will {duties}. {_manner(draws, position)}",
        f"We offer {join_words(draws.picks(texts['benefits'], 3))}. {draws.pick(texts['closings'])}",
    ]


def _list(heading: str, items: Sequence[str]) -> str:
    return "\n".join([f"{heading}:", *(f"- {item[0].upper()}{item[1:]}" for item in items)])
