"""Parses Prometheus' text format (and OpenMetrics'), strictly enough to say whether a scraper would accept it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

SAMPLES_LIMIT = 50_000
_SAMPLE = re.compile(
    r"^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)"
    r"(?:\{(?P<labels>.*)\})?[ \t]+"
    r"(?P<value>[-+]?(?:[0-9.]+(?:[eE][-+]?[0-9]+)?|Inf|NaN))"
    r"(?:[ \t]+[0-9.]+)?(?:[ \t]+\#.*)?$"
)
_LABEL = re.compile(r'(?<![a-zA-Z0-9_])([a-zA-Z_][a-zA-Z0-9_]*)="((?:\\.|[^"\\])*)"')
_SUFFIX = re.compile(r"_(?:bucket|count|sum|total|created|info)$")


@dataclass(frozen=True, slots=True)
class Sample:
    """One line: a series and its value."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Exposition:
    """A page of metrics. `types` maps a family to counter, gauge, histogram, summary; `errors` are unreadable lines."""

    samples: Sequence[Sample]
    types: Mapping[str, str]
    errors: Sequence[str]

    @property
    def valid(self) -> bool:
        """Whether a scraper would take the page: samples, and no line that is none."""
        return bool(self.samples) and not self.errors

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the series, each once, sorted."""
        return tuple(sorted({sample.name for sample in self.samples}))

    def find(self, pattern: re.Pattern[str]) -> Sequence[Sample]:
        """Samples whose series' name matches."""
        return [sample for sample in self.samples if pattern.search(sample.name)]

    def typed(self, kind: str) -> tuple[str, ...]:
        """Families of a type that have samples, sorted."""
        seen = set(self.names) | {_SUFFIX.sub("", name) for name in self.names}
        return tuple(
            sorted(name for name, of in self.types.items() if of == kind and (name in seen or _base(name, seen)))
        )


def parse(text: str) -> Exposition:
    """Read a page, at most `SAMPLES_LIMIT` samples of it."""
    samples: list[Sample] = []
    types: dict[str, str] = {}
    errors: list[str] = []
    for line in _lines(text):
        if line.startswith("#"):
            words = line.split(None, 3)
            if len(words) == 4 and words[1] == "TYPE":  # noqa: PLR2004 - "# TYPE name kind"
                types[words[2]] = words[3].strip().lower()
            continue
        match = _SAMPLE.match(line)
        if match is None:
            errors.append(line[:80])
        elif len(samples) < SAMPLES_LIMIT:
            labels = dict(_LABEL.findall(match["labels"] or ""))
            samples.append(Sample(match["name"], labels, float(match["value"])))
    return Exposition(samples, types, errors)


def _lines(text: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip())


def _base(name: str, seen: set[str]) -> bool:
    return _SUFFIX.sub("", name) in seen
