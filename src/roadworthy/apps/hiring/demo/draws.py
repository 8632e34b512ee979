from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Draws:
    """Seeded choices built on `Random.random()` alone: the one sequence Python promises never to change."""

    def __init__(self, seed: int | str) -> None:
        """Take `seed`: the same seed draws the same values on every machine and Python version."""
        self.uniform = Random(seed).random  # noqa: S311 - demo data, not secrets

    def pick(self, options: Sequence[T]) -> T:
        """One of `options`, all equally likely."""
        return options[int(self.uniform() * len(options))]

    def picks(self, options: Sequence[T], count: int) -> list[T]:
        """`count` different `options`, or all of them when there are fewer, in random order."""
        left = list(options)
        return [left.pop(int(self.uniform() * len(left))) for _ in range(min(count, len(left)))]

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True with `probability` (0 to 1)."""
        return self.uniform() < probability


class Weighted(Generic[T]):
    """Options that are not equally likely; weights need not add up to anything."""

    def __init__(self, options: Sequence[T], weights: Sequence[float]) -> None:
        """Take as many `weights` as `options`, at least one of them above zero."""
        self._options = options
        self._bounds = list(accumulate(weights))
        assert len(options) == len(weights)
        assert self._bounds
        assert self._bounds[-1] > 0

    @classmethod
    def of(cls, weights: Mapping[T, float]) -> Weighted[T]:
        """Build from `{option: weight}`."""
        return cls(list(weights), list(weights.values()))

    def draw(self, draws: Draws) -> T:
        """One option, as likely as its weight."""
        return self._options[bisect_right(self._bounds, draws.uniform() * self._bounds[-1])]
