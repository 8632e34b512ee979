"""Values as people read them: the filters of every template."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from markupsafe import Markup

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
WEEKS_TO_SAY = 14


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long ago `moment` was: `just now`, `5 minutes ago`, `yesterday`, `3 weeks ago`, then the date."""
    age = (now or datetime.now(UTC)) - moment
    if age < MINUTE:
        return "just now"
    for unit, limit, name in ((MINUTE, HOUR, "minute"), (HOUR, DAY, "hour"), (DAY, 2 * WEEK, "day")):
        if age < limit:
            count = age // unit
            return "yesterday" if name == "day" and count == 1 else f"{plural(count, name)} ago"
    return f"{age // WEEK} weeks ago" if age < WEEKS_TO_SAY * WEEK else f"on {day(moment)}"


def day(moment: datetime) -> str:
    """`March 4, 2026`."""
    return f"{moment:%B} {moment.day}, {moment.year}"


def number(value: int) -> str:
    """`12,345`."""
    return f"{value:,}"


def plural(count: int, singular: str, several: str | None = None) -> str:
    """`1 job`, `2 jobs`, `1,000 companies`."""
    return f"{count:,} {singular if count == 1 else several or singular + 's'}"


def iso(moment: datetime) -> str:
    """A moment as the `datetime` attribute takes it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def prose(text: str) -> Markup:
    """Plain text as HTML: paragraphs between empty lines, lines that begin with `- ` as a list, all else escaped."""
    blocks = [block.strip().splitlines() for block in text.replace("\r\n", "\n").split("\n\n") if block.strip()]
    return Markup("\n").join(_block(lines) for lines in blocks)


def _block(lines: list[str]) -> Markup:
    plain = [line for line in lines if not line.startswith("- ")]
    items = [line[2:] for line in lines if line.startswith("- ")]
    if not items:
        return Markup("<p>{}</p>").format(Markup("<br>").join(plain))
    heading = Markup("<h3>{}</h3>").format(" ".join(plain).rstrip(":")) if plain else Markup("")
    entries = Markup("").join(Markup("<li>{}</li>").format(item) for item in items)
    return heading + Markup("<ul>{}</ul>").format(entries)


def initials(name: str) -> str:
    """One or two letters that stand for a name: `Still & Salt Spa` -> `SS`."""
    words = [word for word in name.split() if word[0].isalnum() and word.lower() not in {"the", "of", "at", "and"}]
    return "".join(word[0] for word in words[:2]).upper() or "?"


def hue(key: int) -> int:
    """One of six colors for things that have no picture, the same every time."""
    return key % 6
