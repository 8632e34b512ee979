"""What a line asks, as the rest of the inspector takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import Kind
from roadworthy.inspection.mapper.polarity import Sense
from roadworthy.inspection.model import Item, Requirement
from roadworthy.inspection.requirements import kind_of


@dataclass(frozen=True, slots=True)
class Mapped:
    """A line with what it asks: all of `requirements`, or any one of them where the line says "or" (`any_of`).

    `alternatives`: the number of the group that each requirement belongs to, where only some are alternatives
    ("Redis or Memcached, with TTLs"); of each group one is enough. `unread`: further claims of the line that nothing
    recognises; it can't be said to hold. `unmeasurable`: why no check could verify it ("60% faster" than what?).
    `sense`: which way round the verdicts are to be read. `shown_by_failure`: a failure of what is asked proves what a
    line of another sense states. `left_out`: why its authors leave it to people. `understood`: the words of the
    line that its requirements were recognised by; None where no words were read but code, or a comment of the team.
    `left`: those of `unread` that are mere words, which the evidence may turn out to speak of. `without`: words that
    the team says the line is to be judged without.
    """

    item: Item
    requirements: tuple[Requirement, ...]
    any_of: bool = False
    unread: tuple[str, ...] = ()
    unmeasurable: str = ""
    sense: Sense = Sense.ASKED
    shown_by_failure: bool = False
    alternatives: tuple[int, ...] = ()
    left_out: str = ""
    understood: frozenset[str] | None = None
    left: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The places of `requirements` in groups, of each of which one must hold."""
        numbers = (0,) * len(self.requirements) if self.any_of else self.alternatives or range(len(self.requirements))
        grouped: dict[int, list[int]] = {}
        for place, number in enumerate(numbers):
            grouped.setdefault(number, []).append(place)
        return tuple(map(tuple, grouped.values()))


def kind_of_line(requirements: Sequence[Requirement]) -> Kind:
    """A line of several claims is a machine's as soon as a machine can verify one of them."""
    kinds = [kind_of(one.id) for one in requirements]
    return Kind.MACHINE if Kind.MACHINE in kinds else kinds[0]
