"""Between the verdicts of checks and the status of a line: what the line claims that nothing looked at."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from roadworthy.inspection.mapper import Mapped
from roadworthy.inspection.mapper.polarity import Sense
from roadworthy.inspection.mapper.text import tokens
from roadworthy.inspection.remainder.covering import Answered, Seen
from roadworthy.inspection.remainder.lexicon import Sort, entries, plain
from roadworthy.inspection.remainder.narrowing import FAILING, narrowed
from roadworthy.inspection.remainder.reading import Claimed, claimed, saying, words_of

_ASIDE = re.compile(r"\([^()]*\)")
_JOINED = re.compile(r"[,;&+]|\band\b", re.IGNORECASE)
"""Of several claims each can fail the line by itself."""
PRESENCE = frozenset({
    "repo.file", "feature.exists", "fe.smoke", "srv.prodserver", "srv.workers", "srv.up", "db.reachable", "db.engine",
    "redis.up", "health.endpoint", "host.pkg", "log.conf", "doc.any", "doc.api", "doc.arch", "doc.deploy",
    "doc.runbook", "doc.schema", "doc.user", "cfg.example", "cfg.env", "mon.logs", "mon.metrics",
})  # fmt: skip
"""Requirements that are met by something being there: what else is done to it is another claim."""
DENIALS = frozenset({"no", "not", "never", "without", "none"})
TAKEN_ON_TRUST = frozenset({Sort.STRONG, Sort.WEAK, Sort.EVERY, Sort.ACT, Sort.OPPOSITE, Sort.NAME})
"""Where the words of a rule hold one of these, its checks look for it. That a thing was seen, only evidence says."""


def beyond(mapped: Mapped, decisive: Sequence[Answered]) -> tuple[str, ...]:
    """Words of a line that claim something which none of the `decisive` answers, those it rests on, looked at."""
    seen = Seen(decisive)
    carrying = _by_words(mapped, seen) if decisive else ()
    said = {word for words in carrying for word in plain(words)}
    shown = {word for one in claimed(mapped.item.text) if seen.covers(one) for word in plain(one.words)}
    meant = frozenset(tokens(saying(mapped.item.text))) - said - shown - _waived(mapped)
    if seen.speaks_of_all():
        meant -= DENIALS
    if mapped.sense is not Sense.ASKED:
        meant -= entries(Sort.OPPOSITE).keys()
    others = (one for one in mapped.unread if one in mapped.left or not seen.declares(one))
    unread = (one if one not in mapped.left else _unspoken(one, seen, meant) for one in others)
    return tuple(dict.fromkeys((*filter(None, unread), *carrying, *narrowed(mapped, decisive))))


def _unspoken(phrase: str, seen: Seen, meant: frozenset[str]) -> str:
    """The words of `phrase` that are `meant` as a claim, and that no answer speaks of."""
    return " ".join(word for word in phrase.split() if word in meant and not seen.speaks_of(word))


def _by_words(mapped: Mapped, seen: Seen) -> tuple[str, ...]:
    if mapped.understood is None:
        return ()
    carrying = list(_carrying(mapped))
    left = [one for one in carrying if not seen.covers(one)]
    met = {one.group for one in carrying if one.sort is Sort.THING and one not in left}
    return words_of([one for one in left if one.sort is not Sort.THING or one.group not in met])


def off_the_point(mapped: Mapped, decisive: Sequence[Answered]) -> tuple[str, ...]:
    """Things that a failed line names and no evidence speaks of: it was something else that failed."""
    seen = Seen(decisive)
    others = tuple(narrowed(mapped, decisive, FAILING))
    if others or mapped.understood is None or seen.is_about_all():
        return others
    text = _ASIDE.sub(" ", mapped.item.text)
    things = [one for one in claimed(text) if one.sort is Sort.THING]
    if len(mapped.requirements) > 1 or _JOINED.search(text):
        return ()
    left = [one for one in things if not seen.covers(one, there=False) and not _is_understood(one, mapped.understood)]
    return words_of(left) if left and len(left) == len(things) else ()


def _carrying(mapped: Mapped) -> Iterator[Claimed]:
    """What the line claims, but for what the rules that chose its checks were looking for."""
    waived = _waived(mapped)
    for one in claimed(mapped.item.text):
        if set(plain(one.words)) <= waived:
            continue
        if one.sort is Sort.ACT and not {need.id for need in mapped.requirements} <= PRESENCE:
            continue
        if mapped.sense is not Sense.ASKED and (one.sort is Sort.OPPOSITE or one.denied):
            continue
        if not (one.sort in TAKEN_ON_TRUST and _is_understood(one, mapped.understood or ())):
            yield one


def _waived(mapped: Mapped) -> frozenset[str]:
    return frozenset(word for phrase in mapped.without for word in plain(phrase))


def _is_understood(one: Claimed, understood: Collection[str]) -> bool:
    return bool(plain(one.words)) and set(plain(one.words)) <= set(understood)
